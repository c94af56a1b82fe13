// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
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
            let again = try await next.signer.send("POST", target, next.headers, body: order)
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
}
