// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Files
internal import Telemetry

/// One event with its time, before it is a line.
struct AuditEntry: Sendable {
    let event: AuditEvent
    /// Nanoseconds since 1970.
    let time: UInt64
}

/// The files of a trail and the chain through them. No thread and no clock: its owner calls, and tells the time.
struct AuditWriter: ~Copyable {
    /// What must be put right before a line can be written.
    enum Fault: Equatable {
        /// The disk refused; bytes of a broken line may stand at the end.
        case write(String)
        /// What was written may never reach the disk, and the kernel will not say so again: this file is given up.
        case sync(String)
        /// Another file, or none, stands at the path.
        case moved(String)

        var reason: String {
            switch self {
            case .write(let reason), .sync(let reason), .moved(let reason): reason
            }
        }
    }

    let place: AuditPlace
    let settings: AuditFile.Settings
    private let files: any FileSystem
    private let lock: any FileLock
    private(set) var file: any AppendingFile
    private(set) var header: AuditFileHeader
    private(set) var head: AuditHead
    /// As it was found.
    let opened: AuditHead
    /// Bytes of the file up to the end of the last whole line.
    private(set) var size: Int
    /// The number of the oldest file that must be there: what lies before it is beyond `keep`. Never what is found on the
    /// disk, or whoever deletes a file would say what was kept.
    private(set) var oldest: UInt64
    /// The number of the oldest file that was found when the trail was opened.
    let oldestFound: UInt64
    /// Numbers of files that are known to be gone.
    private var missed: Set<UInt64> = []
    private(set) var fault: Fault?
    /// Lines that could not be written since the trail went down.
    private(set) var unwritten: UInt64 = 0
    /// What an operator should hear, since it was last asked for.
    private var notices: [AuditNotice] = []
    private var mustCut = false
    /// Set while the file has no first line yet.
    private var needsHeader: AuditFileHeader.Reason?
    /// A rotation that failed is tried again when the file has grown by this much.
    private var nextRotation: Int
    private var lines = AuditLineWriter()
    private var text: [UInt8] = []
    private var scratch: [UInt8] = []

    /// Opens the files of a trail. Writes what must stand there first, so that a disk that takes nothing is told at the
    /// start.
    static func open(_ settings: AuditFile.Settings, at time: UInt64) throws(AuditOpeningError) -> AuditWriter {
        let place = AuditPlace(settings.path)
        let held: (any FileLock)?
        do throws(FileProblem) { held = try settings.files.lock(place.lock) } catch { throw .file(error) }
        guard let lock = held else { throw .inUse(settings.path) }
        let opened = try OpenedAuditFile.open(place, in: settings.files)
        var writer = AuditWriter(settings, opened, lock: lock)
        try writer.start(after: opened, at: time)
        return writer
    }

    private init(_ settings: AuditFile.Settings, _ opened: OpenedAuditFile, lock: any FileLock) {
        self.settings = settings
        self.lock = lock
        place = AuditPlace(settings.path)
        files = settings.files
        file = opened.file
        header = opened.header
        head = opened.head
        self.opened = opened.head
        size = opened.size
        oldestFound = opened.oldest
        oldest = Self.oldest(before: opened.header.file, settings)
        nextRotation = settings.maxBytes
        needsHeader = opened.needsHeader
    }

    private mutating func start(after opened: OpenedAuditFile, at time: UInt64) throws(AuditOpeningError) {
        var isWritten = writeHeaderIfNeeded(at: time)
        if isWritten, let cut = opened.cut {
            let event = AuditEvent(
                .trail("recovered", ["cut_bytes": .integer(cut.bytes), "kept_in": .text(cut.keptIn)]),
                .done
            )
            isWritten = writeLines([AuditEntry(event: event, time: time)]) == 1
            notices.append(
                .failure(
                    "the audit file ended in a torn line: \(cut.bytes) bytes were cut off and kept in \(cut.keptIn)"
                )
            )
        }
        guard isWritten else { throw .unwritable(fault?.reason ?? "no line was taken") }
    }

    private mutating func writeHeaderIfNeeded(at time: UInt64) -> Bool {
        guard let reason = needsHeader else { return true }
        let lost = unwritten
        let isWritten = writeLines([AuditEntry(event: header.event(reason), time: time)]) == 1
        // A line of the trail itself is none that anybody waits for.
        unwritten = lost
        if isWritten { needsHeader = nil }
        return isWritten
    }

    mutating func takeNotices() -> [AuditNotice] {
        defer { notices = [] }
        return notices
    }

    // MARK: Lines

    /// Writes entries at the end, all with one call where the disk takes them; how many, from the first on, stand there as
    /// whole lines. Fewer than there are means a fault.
    mutating func write(_ entries: [AuditEntry]) -> Int {
        if let time = entries.first?.time { rotateIfDue(at: time) }
        guard fault == nil else {
            unwritten += UInt64(entries.count)
            return 0
        }
        return writeLines(entries)
    }

    private mutating func writeLines(_ entries: [AuditEntry]) -> Int {
        text.removeAll(keepingCapacity: true)
        var heads: [AuditHead] = []
        var ends: [Int] = []
        heads.reserveCapacity(entries.count)
        ends.reserveCapacity(entries.count)
        var last = head
        for entry in entries {
            let start = text.count
            lines.open(entry.event, time: entry.time, &text)
            last = AuditLine.seal(&text, from: start, after: last, &scratch)
            heads.append(last)
            ends.append(text.count)
        }
        var taken = 0
        do throws(FileProblem) {
            while taken < text.count {
                let part = try file.append(text, from: taken)
                guard part > 0 else {
                    throw FileProblem(place.path, "written", .full, "the disk takes no more")
                }
                taken += part
            }
        } catch {
            // What stands there as a whole line is with the kernel like any other.
            let whole = ends.firstIndex { $0 > taken } ?? ends.count
            mustCut = taken > (whole == 0 ? 0 : ends[whole - 1])
            advance(whole, heads, ends)
            fail(.write("\(error)"), entries.count - whole)
            cutIfNeeded()
            return whole
        }
        advance(entries.count, heads, ends)
        return entries.count
    }

    private mutating func advance(_ whole: Int, _ heads: [AuditHead], _ ends: [Int]) {
        guard whole > 0 else { return }
        head = heads[whole - 1]
        size += ends[whole - 1]
    }

    private mutating func cutIfNeeded() {
        guard mustCut else { return }
        do throws(FileProblem) {
            try file.cut(to: size)
            mustCut = false
        } catch {
            fault = .write("\(error)")
        }
    }

    private mutating func fail(_ fault: Fault, _ lost: Int) {
        if self.fault == nil {
            notices.append(.failure("nothing can be written to the audit file: \(fault.reason)"))
        }
        self.fault = fault
        unwritten += UInt64(lost)
    }

    // MARK: Faults

    /// Counts lines that were not even tried.
    mutating func countUnwritten(_ count: Int) { unwritten += UInt64(count) }

    /// A sync of this file has failed.
    mutating func syncFailed(_ problem: FileProblem) { fail(.sync("\(problem)"), 0) }

    /// Looks whether the file still stands where it should, and those before it.
    ///
    /// - Parameter oldest: the oldest file that must be there; nil where that is not known yet.
    mutating func checkPlace(from oldest: UInt64?, at time: UInt64) {
        guard fault == nil else { return }
        do throws(FileProblem) {
            guard try files.mark(of: place.path) == file.status.mark else {
                fail(.moved("the file at \(place.path) was moved, deleted or replaced"), 0)
                return
            }
            if let oldest { try tellMissing(from: max(oldest, self.oldest), at: time) }
        } catch {
            fail(.moved("\(error)"), 0)
        }
    }

    /// Tells of earlier files that are gone, each once; the last that is told is in the trail.
    private mutating func tellMissing(from oldest: UInt64, at time: UInt64) throws(FileProblem) {
        guard oldest < header.file else { return }
        let standing = Set(try place.rotatedNumbers(in: files))
        let missing = (oldest..<header.file).filter { !standing.contains($0) }
        defer { missed = Set(missing) }
        let fresh = missing.filter { !missed.contains($0) }
        guard !fresh.isEmpty else { return }
        let names = fresh.prefix(8).map { place.rotated($0).lastName }.joined(separator: ", ")
        let shown = fresh.count > 8 ? "\(names) and \(fresh.count - 8) more" : names
        notices.append(.failure("audit files were moved away or deleted: \(shown); put them back under these names"))
        let event = AuditEvent(.trail("missing", ["files": .text(shown)]), .failed(code: "audit_missing"))
        _ = writeLines([AuditEntry(event: event, time: time)])
    }

    /// Tries to get over a fault. The line that says how many were not written is the test: only when it has been written
    /// and synced, others are taken again.
    mutating func recover(at time: UInt64) {
        guard let fault else { return }
        cutIfNeeded()
        guard !mustCut else { return }
        switch fault {
        case .write: break
        case .sync: guard begin(.failedSync, at: time) else { return }
        case .moved: guard begin(.moved, at: time) else { return }
        }
        guard writeHeaderIfNeeded(at: time) else { return }
        let lost = unwritten
        let event = AuditEvent(
            .trail("resumed", ["unwritten": .unsigned(lost), "reason": .text(fault.reason)]),
            .done
        )
        guard writeLines([AuditEntry(event: event, time: time)]) == 1 else {
            unwritten = lost
            return
        }
        do throws(FileProblem) { try file.sync() } catch {
            self.fault = .sync("\(error)")
            return
        }
        self.fault = nil
        unwritten = 0
        notices.append(
            .recovery("the audit file can be written again; lines that were not written meanwhile: \(lost)")
        )
    }

    // MARK: Files

    private mutating func rotateIfDue(at time: UInt64) {
        guard fault == nil, size >= nextRotation else { return }
        // Where it cannot be begun, the old one goes on growing.
        if !begin(.size, at: time) { nextRotation = size + settings.maxBytes / 8 }
    }

    /// Begins the next file: puts the current one aside under its number, and links the new one to it. False where the old
    /// one is still in use; a first line that could not be written is a fault like any other.
    private mutating func begin(_ reason: AuditFileHeader.Reason, at time: UInt64) -> Bool {
        do throws(FileProblem) {
            if reason == .size { try file.sync() }
            let rotated = place.rotated(header.file)
            let standing = try files.mark(of: place.path)
            let isOurs = try standing == file.status.mark
            if isOurs { try files.move(place.path, to: rotated) }
            do throws(FileProblem) {
                let fresh = try files.openForAppending(place.path, isNew: true)
                try files.syncFolder(of: place.path)
                file = fresh
            } catch {
                if isOurs { try files.move(rotated, to: place.path) }
                throw error
            }
        } catch {
            switch reason {
            case .size: notices.append(.failure("the next audit file cannot be begun, the old one goes on: \(error)"))
            default: fault = fault.map { $0.with("\(error)") }
            }
            return false
        }
        size = 0
        mustCut = false
        nextRotation = settings.maxBytes
        header = AuditFileHeader(chain: header.chain, file: header.file + 1, previous: head.hash)
        needsHeader = reason
        _ = writeHeaderIfNeeded(at: time)
        removeOldest()
        return true
    }

    private mutating func removeOldest() {
        do throws(FileProblem) {
            oldest = max(oldest, Self.oldest(before: header.file, settings))
            for number in try place.rotatedNumbers(in: files) where number < oldest {
                try files.remove(place.rotated(number))
            }
        } catch {
            notices.append(.failure("an old audit file stays: \(error)"))
        }
    }

    /// The oldest file that `keep` leaves beside the current one.
    private static func oldest(before current: UInt64, _ settings: AuditFile.Settings) -> UInt64 {
        let keep = UInt64(settings.keep)
        return current > keep ? max(1, current - keep) : 1
    }
}

extension AuditWriter.Fault {
    /// The same kind of fault for another reason.
    fileprivate func with(_ reason: String) -> Self {
        switch self {
        case .write: .write(reason)
        case .sync: .sync(reason)
        case .moved: .moved(reason)
        }
    }
}

/// What an operator should hear of a trail.
package enum AuditNotice: Sendable, Hashable {
    case failure(String)
    case recovery(String)
}
