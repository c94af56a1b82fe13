// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Secrets
import Testing

@Suite struct SecretFileCreationTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "secret-file-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    private func failure(_ path: String) -> FileFailure? {
        do throws(FileFailure) {
            try SecretFile.create(path, [1, 2, 3].span)
            return nil
        } catch { return error }
    }

    @Test func `a file is made with its bytes, for its owner alone`() throws {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        try SecretFile.create(path("key"), bytes.span)
        #expect(try Data(contentsOf: URL(filePath: path("key"))) == Data(bytes))
        #expect(try FileIdentity(path: path("key")).mode & 0o7777 == 0o600)
        var reader = SecretFileReader()
        #expect(try reader.read(path("key"), limit: 10_000, followsLink: false).size == 10_000)
    }

    @Test func `what stands there is left alone`() throws {
        try Data([9]).write(to: URL(filePath: path("key")))
        #expect(unsafe symlink("nowhere", path("link")) == 0)
        #expect(unsafe mkdir(path("folder"), 0o700) == 0)
        for name in ["key", "link", "folder"] { #expect(failure(path(name)) == .exists) }
        #expect(try Data(contentsOf: URL(filePath: path("key"))) == Data([9]))
        #expect(!FileManager.default.fileExists(atPath: path("nowhere")))
    }

    @Test func `a folder that is not there, and a disk that takes nothing, are told`() {
        #expect(failure("/nonexistent/key") == .notWritten(code: ENOENT))
        #expect(failure("/dev/full") == .exists)
        #expect(failure("/proc/key") == .notWritten(code: ENOENT))
    }

    @Test func `a link is followed unless it may not be`() throws {
        try SecretFile.create(path("key"), [1, 2, 3].span)
        #expect(unsafe symlink("key", path("link")) == 0)
        var reader = SecretFileReader()
        #expect(try reader.read(path("link"), limit: 10).size == 3)
        #expect(throws: FileFailure.symbolicLink) { try reader.read(path("link"), limit: 10, followsLink: false) }
    }
}
