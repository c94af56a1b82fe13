// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation
internal import SlashingProtection

/// An interchange file that is read from the disk as it is needed.
final class HistoryFile: InterchangeSource {
    private let handle: Lock<FileHandle>
    private let path: String
    let size: Int

    private init(_ path: String) throws(Failure) {
        guard let handle = FileHandle(forReadingAtPath: path), let end = try? handle.seekToEnd() else {
            throw Failure("\(path) does not exist or cannot be read")
        }
        self.path = path
        self.handle = Lock(handle)
        size = Int(end)
    }

    func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
        let data = handle.withLock { handle -> Data? in
            guard (try? handle.seek(toOffset: UInt64(offset))) != nil else { return nil }
            do { return try handle.read(upToCount: count) ?? Data() } catch { return nil }
        }
        guard let data else { throw .interchange(reason: "the file cannot be read at byte \(offset)") }
        return [UInt8](data)
    }

    /// Reads all of a file once, so that nothing begins with a file that is bad further down.
    static func open(_ path: String) async throws(Failure) -> InterchangeFile {
        let source = try HistoryFile(path)
        let result = await Blocking.run(name: "interchange") { () -> Result<InterchangeFile, StoreError> in
            var line = ProgressLine("reading \(path)", total: source.size >> 20, "MB", unit: "MB")
            do throws(StoreError) {
                return .success(try InterchangeFile(source) { bytes in line.reached(bytes >> 20) })
            } catch {
                return .failure(error)
            }
        }
        do throws(StoreError) { return try result.get() } catch { throw Failure("\(path): \(error); nothing was done") }
    }
}

/// An interchange file that is being written: beside its place, and put there when it is whole and on the disk. Or the
/// standard output, for `-`.
final class HistoryOutput {
    private let path: String
    private let partial: String
    private let handle: FileHandle
    private var isFinished = false
    var isStandardOutput: Bool { path == "-" }

    init(_ path: String) throws(Failure) {
        self.path = path
        partial = "\(path).\(ProcessInfo.processInfo.processIdentifier).partial"
        if path == "-" {
            handle = .standardOutput
            return
        }
        guard !FileManager.default.fileExists(atPath: path) else {
            throw Failure("\(path) exists already", hint: "name a new file; an export never overwrites one")
        }
        let isMade = FileManager.default.createFile(
            atPath: partial,
            contents: nil,
            attributes: [.posixPermissions: 0o600]
        )
        guard isMade, let handle = FileHandle(forWritingAtPath: partial) else {
            throw Failure("\(partial) cannot be written")
        }
        self.handle = handle
    }

    deinit {
        if !isFinished, path != "-" { try? FileManager.default.removeItem(atPath: partial) }
    }

    func write(_ bytes: [UInt8]) throws(Failure) {
        do { try handle.write(contentsOf: Data(bytes)) } catch {
            throw Failure("\(path == "-" ? "the standard output" : partial) cannot be written: the disk may be full")
        }
    }

    /// Syncs the file and gives it its name. A file that has come there meanwhile stays.
    func finish() throws(Failure) {
        guard path != "-" else { return }
        do {
            try handle.synchronize()
            try handle.close()
            try FileManager.default.moveItem(atPath: partial, toPath: path)
            isFinished = true
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            try FileHandle(forReadingAtPath: folder)?.synchronize()
        } catch {
            throw Failure("\(path) cannot be put in place", hint: isFinished ? "the disk may have failed" : nil)
        }
    }
}
