// SPDX-License-Identifier: Apache-2.0
import Audit
import Concurrency
import Encoding
import Files
import Foundation
import Telemetry
import TestSupport
import Testing

/// One way to tamper with ten lines (the first of the file and nine of signing).
struct Tampering: Sendable, CustomTestStringConvertible {
    let name: String
    let kind: AuditFinding.Kind
    /// Where it must be found, from 1.
    let line: Int
    let change: @Sendable (inout [String]) -> Void
    var testDescription: String { name }

    init(
        _ name: String,
        _ kind: AuditFinding.Kind,
        at line: Int,
        _ change: @escaping @Sendable (inout [String]) -> Void
    ) {
        self.name = name
        self.kind = kind
        self.line = line
        self.change = change
    }

    private static func replace(_ line: Int, _ old: String, _ new: String) -> @Sendable (inout [String]) -> Void {
        { $0[line - 1] = $0[line - 1].replacing(old, with: new, maxReplacements: 1) }
    }

    static let all: [Tampering] = [
        Tampering("a value", .changed, at: 5, replace(5, #""slot":3"#, #""slot":4"#)),
        Tampering("the time", .changed, at: 2, replace(2, "2023-11-14", "2023-11-15")),
        Tampering("a name", .changed, at: 10, replace(10, "signing", "Signing")),
        Tampering("the number", .changed, at: 6, replace(6, #""seq":6"#, #""seq":9"#)),
        Tampering("the number of the last line", .missing, at: 10, replace(10, #""seq":10"#, #""seq":12"#)),
        Tampering("the number to a lower one", .changed, at: 6, replace(6, #""seq":6"#, #""seq":2"#)),
        Tampering("the hash", .changed, at: 4) { lines in
            let digit = lines[3].dropLast(3).last == "0" ? "1" : "0"
            lines[3] = lines[3].dropLast(3).dropLast() + digit + lines[3].suffix(3)
        },
        Tampering("the hash in capitals", .changed, at: 4) { lines in
            let mark = lines[3].range(of: #","hash":""#)?.upperBound ?? lines[3].endIndex
            lines[3] = String(lines[3][..<mark]) + lines[3][mark...].uppercased()
        },
        Tampering("the first byte", .changed, at: 3, replace(3, "{", "[")),
        Tampering("the last byte", .changed, at: 3) { $0[2] = $0[2].dropLast() + "]" },
        Tampering("a blank behind a line", .changed, at: 3) { $0[2] += " " },
        Tampering("a blank in a line", .changed, at: 3, replace(3, ",", " ,")),
        Tampering("the line feed", .changed, at: 5) { $0[4] += "x" + $0.remove(at: 5) },
        Tampering("the first line of the file", .changed, at: 1, replace(1, "INFO", "WARN")),
        Tampering("what came before the file", .changed, at: 1) { lines in
            lines[0] = lines[0].replacing(#""previous":"0"#, with: #""previous":"1"#)
        },
        Tampering("no first line", .changed, at: 1) { $0.removeFirst() },
        Tampering("one line taken out", .missing, at: 4) { $0.remove(at: 3) },
        Tampering("three lines taken out", .missing, at: 4) { $0.removeSubrange(3..<6) },
        Tampering("two neighbours swapped", .reordered, at: 7) { $0.swapAt(6, 7) },
        Tampering("two lines far apart swapped", .reordered, at: 3) { $0.swapAt(2, 8) },
        Tampering("a line moved to the end", .reordered, at: 4) { $0.append($0.remove(at: 3)) },
        Tampering("a line moved to the front", .inserted, at: 2) { $0.insert($0.remove(at: 8), at: 1) },
        Tampering("a line twice", .inserted, at: 6) { $0.insert($0[4], at: 5) },
        Tampering("an earlier line at the end", .reordered, at: 11) { $0.append($0[4]) },
        Tampering("a line of somebody's put in", .inserted, at: 8) { $0.insert("{}", at: 7) },
        Tampering("an empty line put in", .inserted, at: 8) { $0.insert("", at: 7) },
        Tampering("a line of somebody's at the end", .changed, at: 11) { $0.append("{}") },
        Tampering("a changed copy put in", .inserted, at: 4) { lines in
            lines.insert(lines[3].replacing("anonymous", with: "token"), at: 3)
        },
    ]
}

@Suite(.timeLimit(.minutes(2))) struct TamperingTests {
    @Test(arguments: Tampering.all) func `what was tampered with is pinpointed`(tampering: Tampering) async throws {
        let place = try await TrailPlace.with(lines: 9)
        var lines = try place.lines()
        tampering.change(&lines)
        try place.write(lines)
        let report = try await place.verify()
        let finding = try #require(report.findings.first)
        #expect(report.findings.count == 1)
        #expect(finding.line == tampering.line && finding.kind == tampering.kind, "\(finding)")
        #expect(report.status == .broken && report.lines == tampering.line - 1)
    }

    /// Whatever it is: a flipped bit in any byte is found, in its line or, where it joins two lines, in the first.
    @Test func `a flipped bit in any byte is found in its line`() async throws {
        let place = try await TrailPlace.with(lines: 2)
        let original = try place.folder.contents("audit.log")
        let anchor = try await place.anchor()
        var line = 1
        for (position, byte) in original.enumerated() {
            var changed = original
            changed[position] = byte ^ UInt8(1 << (position % 8))
            try place.folder.write(changed, to: "audit.log")
            let report = try await place.verify(.anchor(anchor))
            let isLastFeed = position == original.count - 1
            #expect(report.status == .broken, "byte \(position)")
            #expect(report.findings.first?.line == (isLastFeed ? line - 1 : line), "byte \(position)")
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
    }

    @Test func `lines at the end of an earlier file are missed`() async throws {
        let place = try await TrailPlace.with(lines: 40, maxBytes: 2000)
        var lines = try place.lines("audit.log.000002")
        lines.removeLast(2)
        try place.write(lines, to: "audit.log.000002")
        let report = try await place.verify()
        let finding = try #require(report.findings.first)
        #expect(finding.kind == .missing && finding.file == place.path + ".000003" && finding.line == 1)
        #expect(finding.reason.contains("audit.log.000002 ends too early"))
    }

    @Test func `an earlier file that is missing is missed, and so are the oldest ones by the anchor`() async throws {
        let place = try await TrailPlace.with(lines: 60, maxBytes: 2000)
        let anchor = try await place.anchor()
        #expect(try await place.verify(.anchor(anchor)).status == .intact)
        try FileManager.default.removeItem(atPath: place.path + ".000001")
        #expect(try await place.verify().findings.isEmpty)
        #expect(try await place.verify(.anchor(anchor)).findings.map(\.kind) == [.missing])
        try FileManager.default.removeItem(atPath: place.path + ".000003")
        let finding = try #require(try await place.verify().findings.first)
        #expect(finding.kind == .missing && finding.file == place.path + ".000004")
    }

    @Test func `files that changed places are found`() async throws {
        let place = try await TrailPlace.with(lines: 40, maxBytes: 2000)
        let (second, third) = (try place.lines("audit.log.000002"), try place.lines("audit.log.000003"))
        try place.write(third, to: "audit.log.000002")
        try place.write(second, to: "audit.log.000003")
        #expect(try await place.verify().status == .broken)
    }
}

@Suite(.timeLimit(.minutes(1))) struct AnchorTests {
    @Test func `without an anchor the end is not proven, with one it is`() async throws {
        let place = try await TrailPlace.with(lines: 5)
        let report = try await place.verify(.unknown("nobody asked"))
        #expect(report.status == .unproven && report.unproven == "nobody asked")
        #expect(try await place.verify(.anchor(place.anchor())).status == .intact)
    }

    @Test(arguments: [1, 3]) func `an end that was cut off is missed`(count: Int) async throws {
        let place = try await TrailPlace.with(lines: 5)
        let anchor = try await place.anchor()
        try place.write(Array(try place.lines().dropLast(count)))
        #expect(try await place.verify().findings.isEmpty, "the chain alone cannot know")
        let finding = try #require(try await place.verify(.anchor(anchor)).findings.first)
        #expect(finding.kind == .truncated && finding.line == 6 - count && finding.sequence == UInt64(7 - count))
    }

    @Test func `lines behind the anchor are no finding`() async throws {
        let place = try await TrailPlace.with(lines: 5)
        let anchor = try await place.anchor()
        let file = try await place.open()
        try await file.record(signing(6))
        await file.end()
        #expect(try await place.verify(.anchor(anchor)).status == .intact)
    }

    @Test func `an older copy of the whole file is noticed`() async throws {
        let place = try await TrailPlace.with(lines: 5)
        let older = try place.folder.contents("audit.log")
        let file = try await place.open()
        for number in 6..<9 { try await file.record(signing(number)) }
        let anchor = file.anchor
        await file.end()
        try place.folder.write(older, to: "audit.log")
        #expect(try await place.verify(.anchor(anchor)).findings.map(\.kind) == [.truncated])
    }

    @Test func `an end that was made anew is noticed`() async throws {
        let place = try await TrailPlace.with(lines: 5)
        let anchor = try await place.anchor()
        // Whoever can write the file can make a chain that holds.
        try place.write(Array(try place.lines().dropLast(2)))
        let forger = try await place.open()
        for number in 20..<25 { try await forger.record(signing(number)) }
        await forger.end()
        #expect(try await place.verify().findings.isEmpty)
        let finding = try #require(try await place.verify(.anchor(anchor)).findings.first)
        #expect(finding.kind == .rewritten && finding.line == 6)
    }

    @Test func `another chain in its place is noticed`() async throws {
        let place = try await TrailPlace.with(lines: 5)
        let other = try await TrailPlace.with(lines: 9).anchor()
        #expect(try await place.verify(.anchor(other)).findings.map(\.kind) == [.replaced])
        #expect(try await place.verify(.otherChain).findings.map(\.kind) == [.replaced])
        #expect(try await place.verify(.unusable).findings.map(\.kind) == [.anchor])
    }

    @Test func `a current file that is gone is noticed`() async throws {
        let place = try await TrailPlace.with(lines: 40, maxBytes: 2000)
        try FileManager.default.removeItem(atPath: place.path)
        #expect(try await place.verify().findings.map(\.kind) == [.truncated])
    }

    @Test func `a torn end is told, and is no tampering`() async throws {
        let place = try await TrailPlace.with(lines: 5)
        let anchor = try await place.anchor()
        var data = try place.folder.contents("audit.log")
        data.append(Data("{\"time".utf8))
        try place.folder.write(data, to: "audit.log")
        let report = try await place.verify(.anchor(anchor))
        #expect(report.status == .unproven && report.notes.count == 1 && report.lines == 6)
    }

    @Test func `a trail is verified while it is written and rotated`() async throws {
        let place = try TrailPlace()
        let file = try await place.open(maxBytes: 8000, keep: 1000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask { for number in 0..<200 { try await file.record(signing(writer * 1000 + number)) } }
            }
            for _ in 0..<5 {
                let anchor = file.anchor
                let report = try await place.verify(.anchor(anchor))
                #expect(report.findings.isEmpty, "\(report.findings)")
            }
            try await group.waitForAll()
        }
        await file.end()
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.lines == 800 + report.files.count)
    }

    @Test(arguments: [1, 7, 300, 100_000]) func `the size of the pieces changes nothing`(piece: Int) async throws {
        let place = try await TrailPlace.with(lines: 20)
        var reader = AuditReader(try SystemFiles().openForReading(place.path), piece: piece)
        var lines: [String] = []
        while case .whole(let line) = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        #expect(lines == (try place.lines()))
        #expect(reader.position == (try place.folder.contents("audit.log")).count)
    }
}
