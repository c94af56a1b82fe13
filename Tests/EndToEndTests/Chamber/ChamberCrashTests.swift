// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import SQLite
import TestSupport
import Testing

/// `kill -9` at any moment of a ceremony: what was answered is there at the next start. `CHAMBER_CRASH_CYCLES` asks for more
/// cycles.
@Suite(.timeLimit(.minutes(10))) struct ChamberCrashTests {
    private static let cycles = ProcessInfo.processInfo.environment["CHAMBER_CRASH_CYCLES"].flatMap { Int($0) } ?? 10

    /// Sends a request and pulls the plug after a while that chance has chosen: the moment is what is tested, so there is
    /// nothing to wait for. The answer, where it was faster.
    private func cut(
        _ signer: SealedSigner,
        after pause: Duration,
        _ target: String,
        _ headers: [String],
        body: String
    ) async throws -> HTTPAnswer? {
        let port = signer.signer.port
        async let answer = onThread {
            try? HTTPConnection(port: port).exchange("POST", target, headers, body: body)
        }
        try await Task.sleep(for: pause)
        await signer.kill()
        return try await answer
    }

    @Test func `a chamber whose init was cut off is uninitialised or opens`() async throws {
        var generator = SeededGenerator.fromEnvironment()
        let seed = generator.seed
        let holders = try await SealedPlace(count: 3)
        for cycle in 0..<Self.cycles {
            let place = try await SealedPlace(holders: holders.holders)
            let signer = try await place.start()
            let names = place.holders.map { "\"\($0)\"" }.joined(separator: ",")
            let answer = try await cut(
                signer,
                after: .microseconds(Int.random(in: 0...20_000, using: &generator)),
                "/api/v1/chamber/init",
                ["Authorization: Bearer \(try signer.setupToken)"],
                body: #"{"kms_key_arns":[\#(names)],"kms_threshold":2}"#
            )
            let next = try await place.start()
            if try await next.chamber().status == "uninitialized" {
                #expect(answer?.status != 201, "cycle \(cycle), seed \(seed): an answered init is lost")
                #expect(try await place.initialize(next).exitCode == 0, "cycle \(cycle), seed \(seed)")
            }
            try await next.waitUntil("unsealed")
            let key = try await next.generate(1)[0]
            #expect(try await next.status(signingWith: key) == 200, "cycle \(cycle), seed \(seed)")
            #expect(await next.stop() == 0)
        }
    }

    @Test func `no key that was answered is lost, and an order that was cut off can be given again`() async throws {
        struct Answer: Decodable { let data: [KeyOutcome] }
        var generator = SeededGenerator.fromEnvironment()
        let seed = generator.seed
        let place = try await SealedPlace()
        let first = try await place.startOpen()
        #expect(await first.stop() == 0)
        var known: Set<String> = []
        for cycle in 0..<Self.cycles {
            let signer = try await place.start()
            try await signer.waitUntil("unsealed")
            let order = #"{"count":5,"request_id":"cycle-\#(cycle)"}"#
            let target = "/api/v1/chamber/keys/generate"
            let pause = Duration.microseconds(Int.random(in: 0...30_000, using: &generator))
            let answer = try await cut(signer, after: pause, target, signer.headers, body: order)
            let next = try await place.start()
            try await next.waitUntil("unsealed")
            if let answer, answer.status == 200 {
                let keys = try JSONDecoder().decode(Answer.self, from: Data(answer.body.utf8)).data
                known.formUnion(keys.compactMap(\.pubkey))
            }
            let there = try await next.listed()
            #expect(known.isSubset(of: there.map(\.pubkey)), "cycle \(cycle), seed \(seed)")
            #expect(there.allSatisfy { $0.fault == nil }, "cycle \(cycle), seed \(seed)")
            // What came into the store before the cut counts; the rest is made now.
            // For some seconds it is not told from one that is still at work elsewhere.
            let again = try await eventually("the rest") {
                let again = try await next.signer.send("POST", target, next.headers, body: order)
                return again.status == 409 ? nil : again
            }
            #expect(again.status == 200, "\(again)")
            known.formUnion(
                try JSONDecoder().decode(Answer.self, from: Data(again.body.utf8)).data.compactMap(\.pubkey)
            )
            #expect(known.count == 5 * (cycle + 1), "cycle \(cycle), seed \(seed)")
            #expect(Set(try await next.listed().map(\.pubkey)) == known, "cycle \(cycle), seed \(seed)")
            #expect(try await next.publicKeys() == known)
            #expect(await next.stop() == 0)
        }
    }

    // MARK: A new master key

    /// How many rows lie under a generation of the master key, read past the signer that holds the file; 0 where a write is
    /// under way.
    private static func rows(_ path: String, under generation: Int) -> Int64 {
        do {
            let connection = try Connection(path: path, mode: .readOnly, vfs: "unix-none")
            return try connection.integer("SELECT count(*) FROM entries WHERE key_generation = \(generation)")
        } catch { return 0 }
    }

    /// Everything signs, whatever it lies under.
    private func expectAll(_ keys: [String], at signer: SealedSigner, _ comment: Comment) async throws {
        _ = try await eventually("an open chamber") { try await signer.publicKeys().isEmpty ? nil : true }
        #expect(try await signer.publicKeys() == Set(keys), comment)
        for key in keys { #expect(try await signer.status(signingWith: key) == 200, comment) }
    }

    @Test func `a new master key whose process is killed anywhere loses no key, and takes over after the restart`()
        async throws
    {
        let place = try await SealedPlace()
        var signer = try await place.startOpen()
        var keys: [String] = []
        for count in [100, 100, 10] { keys += try await signer.generate(count) }
        let file = place.workplace.folder.file("sealed.sqlite")
        // Behind the record; with the first, the second and the last page of rows; about the end.
        for (cycle, moment) in [0, 1, 101, 201, 210].enumerated() {
            let (running, generation) = (signer, cycle + 2)
            let begun = try await running.signer.send(
                "POST",
                "/api/v1/chamber/rotate",
                running.headers,
                body: #"{"kind":"master_key"}"#
            )
            #expect(begun.status == 200, "\(begun)")
            let end = ContinuousClock.now + .seconds(60)
            try await onThread {
                while Self.rows(file, under: generation) < moment {
                    guard ContinuousClock.now < end else { throw TimedOut(description: "no \(moment) rows anew") }
                }
            }
            await running.kill()
            let next = try await place.start()
            try await expectAll(keys, at: next, "killed at \(moment) rows")
            _ = try await eventually("the end of the rotation", within: .seconds(60)) {
                let standing = try await next.standing()
                return standing.seal.status == "unsealed" && standing.master_key?.generation == "\(generation)"
                    ? true : nil
            }
            #expect(Self.rows(file, under: generation) == 210)
            try await expectAll(keys, at: next, "killed at \(moment) rows, and ended")
            signer = next
        }
        #expect(await signer.stop() == 0)
        let last = try await place.start()
        try await expectAll(keys, at: last, "at the last start")
        #expect(await last.stop() == 0)
    }
}
