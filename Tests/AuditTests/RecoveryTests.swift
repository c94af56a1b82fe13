// SPDX-License-Identifier: Apache-2.0
import Audit
import Concurrency
import Files
import Foundation
import Telemetry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct RecoveryTests {
    @Test(arguments: ["x", #"{"timestamp":"2026"#, "\0\0\0\0", "garbage\nmore\n", "\0\0\n"])
    func `a torn line is cut off, kept aside, and told in the chain`(torn: String) async throws {
        let place = try await TrailPlace.with(lines: 2)
        var data = try place.folder.contents("audit.log")
        data.append(Data(torn.utf8))
        try place.folder.write(data, to: "audit.log")
        let file = try await place.open()
        try await file.record(signing(3))
        await file.end()
        #expect(try place.folder.contents("audit.log.torn-4") == Data(torn.utf8))
        let lines = try place.lines()
        #expect(
            lines[3].contains(
                #""event":"audit_recovered","cut_bytes":\#(torn.utf8.count),"kept_in":"audit.log.torn-4""#
            )
        )
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.lines == 5 && report.notes.count == 1)
    }

    @Test func `a first line that was never finished is begun anew`() async throws {
        let place = try TrailPlace()
        try place.folder.write(Data(#"{"timestamp":"20"#.utf8), to: "audit.log")
        let file = try await place.open()
        await file.end()
        #expect(try place.lines().count == 2)
        #expect(try await place.verify().findings.isEmpty)
    }

    @Test(arguments: ["hello\n", "hello", #"{"timestamp":"2026","seq":1}"# + "\n"])
    func `a file of somebody else is left alone`(content: String) async throws {
        let place = try TrailPlace()
        try place.folder.write(Data(content.utf8), to: "audit.log")
        await #expect(throws: AuditOpeningError.foreign(place.path)) { _ = try await place.open() }
        #expect(try place.folder.contents("audit.log") == Data(content.utf8))
    }

    @Test func `a symbolic link, a folder, and a file that others may write are refused`() async throws {
        let place = try TrailPlace()
        try FileManager.default.createSymbolicLink(
            atPath: place.path,
            withDestinationPath: place.folder.file("elsewhere")
        )
        let link = await #expect(throws: AuditOpeningError.self) { _ = try await place.open() }
        #expect(link?.description.contains("symbolic link") == true)
        try FileManager.default.removeItem(atPath: place.path)
        try FileManager.default.createDirectory(atPath: place.path, withIntermediateDirectories: false)
        await #expect(throws: AuditOpeningError.self) { _ = try await place.open() }
        let other = try await TrailPlace.with(lines: 1)
        try FileManager.default.setAttributes([.posixPermissions: 0o620], ofItemAtPath: other.path)
        await #expect(throws: AuditOpeningError.openToOthers(other.path)) { _ = try await other.open() }
        // Readable by a collector is fine.
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: other.path)
        await (try await other.open()).end()
    }

    @Test func `only one process writes a trail`() async throws {
        let place = try TrailPlace()
        let file = try await place.open()
        await #expect(throws: AuditOpeningError.inUse(place.path)) { _ = try await place.open() }
        await file.end()
    }

    @Test func `a disk that takes nothing is told at the start`() async throws {
        let place = try TrailPlace()
        place.disk.set { $0.room = 10 }
        let error = await #expect(throws: AuditOpeningError.self) { _ = try await place.open() }
        #expect(error?.description.contains("no space left") == true)
        // Nothing of a line is left behind.
        #expect(try place.folder.contents("audit.log").isEmpty)
        place.disk.set { $0.room = nil }
        await (try await place.open()).end()
        #expect(try await place.verify().findings.isEmpty)
    }

    @Test func `on a full disk nobody is told that a line is there, and it goes on by itself`() async throws {
        let place = try TrailPlace()
        let notices = Notices()
        let file = try await place.open(notices)
        try await file.record(signing(0))
        place.disk.set { $0.room = 700 }
        let results = await withTaskGroup(of: Bool.self) { group in
            for number in 1...50 {
                group.addTask {
                    do { try await file.record(signing(number)) } catch { return false }; return true
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(results < 5)
        #expect(file.hindrance?.reason.contains("no space left") == true)
        await #expect(throws: AuditUnavailable.self) { try await file.record(signing(51)) }
        place.disk.set { $0.room = nil }
        await notices.recovery()
        #expect(file.hindrance == nil)
        try await file.record(signing(52))
        await file.end()
        // Exactly those lines that were told to be there, and one that says how many are not.
        let lines = try place.lines()
        #expect(lines.count { $0.contains(#""event":"signing""#) } == 2 + results)
        // Who was refused while the trail came back is told in a line of its own.
        let told = lines.compactMap { $0.firstMatch(of: /audit_(?:resumed","unwritten|lost","lines)":(\d+)/)?.output.1 }
        #expect(told.compactMap { Int($0) }.reduce(0, +) == 51 - results)
        #expect(try await place.verify().findings.isEmpty)
        #expect(file.current.unwritten == UInt64(51 - results))
    }

    @Test func `a broken line that cannot be cut off stops everything until it can`() async throws {
        let place = try TrailPlace()
        let notices = Notices()
        let file = try await place.open(notices)
        place.disk.set { ($0.room, $0.failsCut) = (50, true) }
        await #expect(throws: AuditUnavailable.self) { try await file.record(signing(1)) }
        place.disk.set { $0.room = nil }
        await #expect(throws: AuditUnavailable.self) { try await file.record(signing(2)) }
        place.disk.set { $0.failsCut = false }
        await notices.recovery()
        try await file.record(signing(3))
        await file.end()
        #expect(try await place.verify().findings.isEmpty)
    }

    @Test func `after a failed sync the file is given up, and the next one is linked to it`() async throws {
        let place = try TrailPlace()
        let notices = Notices()
        let file = try await place.open(notices)
        try await file.record(signing(1))
        place.disk.set { $0.failsSync = true }
        #expect(await file.sync() == nil)
        await notices.failure()
        await #expect(throws: AuditUnavailable.self) { try await file.record(signing(2)) }
        place.disk.set { $0.failsSync = false }
        await notices.recovery()
        try await file.record(signing(3))
        #expect(await file.sync()?.head == file.current.head)
        await file.end()
        #expect(try place.lines("audit.log")[0].contains(#""begun_by":"failed_sync""#))
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.files.count >= 2)
    }

    @Test(arguments: [false, true])
    func `a file that was moved or deleted is replaced, and the chain goes on`(isDeleted: Bool) async throws {
        let place = try TrailPlace()
        let notices = Notices()
        let file = try await place.open(notices)
        try await file.record(signing(1))
        let path = place.path
        if isDeleted {
            try FileManager.default.removeItem(atPath: path)
        } else {
            try FileManager.default.moveItem(atPath: path, toPath: path + ".000001")
        }
        _ = await file.sync()
        await notices.recovery()
        try await file.record(signing(2))
        await file.end()
        #expect(try place.lines()[0].contains(#""begun_by":"moved""#))
        let report = try await place.verify(.anchor(file.anchor))
        #expect(report.findings.map(\.kind) == (isDeleted ? [.missing] : []))
        if isDeleted { #expect(report.findings[0].reason.contains("lines 1 to 2 are missing")) }
        // Without the anchor too: the first line says that the one before it was taken.
        #expect(try await place.verify().findings.map(\.kind) == (isDeleted ? [.missing] : []))
        // A restart does not make what is found on the disk the measure.
        #expect(try await place.verify(.anchor(place.anchor())).findings.map(\.kind) == (isDeleted ? [.missing] : []))
    }

    @Test func `an idle trail learns of a file that was deleted`() async throws {
        let place = try TrailPlace()
        let notices = Notices()
        let file = try await place.open(notices)
        try await file.record(signing(1))
        try FileManager.default.removeItem(atPath: place.path)
        file.look()
        await notices.recovery()
        await file.end()
        #expect(try await place.verify(.anchor(file.anchor)).findings.map(\.kind) == [.missing])
    }

    @Test func `earlier files that were deleted are told once, and missed also after a restart`() async throws {
        let place = try await TrailPlace.with(lines: 40, maxBytes: 2000)
        for number in 1...2 { try FileManager.default.removeItem(atPath: place.path + ".00000\(number)") }
        let notices = Notices()
        let file = try await place.open(notices)
        #expect(file.oldestFound == 3)
        file.keep(from: 1)
        await notices.failure()
        file.look()
        try await file.record(signing(41))
        await file.end()
        let told = try place.lines().filter { $0.contains("audit_missing") }
        #expect(told.count == 1 && told[0].contains("audit.log.000001, audit.log.000002"))
        let finding = try #require(try await place.verify(.anchor(file.anchor)).findings.first)
        #expect(finding.kind == .missing && finding.reason.contains("audit.log.000001 to "))
    }

    @Test func `what the signer removed itself is not missed, also where more are kept from then on`() async throws {
        let place = try await TrailPlace.with(lines: 60, maxBytes: 2000, keep: 2)
        let closed = try await place.open(keep: 2)
        let anchor = closed.anchor
        await closed.end()
        #expect(anchor.oldest > 1)
        #expect(try await place.verify(.anchor(anchor)).status == .intact)
        let file = try await place.open(keep: 16)
        file.keep(from: anchor.oldest)
        try await file.record(signing(61))
        await file.end()
        #expect(try place.lines().allSatisfy { !$0.contains("audit_missing") })
        #expect(try await place.verify(.anchor(file.anchor)).status == .intact)
    }

    @Test func `another file in its place stops everything`() async throws {
        let place = try TrailPlace()
        let notices = Notices()
        let file = try await place.open(notices)
        try FileManager.default.removeItem(atPath: place.path)
        try place.folder.write(Data("other\n".utf8), to: "audit.log")
        _ = await file.sync()
        await notices.failure()
        await #expect(throws: AuditUnavailable.self) { try await file.record(signing(2)) }
        #expect(try place.folder.contents("audit.log") == Data("other\n".utf8))
        await file.end()
    }
}

@Suite(.timeLimit(.minutes(1))) struct RotationTests {
    @Test func `files are begun by size, linked, and the oldest are removed`() async throws {
        let place = try await TrailPlace.with(lines: 60, maxBytes: 2000, keep: 3)
        let names = try place.folder.names.filter { $0 != "audit.log.lock" }
        #expect(names.count == 4 && names[0] == "audit.log")
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.files.count == 4 && report.firstSequence > 1)
        #expect(report.files.last == place.path)
        #expect(try names.allSatisfy { try place.folder.mode($0) == 0o600 })
    }

    @Test func `a rotation that fails leaves the old file growing, and is made up for`() async throws {
        let place = try TrailPlace()
        let file = try await place.open(maxBytes: 2000)
        place.disk.set { $0.failsCreate = true }
        for number in 0..<30 { try await file.record(signing(number)) }
        #expect(try place.folder.names == ["audit.log", "audit.log.lock"])
        place.disk.set { ($0.failsCreate, $0.failsMove) = (false, true) }
        for number in 30..<60 { try await file.record(signing(number)) }
        place.disk.set { $0.failsMove = false }
        for number in 60..<90 { try await file.record(signing(number)) }
        await file.end()
        #expect(try place.folder.names.contains("audit.log.000001"))
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.lines == 90 + report.files.count)
    }

    @Test func `a disk that fills up with the first line of a new file stops the trail, not the chain`() async throws {
        let place = try TrailPlace()
        let notices = Notices()
        let file = try await place.open(maxBytes: 2000, notices)
        while file.current.header.file == 1, try place.folder.contents("audit.log").count < 2000 {
            try await file.record(signing(1))
        }
        place.disk.set { $0.room = 20 }
        await #expect(throws: AuditUnavailable.self) { try await file.record(signing(2)) }
        place.disk.set { $0.room = nil }
        await notices.recovery()
        try await file.record(signing(3))
        await file.end()
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.files.count == 2, "\(report)")
    }

    @Test func `a crash between two files goes on with the next one`() async throws {
        let place = try await TrailPlace.with(lines: 5)
        try FileManager.default.moveItem(atPath: place.path, toPath: place.path + ".000001")
        let file = try await place.open()
        try await file.record(signing(6))
        await file.end()
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.files.count == 2 && report.lines == 8)
    }
}
