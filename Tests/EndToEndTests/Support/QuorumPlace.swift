// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A chamber that alice, bob and carol open, two of them at a time, with what they have in hand: alice a passphrase and a
/// YubiKey, bob a YubiKey behind the program of its maker, carol a passphrase. Dave comes later.
struct QuorumPlace: Sendable {
    let place: SealedPlace
    static let operators = ["alice", "bob", "carol"]
    /// Of the slots of YubiKeys.
    static let slots = [
        "alice": "000102030405060708090a0b0c0d0e0f10111213", "bob": "303132333435363738393a3b3c3d3e3f40414243",
    ]
    static let passphrases = [
        "ALICE": "correct horse battery staple", "CAROL": "hold the door until the end",
        "DAVE": "seven green bottles hang",
        "WRONG": "correct horse battery stable",
    ]

    struct Registration: Decodable {
        struct Ticket: Decodable {
            let `operator`: String
            let token: String
        }
        struct Seal: Decodable { let status: String }
        let seal: Seal
        let registrations: [Ticket]

        var tokens: [String: String] { Dictionary(uniqueKeysWithValues: registrations.map { ($0.operator, $0.token) }) }
    }

    /// - Parameters:
    ///   - holders: KMS keys that exist already.
    ///   - environment: of the signer.
    init(holders: [String] = [], environment: [String: String] = [:]) async throws {
        place = try await SealedPlace(holders: holders, environment: environment)
        for (name, slot) in Self.slots { try place.workplace.write(slot + "\n", to: "yubikey-\(name)") }
        // ykchalresp as its manual describes it, over the slot of bob's YubiKey.
        try place.workplace.folder.write(
            Data(
                """
                #!/bin/sh
                [ "$1 $2 $3" = "-2 -H -x" ] || { echo "ykchalresp: usage" >&2; exit 1; }
                printf %s "$4" | sed 's/../\\\\x&/g' | xargs -0 printf '%b' |
                  openssl dgst -sha1 -mac HMAC -macopt hexkey:\(Self.slots["bob"] ?? "") | sed 's/^.*= //'

                """.utf8
            ),
            to: "ykchalresp"
        )
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o700],
            ofItemAtPath: place.workplace.folder.file("ykchalresp")
        )
    }

    /// The options with which an operator makes their credentials.
    func making(_ name: String) -> [String] {
        switch name {
        case "alice":
            [
                "--credential", "passphrase:paper", "--passphrase", "env:ALICE", "--credential", "yubikey:blue",
                "--yubikey-program", "software:\(place.workplace.folder.file("yubikey-alice"))",
            ]
        case "bob": ["--credential", "yubikey:keyring", "--yubikey-program", "ykchalresp"]
        default: ["--credential", "passphrase:paper", "--passphrase", "env:\(name.uppercased())"]
        }
    }

    /// The options with which an operator proves who they are.
    func proof(_ name: String) -> [String] {
        switch name {
        case "alice": ["--operator", name, "--passphrase", "env:ALICE"]
        case "bob": ["--operator", name, "--yubikey", "--yubikey-program", "ykchalresp"]
        default: ["--operator", name, "--passphrase", "env:\(name.uppercased())"]
        }
    }

    /// Runs an operator's command on their own machine: without a token.
    func command(
        _ words: [String],
        at signer: SealedSigner,
        environment: [String: String] = [:]
    ) async throws -> CommandResult {
        let path = place.workplace.folder.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
        let own = Self.passphrases.merging(["PATH": path]) { _, own in own }.merging(environment) { _, own in own }
        return try await signer.signer.command(["operator"] + words, environment: own)
    }

    func register(_ name: String, _ token: String, at signer: SealedSigner) async throws -> CommandResult {
        try await command(
            ["register", "--token", "env:ENROL"] + making(name),
            at: signer,
            environment: ["ENROL": token]
        )
    }

    func unseal(_ name: String, at signer: SealedSigner, _ more: String...) async throws -> CommandResult {
        try await command(["unseal"] + proof(name) + more, at: signer)
    }

    func approve(_ proposal: String, _ name: String, at signer: SealedSigner) async throws -> CommandResult {
        try await command(["approve", "--yes", "--proposal", proposal] + proof(name), at: signer)
    }

    // MARK: A chamber in a state

    func initialize(_ signer: SealedSigner) async throws -> Registration {
        let made = try await signer.signer.command(
            [
                "operator", "init", "--json", "--setup-token", "env:SETUP", "--kms-threshold", "2", "--kms-key-arns",
                place.holders.joined(separator: ","), "--operators", Self.operators.joined(separator: ","),
                "--operator-threshold", "2",
            ],
            environment: ["SETUP": try signer.setupToken]
        )
        try #require(made.exitCode == 0, "\(made)")
        return try made.decode(Registration.self)
    }

    /// One whose operators have registered; it waits for them.
    func startRegistered() async throws -> SealedSigner {
        let signer = try await place.start()
        let tokens = try await initialize(signer).tokens
        for name in Self.operators {
            let made = try await register(name, try #require(tokens[name]), at: signer)
            try #require(made.exitCode == 0, "\(made)")
        }
        try await signer.waitUntil("kms_unsealed")
        return signer
    }

    func startOpen() async throws -> SealedSigner {
        let signer = try await startRegistered()
        try await open(signer)
        return signer
    }

    func open(_ signer: SealedSigner, by names: [String] = ["alice", "carol"]) async throws {
        for name in names {
            let given = try await unseal(name, at: signer)
            try #require(given.exitCode == 0, "\(given)")
        }
        try await signer.waitUntil("unsealed")
    }

    /// A start after another one: the management token is in the signer state.
    func restart(_ signer: SealedSigner) async throws -> SealedSigner {
        _ = await signer.stop()
        let next = try await RunningSigner.start(in: place.workplace, environment: place.environment)
        let started = SealedSigner(signer: next, root: signer.root)
        try await started.waitUntil("kms_unsealed")
        return started
    }

    /// Orders a change, lets operators approve it, and carries it out.
    func change(
        _ words: [String],
        approvedBy names: [String] = ["bob", "carol"],
        at signer: SealedSigner,
        environment: [String: String] = [:]
    ) async throws -> CommandResult {
        struct Answer: Decodable {
            struct Proposal: Decodable { let id: String }
            let proposal: Proposal
        }
        let own = Self.passphrases.merging(environment) { _, own in own }
        let ordered = try await signer.command(["operator"] + words + ["--no-wait", "--json"], environment: own)
        try #require(ordered.exitCode == 3, "\(ordered)")
        let proposal = try ordered.decode(Answer.self).proposal.id
        for name in names {
            let approved = try await approve(proposal, name, at: signer)
            try #require(approved.exitCode == 0, "\(approved)")
        }
        return try await signer.command(["operator", "rotate", "continue", "--proposal", proposal, "--json"])
    }
}
