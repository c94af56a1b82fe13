// SPDX-License-Identifier: Apache-2.0
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// Two instances of one chamber, with everything that they share in one PostgreSQL.
@Suite(.timeLimit(.minutes(5))) struct SharedChamberTests {
    private struct Two {
        let place: SealedPlace
        let one: SealedSigner
        let other: SealedSigner

        static func start() async throws -> Two {
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
            let other = try await SealedPlace(holders: place.holders, environment: environment)
            // One after the other: the first makes the tables.
            return Two(place: place, one: try await place.start(), other: try await other.start())
        }

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
}
