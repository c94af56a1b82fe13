// SPDX-License-Identifier: Apache-2.0
internal import Encoding
package import Files
internal import Secrets
internal import Telemetry

/// Why a trail cannot be kept at a path.
package enum AuditOpeningError: Error, Hashable, Sendable, CustomStringConvertible {
    case file(FileProblem)
    /// What stands there was not written by this program.
    case foreign(String)
    case openToOthers(String)
    case inUse(String)
    /// The first lines could not be written.
    case unwritable(String)

    package var description: String {
        switch self {
        case .file(let problem): "\(problem)"
        case .foreign(let path):
            "\(path) holds something else than audit lines of this program; move it away, or name another audit.path"
        case .openToOthers(let path): "\(path) can be written by others than its owner; chmod 600 it"
        case .inUse(let path): "another process writes the audit file \(path); each instance needs one of its own"
        case .unwritable(let reason): "the audit file cannot be written: \(reason)"
        }
    }
}

/// The file that a trail goes on in, and what has to stand in it first.
struct OpenedAuditFile {
    let file: any AppendingFile
    let header: AuditFileHeader
    let head: AuditHead
    let size: Int
    /// The number of the oldest file that is there. Whether it should be is for the anchor to say.
    let oldest: UInt64
    /// Set where the file is new and has no first line yet.
    var needsHeader: AuditFileHeader.Reason?
    /// How many bytes of a torn line were cut off, and the file they are kept in.
    var cut: (bytes: Int, keptIn: String)?

    /// Opens the file of a path, or makes it, and cuts off what a crash left behind the last whole line.
    static func open(_ place: AuditPlace, in files: any FileSystem) throws(AuditOpeningError) -> Self {
        let rotated = try attempt { () throws(FileProblem) in try place.rotatedNumbers(in: files) }
        guard try attempt({ () throws(FileProblem) in try files.mark(of: place.path) }) != nil else {
            let file = try attempt { () throws(FileProblem) in
                let file = try files.openForAppending(place.path, isNew: true)
                try files.syncFolder(of: place.path)
                return file
            }
            return try begun(file, place, rotated, in: files)
        }
        let file = try attempt { () throws(FileProblem) in try files.openForAppending(place.path, isNew: false) }
        guard !(try attempt { () throws(FileProblem) in try file.status.isWritableByOthers }) else {
            throw .openToOthers(place.path)
        }
        switch try attempt({ () throws(FileProblem) in try AuditTail.read(file) }) {
        case .foreign: throw .foreign(place.path)
        case .empty: return try begun(file, place, rotated, in: files)
        case .unborn(let size):
            let name = try attempt { () throws(FileProblem) in
                try Self.cut(file, from: 0, to: size, at: place.torn(at: 0), in: files)
            }
            var opened = try begun(file, place, rotated, in: files)
            opened.cut = (size, name)
            return opened
        case .lines(let tail):
            var opened = Self(
                file: file,
                header: tail.header,
                head: tail.head,
                size: tail.size,
                oldest: rotated.first ?? tail.header.file
            )
            if tail.torn > 0 {
                let name = try attempt { () throws(FileProblem) in
                    let aside = place.torn(at: tail.head.sequence + 1)
                    return try Self.cut(file, from: tail.size, to: tail.size + tail.torn, at: aside, in: files)
                }
                opened.cut = (tail.torn, name)
            }
            return opened
        }
    }

    /// An empty file: the next one of the chain that the earlier ones hold, or the first of a new chain.
    private static func begun(
        _ file: any AppendingFile,
        _ place: AuditPlace,
        _ rotated: [UInt64],
        in files: any FileSystem
    ) throws(AuditOpeningError) -> Self {
        guard let last = rotated.last else {
            let chain = Bytes<16>(Random.bytes(16)) ?? Bytes()
            let header = AuditFileHeader(chain: chain, file: 1, previous: AuditHead.none.hash)
            return Self(file: file, header: header, head: .none, size: 0, oldest: 1, needsHeader: .first)
        }
        let path = place.rotated(last)
        let content = try attempt { () throws(FileProblem) in try AuditTail.read(try files.openForReading(path)) }
        guard case .lines(let tail) = content else { throw .foreign(path) }
        let header = AuditFileHeader(
            chain: tail.header.chain,
            file: max(last, tail.header.file) + 1,
            previous: tail.head.hash
        )
        return Self(
            file: file,
            header: header,
            head: tail.head,
            size: 0,
            oldest: rotated.first ?? header.file,
            needsHeader: .start
        )
    }

    /// Keeps the bytes of a range in a file beside, durable before they are cut off; the name of that file.
    private static func cut(
        _ file: any AppendingFile,
        from start: Int,
        to end: Int,
        at path: String,
        in files: any FileSystem
    ) throws(FileProblem) -> String {
        var name = path
        var number = 1
        while try files.mark(of: name) != nil {
            number += 1
            name = "\(path)-\(number)"
        }
        let bytes = try AuditTail.readAll(file, from: start, to: end)
        let aside = try files.openForAppending(name, isNew: true)
        var taken = 0
        while taken < bytes.count {
            let part = try aside.append(bytes, from: taken)
            guard part > 0 else { throw FileProblem(name, "written", .full, "the disk takes no more") }
            taken += part
        }
        try aside.sync()
        try files.syncFolder(of: name)
        try file.cut(to: start)
        return name.lastName
    }

    private static func attempt<Value>(
        _ body: () throws(FileProblem) -> Value
    ) throws(AuditOpeningError) -> Value {
        do throws(FileProblem) { return try body() } catch { throw .file(error) }
    }
}
