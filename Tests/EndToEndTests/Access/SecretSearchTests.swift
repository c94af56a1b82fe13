// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
import Glibc
import Hardening
import Keystores
import TestSupport
import Testing

/// Every secret of a signer that has worked, searched for in its memory and in everything that it wrote.
@Suite(.timeLimit(.minutes(8)), .enabled(if: geteuid() == 0, "only root reads the memory of a process that hides it"))
struct SecretSearchTests {
    private static let password = "correct-horse-battery-staple-0123456789"

    /// Four plain keys, four keystores, one password, tokens: all of it used.
    private struct Campaign {
        let signer: RunningSigner
        let plain: [TestKey]
        let encrypted: [TestKey]
        let tokens: [GuardedSigner.Made]
        let root: String
        /// All that it answered.
        var answers = Data()

        func secrets() throws -> [SecretForms] {
            try plain.enumerated().map { try SecretForms("plain key \($0)", digits: $1.secret) }
                + encrypted.enumerated().map { try SecretForms("keystore key \($0)", digits: $1.secret) }
                + [SecretForms("password", text: SecretSearchTests.password)]
        }

        func tokenSecrets() throws -> [SecretForms] {
            try (tokens.map(\.token) + [root]).enumerated().map { number, token in
                try SecretForms("token \(number)", digits: String(token.dropFirst("cc_token_".count)))
            }
        }
    }

    private static func workplace(_ plain: [TestKey], _ encrypted: [TestKey]) throws -> Workplace {
        let workplace = try Workplace(keys: plain, settings: "auth: {mode: enforced}")
        for name in ["keystores", "temporary"] {
            try FileManager.default.createDirectory(
                atPath: workplace.folder.file(name),
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
        }
        for (number, key) in encrypted.enumerated() {
            let derivation: Bool = number % 2 == 0
            try workplace.write(
                try key.keystore(
                    password: password,
                    derivation: derivation ? .pbkdf2(iterations: 2) : .scrypt(.init(n: 16, r: 8, p: 1))
                ),
                to: "keystores/\(number).json"
            )
        }
        try workplace.write(password + "\n", to: "password")
        return workplace
    }

    private static func options(_ workplace: Workplace) -> [String] {
        [
            "--key-sources-filesystem-keystores-path", workplace.folder.file("keystores"),
            "--key-sources-filesystem-keystores-password-file", workplace.folder.file("password"),
        ]
    }

    /// - Parameter planted: goes into the environment, as a copy of a secret that somebody left there.
    private func campaign(planting planted: String) async throws -> Campaign {
        let plain = try (900..<904).map { try TestKey($0) }
        let encrypted = try (910..<914).map { try TestKey($0) }
        let workplace = try Self.workplace(plain, encrypted)
        var environment = ["RUST_LOG": "trace", "TMPDIR": workplace.folder.file("temporary")]
        // The signer that makes tokens shows each once; the one that is searched has only been shown them.
        let maker = try await RunningSigner.start(in: workplace, Self.options(workplace), environment: environment)
        let made = try await workplace.run("operator", "generate-root-token", "--ttl", "1h", "--json")
        let root = try made.decode(GuardedSigner.Made.self).token
        let token = try await GuardedSigner(signer: maker, root: root)
            .token("vc-1", #"{"effect":"allow","scopes":["sign","public_keys","reload"]}"#)
        #expect(await maker.stop() == 0)
        environment["PLANTED"] = planted
        let signer = try await RunningSigner.start(in: workplace, Self.options(workplace), environment: environment)
        var campaign = Campaign(signer: signer, plain: plain, encrypted: encrypted, tokens: [token], root: root)
        for key in plain + encrypted {
            for body in [SigningBody.block(slot: 64), SigningBody.attestation(source: 1, target: 2), "{"] {
                let answer = try await signer.send(
                    "POST",
                    "/api/v1/eth2/sign/\(key.publicKey)",
                    token.headers,
                    body: body
                )
                #expect(answer.status == (body == "{" ? 400 : 200))
                campaign.answers += Data("\(answer.headers)\(answer.body)".utf8)
            }
        }
        // Loaded once more: what a reload leaves behind counts too.
        #expect(try await signer.send("POST", "/reload", token.headers).status == 202)
        _ = try await eventually("the end of the reload") {
            try await signer.send("GET", "/reload", token.headers).body.contains("running") ? nil : true
        }
        for path in ["/api/v1/eth2/publicKeys", "/healthcheck", "/api/v1/auth/tokens"] {
            let answer = try await signer.send("GET", path, ["Authorization: Bearer \(root)"])
            #expect(answer.status == 200)
            campaign.answers += Data("\(answer.headers)\(answer.body)".utf8)
        }
        campaign.answers += Data(try await signer.metrics().utf8)
        return campaign
    }

    @Test(.enabled(if: Hardening.hasSecretMemory, "without memfd_secret root sees the keys where they belong"))
    func `nothing is found but what was planted`() async throws {
        let planted = try TestKey(999)
        let campaign = try await campaign(planting: "0x\(planted.secret)")
        let signer = campaign.signer
        let secrets = try campaign.secrets() + campaign.tokenSecrets()

        // The search finds what is there.
        let control = try await SecretSearch.inMemory(
            of: signer.process.identifier,
            [SecretForms("planted", digits: planted.secret)]
        )
        #expect(control.contains { $0.hasPrefix("planted, hex:") }, "\(control)")
        // Bytes as well as digits: the public keys lie there in both.
        let digits = String(campaign.plain[0].publicKey.dropFirst(2).prefix(64))
        let known = try await SecretSearch.inMemory(
            of: signer.process.identifier,
            [SecretForms("public key", digits: digits)]
        )
        #expect(known.contains { $0.hasPrefix("public key, raw:") }, "\(known)")

        let found = try await SecretSearch.inMemory(of: signer.process.identifier, secrets)
        #expect(found.isEmpty, "in the memory: \(found.joined(separator: "; "))")
        #expect(SecretSearch.inBytes(campaign.answers, secrets).isEmpty, "in the answers")

        // While it runs, with the log of the databases still there, and when it has ended.
        let folder = signer.workplace.folder
        let given: Set = ["config.yaml", "password", "keys", "keystores", "temporary"]
        func written() throws -> [String] { try folder.names.filter { !given.contains($0) }.map(folder.file) }
        #expect(try written().contains { $0.hasSuffix("record.sqlite-wal") })
        #expect(try SecretSearch.inFiles(try written().filter { !$0.hasSuffix(".sock") }, secrets) == [])
        #expect(await signer.stop() == 0)
        #expect(try SecretSearch.inFiles(try written(), secrets) == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("temporary")) == [])
        // The positive control of the other search.
        #expect(try SecretSearch.inFiles([folder.file("keys/\(campaign.plain[0].publicKey).yaml")], secrets).count > 0)
    }

    @Test func `a crash leaves no image of the memory`() async throws {
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(in: Workplace(keys: [key]))
        let before = try signer.workplace.folder.names
        signer.process.signal(SIGSEGV)
        #expect(await signer.process.exitCode == 128 + SIGSEGV)
        let left = Set(try signer.workplace.folder.names).subtracting(before)
        #expect(left.isEmpty, "\(left)")
        #expect(try signer.process.errors().isEmpty)
    }
}
