// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Secrets
import Testing

/// A file for one test, gone with its holder.
private final class TemporaryFile: Sendable {
    let path = FileManager.default.temporaryDirectory.path + "/secret-" + UUID().uuidString

    init(_ bytes: [UInt8], mode: Int = 0o600) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension SecretFileReader {
    fileprivate var bytes: [UInt8] {
        let contents = contents
        return contents.indices.map { contents[$0] }
    }
}

@Suite struct SecretFileReaderTests {
    @Test(arguments: [0, 1, 4095, 4096, 4097, 100_000])
    func `a file is read whole, whatever its size`(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let file = try TemporaryFile(bytes)
        var reader = SecretFileReader()
        let identity = try reader.read(file.path, limit: count)
        #expect(reader.bytes == bytes)
        #expect(identity.size == count)
    }

    @Test func `nothing of one file is left when the next is read`() throws {
        let (long, short) = try (TemporaryFile([UInt8](repeating: 7, count: 3000)), TemporaryFile([1, 2, 3]))
        var reader = SecretFileReader()
        try reader.read(long.path, limit: 4096)
        try reader.read(short.path, limit: 4096)
        #expect(reader.bytes == [1, 2, 3])
        #expect(throws: FileFailure.notFound) { try reader.read("/nonexistent/file", limit: 10) }
        #expect(reader.bytes.isEmpty)
        try reader.read(short.path, limit: 4096)
        reader.wipe()
        #expect(reader.bytes.isEmpty)
    }

    @Test func `a file above the limit is refused unread`() throws {
        let file = try TemporaryFile([UInt8](repeating: 7, count: 11))
        var reader = SecretFileReader()
        #expect(throws: FileFailure.tooLarge(bytes: 11, limit: 10)) { try reader.read(file.path, limit: 10) }
        #expect(reader.bytes.isEmpty)
    }

    @Test func `directories, devices and pipes are no files`() throws {
        var reader = SecretFileReader()
        for path in ["/tmp", "/dev/zero"] {
            #expect(throws: FileFailure.notAFile) { try reader.read(path, limit: 10) }
        }
    }

    @Test func `a file that reads longer than it said is refused`() throws {
        // Files of /proc say that they have no bytes.
        var reader = SecretFileReader()
        #expect(throws: FileFailure.changedWhileRead) { try reader.read("/proc/self/status", limit: 10) }
        #expect(reader.bytes.isEmpty)
    }
}

@Suite struct FileIdentityTests {
    @Test(arguments: [(0o600, false), (0o400, false), (0o700, false), (0o640, true), (0o604, true), (0o620, true)])
    func `who may read or write is seen`(_ mode: Int, _ isOpen: Bool) throws {
        let file = try TemporaryFile([1], mode: mode)
        #expect(try FileIdentity(path: file.path).isOpenToOthers == isOpen)
    }

    @Test func `a file that is replaced by one of the same size and time is another`() throws {
        let (first, second) = try (TemporaryFile([1]), TemporaryFile([2]))
        let before = try FileIdentity(path: first.path)
        let date = try #require(
            try FileManager.default.attributesOfItem(atPath: first.path)[.modificationDate] as? Date
        )
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: second.path)
        try FileManager.default.removeItem(atPath: first.path)
        try FileManager.default.moveItem(atPath: second.path, toPath: first.path)
        #expect(try FileIdentity(path: first.path) != before)
    }

    @Test func `an unchanged file keeps its identity`() throws {
        let file = try TemporaryFile([1])
        let before = try FileIdentity(path: file.path)
        var reader = SecretFileReader()
        #expect(try reader.read(file.path, limit: 10) == before)
        #expect(try FileIdentity(path: file.path) == before)
    }
}
