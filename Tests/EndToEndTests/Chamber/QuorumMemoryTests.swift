// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Glibc
import Hardening
import TestSupport
import Testing

/// What is in the memory of a signer that operators open, at every step of a ceremony.
@Suite(.timeLimit(.minutes(8)), .enabled(if: geteuid() == 0, "only root reads the memory of a process that hides it"))
struct QuorumMemoryTests {
    private struct Begun: Decodable {
        struct Ticket: Decodable {
            let `operator`: String
            let token: String
        }
        let registrations: [Ticket]
    }

    /// Two of three operators over two of three KMS keys. The tokens that were good once.
    private static func register(
        _ operators: [PlayedOperator],
        at signer: SealedSigner,
        _ place: SealedPlace
    ) async throws -> [SecretForms] {
        let setup = try signer.setupToken
        let body: [String: Any] = [
            "kms_key_arns": place.holders, "kms_threshold": 2, "operators": operators.map(\.name),
            "operator_threshold": 2,
        ]
        let begun = try await signer.signer.send(
            "POST",
            "/api/v1/chamber/init",
            [
                "Authorization: Bearer \(setup)", "Content-Type: application/json",
                "Accept: application/json",
            ],
            body: String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
        )
        try #require(begun.status == 201, "\(begun)")
        let tickets = try JSONDecoder().decode(Begun.self, from: Data(begun.body.utf8)).registrations
        for (one, ticket) in zip(operators, tickets) { try await one.register(ticket.token, at: signer.signer) }
        return try (tickets.map(\.token) + [setup]).map { token in
            try SecretForms("token of \(token.prefix(8))…", digits: String(token.suffix(64)))
        }
    }

    @Test(.enabled(if: Hardening.hasSecretMemory, "without memfd_secret root sees the keys where they belong"))
    func `what operators bring and what it opens is in secret memory only, and gone when it was used`() async throws {
        let place = try await SealedPlace()
        let operators = try ["alice", "bob", "carol"].map { try PlayedOperator($0) }
        let first = try await place.start()
        let tokens = try await Self.register(operators, at: first, place)
        let shares = [
            (number: UInt8(1), digits: try await operators[0].unseal(first.signer)),
            (number: UInt8(3), digits: try await operators[2].unseal(first.signer)),
        ]
        try await first.waitUntil("unsealed")
        let validators = try await first.generate(3)
        let custody = try await CustodySecrets(place)
        let opened = try custody.opened(with: shares)
        let given = try shares.map { try SecretForms("share of operator \($0.number)", digits: $0.digits) }
        let (envelope, all) = (custody.held, custody.shares + given + opened)
        // The one that made all this, and was told the tokens.
        let left = try await SecretSearch.inMemory(
            of: first.signer.process.identifier,
            all + tokens + [envelope],
            outsideSecretMemory: true
        )
        #expect(left == [])
        #expect(await first.stop() == 0)

        let signer = try await place.start()
        try await signer.waitUntil("kms_unsealed")
        let process = signer.signer.process.identifier
        // The KMS keys' part is done: the master key under a key that nobody here has.
        #expect(try await SecretSearch.inMemory(of: process, [envelope]).map { $0.prefix(13) } == ["envelope, raw"])
        #expect(try await SecretSearch.inMemory(of: process, [envelope], outsideSecretMemory: true) == [])
        #expect(try await SecretSearch.inMemory(of: process, all) == [])

        try await operators[0].unseal(signer.signer)
        let waiting = try await SecretSearch.inMemory(of: process, all)
        #expect(waiting == ["share of operator 1, raw: 1 times"])
        #expect(try await SecretSearch.inMemory(of: process, all + [envelope], outsideSecretMemory: true) == [])

        try await operators[2].unseal(signer.signer)
        try await signer.waitUntil("unsealed")
        let open = try await SecretSearch.inMemory(of: process, all + [envelope])
        #expect(open == ["master key, raw: 1 times"])
        #expect(try await SecretSearch.inMemory(of: process, all + [envelope], outsideSecretMemory: true) == [])
        for key in validators { #expect(try await signer.status(signingWith: key) == 200) }

        #expect(try await signer.command("operator", "seal").exitCode == 0)
        #expect(try await SecretSearch.inMemory(of: process, all + [envelope]) == [])
        #expect(await signer.stop() == 0)
        let written = try place.workplace.folder.names.filter { $0.contains(".sqlite") }
            .map(place.workplace.folder.file)
        #expect(try SecretSearch.inFiles(written, all + [envelope]) == [])
    }
}
