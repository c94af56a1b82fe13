// SPDX-License-Identifier: Apache-2.0
import Audit
import Concurrency
import Encoding
import Files
import Foundation
import Telemetry
import TestSupport

/// A disk that fails as it is told; below it is the system's.
final class FaultyDisk: FileSystem {
    struct Faults: Sendable {
        /// Bytes that still fit; nil for any number.
        var room: Int?
        var failsSync = false
        var failsMove = false
        var failsCut = false
        var failsCreate = false
        /// How often each of these was asked for.
        var appends = 0
        var syncs = 0
    }
    private let system = SystemFiles()
    let faults = Lock(Faults())

    func set(_ change: (inout Faults) -> Void) { faults.withLock { change(&$0) } }
    var counts: (appends: Int, syncs: Int) { faults.withLock { ($0.appends, $0.syncs) } }

    func openForAppending(_ path: String, isNew: Bool) throws(FileProblem) -> any AppendingFile {
        if isNew, faults.withLock({ $0.failsCreate }) { throw FileProblem(path, "created", .system(30), "read-only") }
        return FaultyFile(try system.openForAppending(path, isNew: isNew), path, faults)
    }

    func openForReading(_ path: String) throws(FileProblem) -> any ReadableFile { try system.openForReading(path) }
    func mark(of path: String) throws(FileProblem) -> FileMark? { try system.mark(of: path) }

    func move(_ from: String, to target: String) throws(FileProblem) {
        if faults.withLock({ $0.failsMove }) { throw FileProblem(from, "renamed", .system(5), "input/output error") }
        try system.move(from, to: target)
    }

    func replace(_ path: String, with new: String) throws(FileProblem) { try system.replace(path, with: new) }
    func remove(_ path: String) throws(FileProblem) { try system.remove(path) }
    func names(in folder: String) throws(FileProblem) -> [String] { try system.names(in: folder) }
    func syncFolder(of path: String) throws(FileProblem) { try system.syncFolder(of: path) }
    func lock(_ path: String) throws(FileProblem) -> (any FileLock)? { try system.lock(path) }
}

private final class FaultyFile: AppendingFile {
    private let file: any AppendingFile
    private let path: String
    private let faults: Lock<FaultyDisk.Faults>

    init(_ file: any AppendingFile, _ path: String, _ faults: Lock<FaultyDisk.Faults>) {
        self.file = file
        self.path = path
        self.faults = faults
    }

    func read(at offset: Int, count: Int) throws(FileProblem) -> [UInt8] { try file.read(at: offset, count: count) }
    var status: FileStatus { get throws(FileProblem) { try file.status } }

    func append(_ bytes: [UInt8], from start: Int) throws(FileProblem) -> Int {
        let room = faults.withLock { faults in
            faults.appends += 1
            let room = min(faults.room ?? .max, bytes.count - start)
            faults.room = faults.room.map { $0 - room }
            return room
        }
        guard room > 0 else { throw FileProblem(path, "written", .full, "no space left on device") }
        return try file.append(Array(bytes[..<(start + room)]), from: start)
    }

    func sync() throws(FileProblem) {
        let fails = faults.withLock { faults in
            faults.syncs += 1
            return faults.failsSync
        }
        if fails { throw FileProblem(path, "synced", .system(5), "input/output error") }
        try file.sync()
    }

    func cut(to size: Int) throws(FileProblem) {
        if faults.withLock({ $0.failsCut }) { throw FileProblem(path, "cut", .system(5), "input/output error") }
        try file.cut(to: size)
    }
}

/// Hears what a trail tells.
final class Notices: Sendable {
    private let stream: AsyncStream<AuditNotice>
    private let continuation: AsyncStream<AuditNotice>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    var tell: @Sendable (AuditNotice) -> Void { { [continuation] in continuation.yield($0) } }

    /// Waits for the next notice that all is well again.
    func recovery() async {
        for await notice in stream { if case .recovery = notice { return } }
    }

    func failure() async {
        for await notice in stream { if case .failure = notice { return } }
    }
}

/// A folder with a trail.
struct TrailPlace: Sendable {
    let folder: TemporaryFolder
    let disk = FaultyDisk()
    var path: String { folder.file("audit.log") }

    init() throws { folder = try TemporaryFolder() }

    func settings(maxBytes: Int = 1 << 30, keep: Int = 16) -> AuditFile.Settings {
        AuditFile.Settings(
            path: path,
            maxBytes: maxBytes,
            keep: keep,
            files: disk,
            retryInterval: .milliseconds(10),
            now: { 1_700_000_000_123_456_789 }
        )
    }

    func open(maxBytes: Int = 1 << 30, keep: Int = 16, _ notices: Notices = Notices()) async throws -> AuditFile {
        let settings = settings(maxBytes: maxBytes, keep: keep)
        let tell = notices.tell
        let result = await Blocking.run(name: "open") { () -> Result<AuditFile, AuditOpeningError> in
            Result { () throws(AuditOpeningError) in try AuditFile(settings, tell: tell) }
        }
        return try result.get()
    }

    /// Lines of a file, without line feeds.
    func lines(_ name: String = "audit.log") throws -> [String] {
        let text = String(decoding: try folder.contents(name), as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
    }

    func write(_ lines: [String], to name: String = "audit.log") throws {
        try folder.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: name)
    }

    func verify(_ anchoring: AuditVerifier.Anchoring = .unknown("not asked")) async throws -> AuditReport {
        let path = path
        let result = await Blocking.run(name: "verify") { () -> Result<AuditReport, FileProblem> in
            Result { () throws(FileProblem) in
                try AuditVerifier(AuditPlace(path), against: anchoring, rest: {}).run()
            }
        }
        return try result.get()
    }

    /// A trail with so many signing lines (and the first line of the file), closed.
    static func with(lines count: Int, maxBytes: Int = 1 << 30, keep: Int = 16) async throws -> TrailPlace {
        let place = try TrailPlace()
        let file = try await place.open(maxBytes: maxBytes, keep: keep)
        for number in 0..<count { try await file.record(signing(number)) }
        await file.end()
        return place
    }
}

func signing(_ number: Int) -> AuditEvent {
    var event = AuditEvent(.signing(operation: "ATTESTATION"), .done)
    event.slot = UInt64(number)
    event.caller = "anonymous"
    return event
}

extension AuditFile {
    func end() async { await Blocking.run(name: "close") { [self] in close() } }

    /// The head as it would be anchored now.
    var anchor: AuditAnchor {
        let state = current
        return AuditAnchor(
            chain: state.header.chain,
            head: state.head,
            file: state.header.file,
            oldest: state.oldest,
            time: 1_700_000_000,
            place: "here"
        )
    }
}

extension TrailPlace {
    /// What would have been anchored at the end of what stands in the file.
    func anchor() async throws -> AuditAnchor {
        let file = try await open()
        let anchor = file.anchor
        await file.end()
        return anchor
    }
}
