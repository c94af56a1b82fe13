// SPDX-License-Identifier: Apache-2.0
import Audit
import Concurrency
import Crypto
import Encoding
import Foundation
import Telemetry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChainTests {
    @Test func `the first line begins the chain, every other one names its event and ends with number and hash`()
        async throws
    {
        let place = try await TrailPlace.with(lines: 2)
        let lines = try place.lines()
        #expect(lines.count == 3)
        #expect(
            lines[0].hasPrefix(
                #"{"timestamp":"2023-11-14T22:13:20.123456Z","level":"INFO","target":"audit","message":"audit file","event":"audit_file","version":1,"chain":""#
            )
        )
        #expect(lines[0].contains(#""file":1,"previous":"\#(String(repeating: "0", count: 64))","begun_by":"first""#))
        let event =
            #"{"timestamp":"2023-11-14T22:13:20.123456Z","level":"INFO","target":"audit","message":"signed","event":"signing","operation":"ATTESTATION","outcome":"done","caller":"anonymous","slot":1,"seq":3,"hash":""#
        #expect(lines[2].hasPrefix(event))
        #expect(try place.folder.mode("audit.log") == 0o600)
    }

    /// The test vector of docs/formats.md, put together here by hand.
    @Test func `a hash is SHA-256 over the hash of the line before and the line up to its own hash`() async throws {
        let place = try await TrailPlace.with(lines: 3)
        var previous = [UInt8](repeating: 0, count: 32)
        for line in try place.lines() {
            let mark = try #require(line.range(of: #","hash":""#))
            let digest = try Digest.sha256((previous + Array(line[..<mark.lowerBound].utf8)).span)
            #expect(line[mark.upperBound...] == Hex.encode(digest.span, prefix: false) + "\"}")
            previous = digest.array
        }
    }

    @Test func `the vector of the documents holds`() throws {
        let line =
            #"{"timestamp":"2023-11-14T22:13:20.123456Z","level":"INFO","target":"audit","message":"signed","event":"signing","operation":"RANDAO_REVEAL","outcome":"done","seq":2,"hash":"3d3c524eb8fe264f81df0d78c5a131ddc0effe8b5f46c7ee1ecf080cd40f8e5a"}"#
        let documents = try String(
            contentsOf: Vectors.packageRoot.appending(path: "docs/formats.md"),
            encoding: .utf8
        )
        let written = documents.split(separator: "\n").first { $0.contains(#""operation":"RANDAO_REVEAL""#) }
        #expect(written.map { $0.trimmingCharacters(in: .whitespaces) } == line)
        var walk = AuditWalk(after: AuditHead(sequence: 1, hash: Bytes(repeating: 0x11)))
        let follows = walk.follow(Array(line.utf8))
        #expect(follows)
    }

    @Test func `after a restart the chain goes on`() async throws {
        let place = try await TrailPlace.with(lines: 2)
        let file = try await place.open()
        #expect(file.opened.sequence == 3)
        try await file.record(signing(9))
        await file.end()
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.lines == 4 && report.lastSequence == 4)
    }

    @Test func `many writers leave one chain, in few writes`() async throws {
        let place = try TrailPlace()
        let file = try await place.open()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<500 { group.addTask { try? await file.record(signing(number)) } }
        }
        await file.end()
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.lines == 501)
        #expect(place.disk.counts.appends < 501)
        #expect(Set(try place.lines().dropFirst()).count == 500)
    }

    @Test func `what nobody waits for is written too, and in order`() async throws {
        let place = try TrailPlace()
        let file = try await place.open()
        for number in 0..<10 { file.post(signing(number)) }
        try await file.record(signing(10))
        await file.end()
        let slots = try place.lines().compactMap { $0.firstMatch(of: /"slot":(\d+)/)?.output.1 }
        #expect(slots == (0...10).map { "\($0)" })
    }

    @Test func `no value can look like the end of a line`() async throws {
        let place = try TrailPlace()
        let file = try await place.open()
        var event = AuditEvent(.access(method: "GET", path: #"/","seq":1,"hash":"00"}"# + "\n{"), .done)
        event.caller = #"","event":"audit_gap"#
        try await file.record(event)
        await file.end()
        let report = try await place.verify()
        #expect(report.findings.isEmpty && report.lines == 2)
    }

    @Test func `after the end nothing is taken`() async throws {
        let place = try TrailPlace()
        let file = try await place.open()
        await file.end()
        await #expect(throws: AuditUnavailable.self) { try await file.record(signing(1)) }
    }
}

extension Bytes {
    init(repeating byte: UInt8) {
        self.init()
        for place in 0..<count { self[place] = byte }
    }
}
