// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Foundation
import TestSupport
import Testing

/// A signer with a chamber, as its operator has it: KMS keys in files, a store of encrypted keys, the commands.
struct SealedPlace: Sendable {
    let workplace: Workplace
    /// Names of the KMS keys.
    let holders: [String]
    /// Of the signer.
    let environment: [String: String]
    /// The management token, from the first start on: while a chamber is sealed none can be made.
    private let root = Lock<String?>(nil)

    /// - Parameters:
    ///   - keys: in files, beside the chamber.
    ///   - holders: KMS keys that exist already; else as many as `count` are made.
    ///   - environment: of the signer, before ours.
    init(
        keys: [TestKey] = [],
        holders: [String] = [],
        count: Int = 3,
        environment: [String: String] = [:]
    ) async throws {
        workplace = try Workplace(keys: keys)
        var made = holders
        for number in made.count..<max(count, made.count) {
            made.append(try await Self.makeHolder(workplace.folder.file("kms-\(number + 1).key")))
        }
        self.holders = made
        let folder = workplace.folder
        self.environment = [
            "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": folder.file("sealed.sqlite"),
            "CONTAINMENT_KEY_SOURCES__SQLITE__CREATE_IF_MISSING": "true",
            "CONTAINMENT_SIGNER_STATE__BACKEND": "sqlite",
            "CONTAINMENT_SIGNER_STATE__PATH": folder.file("state.sqlite"),
            "CONTAINMENT_ANTI_SLASHING__FLOOR__PATH": folder.file("floor.sqlite"),
            "CONTAINMENT_CHAMBER__KEYS__GENERATE__ENABLED": "true",
            "CONTAINMENT_CHAMBER__KEYS__IMPORT__ENABLED": "true",
            "CONTAINMENT_CHAMBER__KEYS__LIFECYCLE__ENABLED": "true",
        ].merging(environment) { _, given in given }.filter { !$0.value.isEmpty }
    }

    /// The name of a new KMS key.
    static func makeHolder(_ path: String) async throws -> String {
        let made = try await Chamber.run(["operator", "local-key", path])
        try #require(made.exitCode == 0, "\(made)")
        return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func start() async throws -> SealedSigner {
        let signer = try await RunningSigner.start(in: workplace, environment: environment)
        if let token = root.withLock({ $0 }) { return SealedSigner(signer: signer, root: token) }
        // Of a chamber that others have made, it may still be opened.
        let token = try await eventually("a management token") { () -> String? in
            let made = try await workplace.run(
                ["operator", "generate-root-token", "--ttl", "1h", "--json"],
                environment: environment
            )
            if made.exitCode != 0, made.errors.contains("unseal the chamber first") { return nil }
            try #require(made.exitCode == 0, "\(made)")
            return try made.decode(GuardedSigner.Made.self).token
        }
        root.withLock { $0 = token }
        return SealedSigner(signer: signer, root: token)
    }

    /// Starts and initialises it.
    func startOpen(threshold: Int = 2) async throws -> SealedSigner {
        let signer = try await start()
        let made = try await initialize(signer, threshold: threshold)
        try #require(made.exitCode == 0, "\(made)")
        return signer
    }

    func initialize(_ signer: SealedSigner, threshold: Int = 2, token: String? = nil) async throws -> CommandResult {
        let token = try token ?? signer.setupToken
        return try await signer.signer.command(
            ["operator", "init", "--setup-token", "env:SETUP", "--kms-key-arns", holders.joined(separator: ",")]
                + ["--kms-threshold", "\(threshold)"],
            environment: ["SETUP": token]
        )
    }

    func removeHolder(_ number: Int) throws -> Data {
        let path = String(holders[number].dropFirst("local:".count))
        let content = try Data(contentsOf: URL(filePath: path))
        try FileManager.default.removeItem(atPath: path)
        return content
    }

    func putBack(_ content: Data, _ number: Int) throws {
        let path = String(holders[number].dropFirst("local:".count))
        #expect(
            FileManager.default.createFile(atPath: path, contents: content, attributes: [.posixPermissions: 0o600])
        )
    }
}

/// How a chamber stands, as the API says it.
struct ChamberWords: Decodable {
    struct Seal: Decodable {
        let status: String
        let reason: String?
    }
    struct MasterKey: Decodable {
        let generation: String
        let sequence: String
    }
    let seal: Seal
    let master_key: MasterKey?
}

extension RunningSigner {
    /// Runs a command against this signer.
    func command(_ arguments: [String], environment: [String: String] = [:]) async throws -> CommandResult {
        try await Chamber.run(
            arguments + ["--signer-url", "http://127.0.0.1:\(port)"],
            environment: environment,
            in: workplace.folder.path
        )
    }
}

/// A running signer with a chamber, and the management token of its operator.
struct SealedSigner: Sendable {
    let signer: RunningSigner
    let root: String

    var headers: [String] { ["Authorization: Bearer \(root)", "Accept: application/json"] }

    func stop() async -> Int32 { await signer.stop() }
    func kill() async { await signer.kill() }
    func log() throws -> [LogLine] { try signer.log() }

    /// Of this start.
    var setupToken: String {
        get throws { try #require(try log().compactMap { $0["setup_token"] }.last, "no setup token is in the log") }
    }

    /// Runs a command against this signer, with the management token.
    func command(_ arguments: [String], environment: [String: String] = [:]) async throws -> CommandResult {
        try await signer.command(
            arguments + ["--auth-token", "env:ROOT"],
            environment: environment.merging(["ROOT": root]) { given, _ in given }
        )
    }

    func command(_ arguments: String...) async throws -> CommandResult { try await command(arguments) }

    func chamber() async throws -> ChamberWords.Seal { try await standing().seal }

    func standing() async throws -> ChamberWords {
        let answer = try await signer.get("/api/v1/chamber/status", headers)
        return try JSONDecoder().decode(ChamberWords.self, from: Data(answer.body.utf8))
    }

    func waitUntil(_ state: String) async throws {
        _ = try await eventually("a chamber that is \(state)") { try await chamber().status == state ? true : nil }
    }

    /// New keys, by the command.
    func generate(_ count: Int, _ options: String...) async throws -> [String] {
        let made = try await command(["keys", "generate", "--count", "\(count)", "--json"] + options)
        try #require(made.exitCode == 0, "\(made)")
        return try made.decode([KeyOutcome].self).compactMap(\.pubkey)
    }

    func listed() async throws -> [KeyRow] {
        let listed = try await command("keys", "list", "--json")
        try #require(listed.exitCode == 0, "\(listed)")
        return try listed.decode([KeyRow].self)
    }

    func publicKeys() async throws -> Set<String> { try await signer.publicKeys() }

    func sign(_ body: String, with key: String) async throws -> HTTPAnswer { try await signer.sign(body, with: key) }

    /// The status of a signature that nothing can be slashed for.
    func status(signingWith key: String) async throws -> Int {
        try await sign(SigningBody.randaoReveal(epoch: 1), with: key).status
    }
}

/// As the commands write them.
struct KeyOutcome: Decodable, Sendable {
    let pubkey: String?
    let status: String
    let message: String?
    let file: String?
}

struct KeyRow: Decodable, Sendable {
    let pubkey: String
    let status: String
    let has_backup: Bool
    let fault: String?
}
