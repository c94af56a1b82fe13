// SPDX-License-Identifier: Apache-2.0
package import Encoding
package import Files
internal import JSON

/// Walks through all files of a trail, from the oldest that is there to the end, also while a signer writes them. Blocks.
package struct AuditVerifier: ~Copyable {
    /// What is known of the head, before anything is read.
    package enum Anchoring: Sendable {
        case anchor(AuditAnchor)
        /// Edited, or none of this version.
        case unusable
        /// Another chain is anchored for this place, and not the one that stands there.
        case otherChain
        /// Nothing is known, for this reason.
        case unknown(String)
    }

    private let place: AuditPlace
    private let files: any FileSystem
    private let anchoring: Anchoring
    private let rest: () -> Void
    private let progress: (_ finished: Int, _ total: Int) -> Void
    private var walk: AuditWalk?
    private var chain: Bytes<16>?
    private var report = AuditReport()
    private var finished = 0
    private var total = 0

    /// - Parameters:
    ///   - rest: waits a moment for a line that is just being written.
    ///   - progress: hears how many bytes have been looked at, of how many.
    package init(
        _ place: AuditPlace,
        in files: any FileSystem = SystemFiles(),
        against anchoring: Anchoring,
        rest: @escaping () -> Void,
        progress: @escaping (_ finished: Int, _ total: Int) -> Void = { _, _ in }
    ) {
        self.place = place
        self.files = files
        self.anchoring = anchoring
        self.rest = rest
        self.progress = progress
    }

    /// The chain that the files at a place say they are; nil where there is none, or it is not readable.
    package static func chain(at place: AuditPlace, in files: any FileSystem) throws(FileProblem) -> Bytes<16>? {
        let paths = try place.rotatedNumbers(in: files).map(place.rotated) + [place.path]
        for path in paths {
            guard try files.mark(of: path) != nil else { continue }
            var reader = AuditReader(try files.openForReading(path))
            if case .whole(let line) = try reader.next(), let header = AuditFileHeader(line: line.span) {
                return header.chain
            }
        }
        return nil
    }

    package consuming func run() throws(FileProblem) -> AuditReport {
        try measure()
        var last: UInt64?
        while report.findings.allSatisfy({ $0.kind == .gap }) {
            let numbers = try place.rotatedNumbers(in: files)
            if let number = numbers.first(where: { $0 > last ?? 0 }) {
                guard try look(through: place.rotated(number), after: last, isCurrent: false) != nil else { break }
                last = number
                continue
            }
            let standing = try files.mark(of: place.path)
            guard standing != nil else {
                if last == nil { throw FileProblem(place.path, "read", .notFound, "no such file") }
                addEnd(.truncated, "the current file is missing", place.path, line: 0)
                break
            }
            guard let number = try look(through: place.path, after: last, isCurrent: true) else { break }
            // Rotated while it was read: there is more.
            if try files.mark(of: place.path) == standing { break }
            last = number
        }
        conclude()
        return report
    }

    private mutating func measure() throws(FileProblem) {
        let paths = try place.rotatedNumbers(in: files).map(place.rotated) + [place.path]
        for path in paths where try files.mark(of: path) != nil {
            total += try files.openForReading(path).status.size
        }
    }

    // MARK: One file

    /// The number of the file; nil where something was found in it.
    private mutating func look(
        through path: String,
        after last: UInt64?,
        isCurrent: Bool
    ) throws(FileProblem) -> UInt64? {
        let file = try files.openForReading(path)
        var reader = AuditReader(file)
        guard case .whole(let first) = try reader.next(), let header = AuditFileHeader(line: first.span) else {
            let isEmpty = try file.status.size == 0
            add(
                .changed,
                isEmpty
                    ? "the file is empty"
                    : "the first line does not begin a file of a trail: it was changed or cut off",
                path,
                line: 1
            )
            return nil
        }
        if let last, header.file > last + 1 {
            // Begun while the list was made.
            if try files.mark(of: place.rotated(last + 1)) != nil { return last }
            let next = AuditLine.claim(of: first.span)?.sequence ?? 0
            let lost = lines((walk?.head.sequence ?? 0) + 1, to: max(next, 1) - 1)
            add(.missing, lost + gone(last + 1, before: header.file), path, line: 1)
            return nil
        }
        report.files.append(path)
        newest = header.file
        begin(header, first)
        guard try take(first, path, line: 1, &reader) else { return nil }
        var line = 1
        while true {
            switch try reader.next() {
            case .whole(let text):
                line += 1
                guard try take(text, path, line: line, &reader) else { return nil }
                if line % 4096 == 0 { progress(finished + reader.position, max(total, finished + reader.position)) }
            case .end:
                finished += reader.position
                return header.file
            case .torn(let bytes):
                if isCurrent, try isFinished(&reader, file) { continue }
                let reason = "line \((walk?.head.sequence ?? 0) + 1) is torn: \(bytes) bytes without an end"
                guard isCurrent else {
                    add(.changed, reason, path, line: line + 1)
                    return nil
                }
                report.notes.append(
                    "\(path):\(line + 1): \(reason); a crash left it, the signer cuts it off at its next start"
                )
                report.unproven = "the file ends in a torn line"
                return header.file
            case .endless:
                add(.changed, "line \((walk?.head.sequence ?? 0) + 1) was changed: it has no end", path, line: line + 1)
                return nil
            }
        }
    }

    /// Waits a little for the rest of a line that is being written.
    private func isFinished(_ reader: inout AuditReader, _ file: any ReadableFile) throws(FileProblem) -> Bool {
        for _ in 0..<5 {
            rest()
            reader.lookAgain()
            let bytes = try file.read(at: reader.position, count: AuditTail.longestLine)
            if bytes.isEmpty || bytes.contains(UInt8(ascii: "\n")) { return true }
        }
        return false
    }

    private mutating func begin(_ header: AuditFileHeader, _ first: [UInt8]) {
        guard walk == nil else { return }
        // The oldest file that is there: what lies before it is known by its hash only.
        let sequence = AuditLine.claim(of: first.span)?.sequence ?? 1
        walk = AuditWalk(after: AuditHead(sequence: sequence - 1, hash: header.previous))
        report.firstSequence = sequence
        chain = header.chain
        report.chain = Hex.encode(header.chain.span, prefix: false)
        if header.file == 1, sequence != 1 || !header.previous.isZero {
            report.notes.append("the first file does not begin with line 1")
        }
        if header.file > 1 {
            report.notes.append("the oldest file is number \(header.file): earlier ones are not here")
        }
        isBegunByMove = header.file > 1 && AuditFileHeader.reason(of: first) == .moved
        switch anchoring {
        case .anchor(let anchor) where anchor.chain == header.chain && header.file > anchor.oldest:
            oldestMissing = (anchor.oldest, header.file)
        case .unknown where isBegunByMove: oldestMissing = (header.file - 1, header.file)
        default: break
        }
    }

    /// Files that the anchor knew of and that are gone; to be held against the last file, since the signer may have removed
    /// them by itself meanwhile.
    private var oldestMissing: (expected: UInt64, found: UInt64)?
    /// Whether the oldest file was begun because somebody took the one before it: the signer found its place empty.
    private var isBegunByMove = false

    private func lines(_ first: UInt64, to last: UInt64) -> String {
        first == last ? "line \(first) is missing" : "lines \(first) to \(last) are missing"
    }

    /// What an operator has to know of files that are not there.
    private func gone(_ first: UInt64, before end: UInt64) -> String {
        let last = place.rotated(end - 1)
        return first + 1 == end
            ? ": the file \(last) was moved away or deleted; put it back under this name"
            : ": the files \(place.rotated(first)) to \(last) were moved away or deleted; put them back under these names"
    }
    /// The number of the newest file that was begun to be read.
    private var newest: UInt64 = 0

    private mutating func take(
        _ text: [UInt8],
        _ path: String,
        line: Int,
        _ reader: inout AuditReader
    ) throws(FileProblem) -> Bool {
        guard var walk else { return false }
        let follows = walk.follow(text)
        self.walk = walk
        guard follows else {
            try judge(text, path, line: line, &reader)
            return false
        }
        report.lines += 1
        report.lastSequence = walk.head.sequence
        if case .anchor(let anchor) = anchoring, anchor.chain == chain, anchor.head.sequence == walk.head.sequence,
            anchor.head.hash != walk.head.hash
        {
            add(.rewritten, "this line, or one before it, was made anew: another one was anchored", path, line: line)
            return false
        }
        listen(to: text, path, line: line)
        return true
    }

    private mutating func judge(
        _ text: [UInt8],
        _ path: String,
        line: Int,
        _ reader: inout AuditReader
    ) throws(FileProblem) {
        guard var walk else { return }
        var next: [[UInt8]] = []
        while next.count < 2, case .whole(let text) = try reader.next() { next.append(text) }
        // The rest of the file, once, for a line that was moved.
        let wanted = walk.head.sequence + 1
        var isLater = next.contains { AuditLine.claim(of: $0.span)?.sequence == wanted }
        while !isLater, case .whole(let text) = try reader.next() {
            isLater = AuditLine.claim(of: text.span)?.sequence == wanted
        }
        let (kind, reason) = walk.judge(text, next: next) { _ in isLater }
        let before = report.files.dropLast().last
        let more = line == 1 && kind == .missing && before != nil ? ": \(before ?? "") ends too early" : ""
        add(kind, reason + more, path, line: line)
    }

    /// Lines in which the trail tells of itself.
    private mutating func listen(to text: [UInt8], _ path: String, line: Int) {
        // Behind time, level, target and message, the event is always the first field; no value can hold these bytes.
        guard Self.mark.isContained(in: text, first: 256), let document = try? JSONDocument(text, maximumNodes: 128),
            let event = document.root.member("event")?.text?.string
        else { return }
        func field(_ name: String) -> String { document.root.member(name)?.text?.string ?? "?" }
        switch event {
        case "audit_gap":
            add(
                .gap,
                "the signer found at its start that lines up to \(field("anchored_seq")) had been written and were gone",
                path,
                line: line
            )
        case "audit_recovered":
            report.notes.append(
                "\(path):\(line): a crash left a torn line of \(field("cut_bytes")) bytes, kept in \(field("kept_in"))"
            )
        case "audit_resumed":
            report.notes.append(
                "\(path):\(line): \(field("unwritten")) lines could not be written before this one: \(field("reason"))"
            )
        case "audit_replaces":
            report.notes.append(
                "\(path):\(line): another chain was anchored for this path before: its files were moved away or deleted"
            )
        case "audit_lost": report.notes.append("\(path):\(line): \(field("lines")) lines were lost before this one")
        default: break
        }
    }

    private static let mark = Array(#","event":"audit_"#.utf8)

    // MARK: The end

    private mutating func conclude() {
        guard report.findings.allSatisfy({ $0.kind == .gap }) else { return }
        let path = report.files.last ?? place.path
        switch anchoring {
        case .unknown(let reason):
            report.unproven = report.unproven ?? reason
            if let (expected, found) = oldestMissing { addMissing(expected, before: found) }
        case .unusable:
            addEnd(.anchor, "the anchor in the signer state is not one that this chamber has made", path, line: 0)
        case .otherChain:
            addEnd(
                .replaced,
                "another chain than this one is anchored for this place: the files were exchanged",
                path,
                line: 0
            )
        case .anchor(let anchor):
            guard anchor.chain == chain else {
                addEnd(.replaced, "another chain than this one is anchored: the files were exchanged", path, line: 0)
                return
            }
            report.anchoredSequence = anchor.head.sequence
            if report.lastSequence < anchor.head.sequence {
                let (last, end) = (report.lastSequence, anchor.head.sequence)
                addEnd(
                    .truncated,
                    "the end is missing: lines \(last + 1) to \(end) were written and anchored",
                    path,
                    line: report.lines
                )
            } else if let (expected, found) = oldestMissing,
                isBegunByMove || found - expected > newest - min(newest, anchor.file)
            {
                addMissing(expected, before: found)
            }
        }
    }

    /// Files before the oldest one that is there.
    private mutating func addMissing(_ expected: UInt64, before found: UInt64) {
        let last = report.firstSequence - 1
        let lost = expected == 1 ? lines(1, to: last) : "lines up to \(last) are missing"
        let finding = AuditFinding(
            kind: .missing,
            file: report.files.first ?? place.path,
            line: 1,
            sequence: last,
            reason: lost + gone(expected, before: found)
        )
        report.findings.append(finding)
    }

    private mutating func addEnd(_ kind: AuditFinding.Kind, _ reason: String, _ path: String, line: Int) {
        report.findings.append(
            AuditFinding(kind: kind, file: path, line: line, sequence: report.lastSequence + 1, reason: reason)
        )
    }

    private mutating func add(_ kind: AuditFinding.Kind, _ reason: String, _ path: String, line: Int) {
        let sequence = (walk?.head.sequence ?? 0) + (kind == .gap || kind == .rewritten ? 0 : 1)
        report.findings.append(
            AuditFinding(kind: kind, file: path, line: line, sequence: sequence, reason: reason)
        )
    }
}

extension [UInt8] {
    /// Whether these bytes stand somewhere in the first `count` bytes of a line.
    fileprivate func isContained(in line: [UInt8], first count: Int) -> Bool {
        let (mark, line) = (span, line.span)
        var start = 0
        while start + mark.count <= Swift.min(count, line.count) {
            var place = 0
            while place < mark.count, line[start + place] == mark[place] { place += 1 }
            if place == mark.count { return true }
            start += 1
        }
        return false
    }
}
