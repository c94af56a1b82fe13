// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// Two instances of one chamber, with everything that they share in one PostgreSQL.
@Suite(.timeLimit(.minutes(8))) struct SharedChamberTests {
    private struct Two {
        let place: SealedPlace
        let second: SealedPlace
        let one: SealedSigner
        let other: SealedSigner

        /// - Parameter own: settings of the other one alone.
        static func start(_ own: [String: String] = [:]) async throws -> Two {
            let server = try await PostgreSQLServer.shared()
            let url = try await server.createDatabase("chamber_\(UInt64.random(in: 0 ... .max))")
            let environment = [
                "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": "",
                "CONTAINMENT_KEY_SOURCES__SQLITE__CREATE_IF_MISSING": "",
                "CONTAINMENT_SIGNER_STATE__PATH": "",
                "CONTAINMENT_KEY_SOURCES__POSTGRES__URL": url,
                "CONTAINMENT_KEY_SOURCES__POSTGRES__CREATE_IF_MISSING": "true",
                "CONTAINMENT_SIGNER_STATE__BACKEND": "postgres", "CONTAINMENT_SIGNER_STATE__URL": url,
                "CONTAINMENT_ANTI_SLASHING__BACKEND": "postgres", "CONTAINMENT_ANTI_SLASHING__URL": url,
            ]
            let place = try await SealedPlace(environment: environment)
            let other = try await SealedPlace(
                holders: place.holders,
                environment: environment.merging(own) { _, own in own }
            )
            // One after the other: the first makes the tables.
            return Two(place: place, second: other, one: try await place.start(), other: try await other.start())
        }

        /// The other one, again.
        func restarted() async throws -> SealedSigner { try await second.start() }

        func stop() async {
            #expect(await one.stop() == 0)
            #expect(await other.stop() == 0)
        }
    }

    @Test func `what is done on one appears on the other`() async throws {
        let two = try await Two.start()
        let (one, other) = (two.one, two.other)
        let token = try other.setupToken
        let made = try await two.place.initialize(one)
        #expect(made.exitCode == 0, "\(made)")
        try await other.waitUntil("unsealed")
        // Void as soon as any instance is initialised.
        #expect(try await two.place.initialize(other, token: token).exitCode == 1)

        let keys = try await one.generate(3)
        _ = try await eventually("the keys on the other") { try await other.publicKeys() == Set(keys) ? true : nil }
        #expect(try await one.sign(SigningBody.attestation(source: 1, target: 2), with: keys[0]).status == 200)
        let twice = try await other.sign(SigningBody.attestation(source: 1, target: 2, block: "0x02"), with: keys[0])
        #expect(twice.status == 412, "\(twice)")

        #expect(try await other.command("keys", "deactivate", keys[0]).exitCode == 0)
        _ = try await eventually("one key less") { try await one.status(signingWith: keys[0]) == 404 ? true : nil }
        #expect(try await one.command("keys", "delete", keys[1], "--yes").exitCode == 0)
        _ = try await eventually("two keys less") { try await other.publicKeys() == [keys[2]] ? true : nil }

        #expect(try await one.command("operator", "seal").exitCode == 0)
        #expect(try await one.status(signingWith: keys[2]) == 503)
        try await other.waitUntil("sealed")
        #expect(try await other.status(signingWith: keys[2]) == 503)
        #expect(try await other.command("operator", "unseal").exitCode == 0)
        #expect(try await other.status(signingWith: keys[2]) == 200)
        try await one.waitUntil("unsealed")
        #expect(try await one.status(signingWith: keys[2]) == 200)
        await two.stop()
    }

    @Test func `one of two inits at the same time makes the master key, and both open with it`() async throws {
        let two = try await Two.start()
        async let first = two.place.initialize(two.one)
        async let second = two.place.initialize(two.other)
        let results = try await [first, second]
        #expect(results.count { $0.exitCode == 0 } == 1, "\(results)")
        try await two.one.waitUntil("unsealed")
        try await two.other.waitUntil("unsealed")
        let key = try await two.one.generate(1)[0]
        _ = try await eventually("the key on the other") {
            try await two.other.status(signingWith: key) == 200 ? true : nil
        }
        await two.stop()
    }

    @Test func `who does not follow the state is told so, and learns of a seal when it changes something`() async throws
    {
        let two = try await Two.start([
            "CONTAINMENT_SIGNER_STATE__REFRESH_INTERVAL_SECONDS": "0",
            // Tokens are believed all the same: nothing says how old they are.
            "CONTAINMENT_AUTH__CACHE_LIMIT_SECONDS": "1",
        ])
        let (one, other) = (two.one, two.other)
        let warning = try other.log().filter { $0.message.contains("OTHER INSTANCES ARE NOT FOLLOWED") }
        #expect(warning.map(\.level) == ["ERROR"])
        #expect(try await two.place.initialize(one).exitCode == 0)
        #expect(try await other.chamber().status == "uninitialized")
        // Opening looks at the state.
        #expect(try await other.command("operator", "unseal").exitCode == 0)
        let key = try await other.generate(1)[0]
        #expect(try await one.command("operator", "seal").exitCode == 0)
        #expect(try await other.status(signingWith: key) == 200)
        let refused = try await other.command("keys", "deactivate", key)
        #expect(refused.exitCode == 1, "\(refused)")
        try await other.waitUntil("sealed")
        #expect(try await other.status(signingWith: key) == 503)
        await two.stop()
    }

    // MARK: Rotations

    /// Asks both for signatures, one after the other, until it is stopped.
    private final class Client: Sendable {
        private struct State {
            var isOver = false
            var counts: [Int: Int] = [:]
        }
        private let state = Lock(State())
        private let asking: Task<Void, any Error>

        init(_ signers: [SealedSigner], _ keys: [String]) {
            let (state, ports) = (state, signers.map(\.signer.port))
            asking = Task {
                try await onThread {
                    // Bounded: a test that fails does not stop it.
                    let end = ContinuousClock.now + .seconds(240)
                    let connections = try ports.map { try HTTPConnection(port: $0) }
                    var number = 0
                    while !state.withLock({ $0.isOver }), ContinuousClock.now < end {
                        let answer = try connections[number % connections.count].exchange(
                            "POST",
                            "/api/v1/eth2/sign/\(keys[number % keys.count])",
                            ["Accept: application/json"],
                            body: SigningBody.randaoReveal(epoch: 1)
                        )
                        state.withLock { $0.counts[answer.status, default: 0] += 1 }
                        number += 1
                    }
                }
            }
        }

        /// How many answers there were of each status.
        func stop() async throws -> [Int: Int] {
            state.withLock { $0.isOver = true }
            try await asking.value
            return state.withLock { $0.counts }
        }
    }

    private func rotate(_ signer: SealedSigner, _ body: String) async throws {
        let answer = try await signer.signer.send("POST", "/api/v1/chamber/rotate", signer.headers, body: body)
        #expect(answer.status == 200, "\(answer)")
    }

    private func wait(_ signer: SealedSigner, generation: String, sequence: String? = nil) async throws {
        _ = try await eventually("generation \(generation)", within: .seconds(60)) {
            let standing = try await signer.standing()
            return standing.seal.status == "unsealed" && standing.master_key?.generation == generation
                && (sequence == nil || standing.master_key?.sequence == sequence) ? true : nil
        }
    }

    @Test func `rotations on one are followed by the other, and both sign all the while`() async throws {
        let two = try await Two.start()
        let (one, other) = (two.one, two.other)
        #expect(try await two.place.initialize(one).exitCode == 0)
        try await other.waitUntil("unsealed")
        let keys = try await one.generate(40)
        _ = try await eventually("the keys on the other") { try await other.publicKeys() == Set(keys) ? true : nil }
        let client = Client([one, other], keys)
        let holder = try await SealedPlace.makeHolder(two.place.workplace.folder.file("kms-4.key"))
        try await rotate(one, #"{"kind":"kms","kms_key_arns":["\#(holder)"],"kms_threshold":1}"#)
        try await wait(other, generation: "1", sequence: "2")
        try await rotate(one, #"{"kind":"master_key"}"#)
        try await wait(other, generation: "2")
        try await wait(one, generation: "2")
        let counts = try await client.stop()
        #expect(Set(counts.keys) == [200], "\(counts)")
        for key in keys { #expect(try await other.status(signingWith: key) == 200) }
        #expect(await other.stop() == 0)
        // A start finds what the rotations left.
        let place = try await two.restarted()
        try await place.waitUntil("unsealed")
        #expect(try await place.publicKeys() == Set(keys))
        #expect(await place.stop() == 0)
        #expect(await one.stop() == 0)
    }

    @Test func `what is deactivated on one while the other encrypts everything anew stays deactivated`() async throws {
        let two = try await Two.start()
        let (one, other) = (two.one, two.other)
        #expect(try await two.place.initialize(one).exitCode == 0)
        try await other.waitUntil("unsealed")
        var keys = try await one.generate(100)
        keys += try await one.generate(50)
        _ = try await eventually("the keys on the other") { try await other.publicKeys() == Set(keys) ? true : nil }
        try await rotate(one, #"{"kind":"master_key"}"#)
        var gone: [String] = []
        // One after the other until it is over: before, between and behind the pages of rows.
        while try await one.standing().master_key?.generation == "1", gone.count < keys.count {
            let body = #"{"pubkeys":["\#(keys[gone.count])"],"status":"inactive"}"#
            let answer = try await other.signer.send("PATCH", "/api/v1/chamber/keys", other.headers, body: body)
            // It does not have the next key yet, or the row was just encrypted anew: nothing was done, and it says so.
            guard answer.status == 200, answer.body.contains("\"deactivated\"") else { continue }
            gone.append(keys[gone.count])
            #expect(try await other.status(signingWith: gone[gone.count - 1]) == 404)
        }
        #expect(!gone.isEmpty)
        try await wait(one, generation: "2")
        try await wait(other, generation: "2")
        let rest = Set(keys).subtracting(gone)
        for signer in [one, other] {
            _ = try await eventually("what is left") { try await signer.publicKeys() == rest ? true : nil }
            #expect(try await signer.listed().filter { $0.status == "inactive" }.count == gone.count)
            #expect(try await signer.listed().allSatisfy { $0.fault == nil })
        }
        await two.stop()
    }
}
