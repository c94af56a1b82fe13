// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Hardening
import TestSupport
import Testing

/// Secrets that pass through ordinary memory: bodies of requests, what they are while they are read, answers. With the request
/// that brought them they are gone.
@Suite(.timeLimit(.minutes(8)), .enabled(if: geteuid() == 0, "only root reads the memory of a process that hides it"))
struct PassingSecretTests {
    /// Has characters that stand escaped in JSON: they are read into a copy.
    private static let passwords = [
        #"a "quoted" passphrase and a \ in it, 0123456789"#, "pässwort-mit-umlauten-für-die-schlüssel-0123",
    ]

    private static func object(_ members: [String: Any]) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)
    }

    private static func keystores(_ keys: [TestKey]) throws -> [String: Any] {
        let sealed = try zip(keys, passwords).map { try $0.keystore(password: $1) }
        return ["keystores": sealed, "passwords": Array(passwords.prefix(sealed.count))]
    }

    /// A text in the forms that it can have in memory: as itself and as JSON writes it.
    private static func forms(_ password: String) throws -> [SecretForms] {
        let written = try object(["p": password]).dropFirst(#"{"p":""#.count).dropLast(2)
        return [SecretForms("password", text: password), SecretForms("password in JSON", text: String(written))]
    }

    @Test(.enabled(if: Hardening.hasSecretMemory, "without memfd_secret root sees the keys where they belong"))
    func `nothing is left of what requests brought and answers showed`() async throws {
        let place = try await SealedPlace(environment: [
            "CONTAINMENT_AUTH__MODE": "enforced", "CONTAINMENT_HTTP__KEY_MANAGER_API__ENABLED": "true",
        ])
        let opened = try await place.startOpen()
        let signer = opened.signer
        let keys = try (0..<9).map { try TestKey(2100 + $0) }

        // Plain keys: kept, in memory only, and in requests that are refused half-way through.
        let path = "/api/v1/chamber/keys"
        func take(_ members: [String: Any], _ path: String = path) async throws -> HTTPAnswer {
            try await signer.send("POST", path, opened.headers, body: Self.object(members))
        }
        #expect(try await take(["private_keys": ["0x\(keys[0].secret)", keys[1].secret]]).status == 200)
        let held = ["private_keys": ["0x\(keys[2].secret)"], "storage": ["persist": false]] as [String: Any]
        #expect(try await take(held).status == 200)
        for body in [
            #"{"private_keys":["0x\#(keys[3].secret)","0x1"]}"#, #"{"private_keys":["0x\#(keys[3].secret)"],"#,
            #"{"private_key":["0x\#(keys[3].secret)"]}"#, #"{"status":"0x\#(keys[3].secret)"}"#,
        ] {
            let answer = try await signer.send("POST", path, opened.headers, body: body)
            #expect(answer.status == 400 && !answer.body.contains(keys[3].secret), "\(answer)")
        }
        // Keystores, over both interfaces.
        #expect(try await take(Self.keystores([keys[4], keys[5]])).status == 200)
        #expect(try await take(Self.keystores([keys[6], keys[7]]), "/eth/v1/keystores").status == 200)
        // Tokens, shown once; and one that nobody has.
        let client = try await GuardedSigner(signer: signer, root: opened.root)
            .token("vc", #"{"effect":"allow","scopes":["sign"]}"#)
        let stranger = "cc_token_" + String(repeating: "0123456789abcdef", count: 4)
        for (token, status) in [(client.token, 200), (stranger, 401)] {
            for key in keys.prefix(3) + keys[4..<8] {
                let answer = try await signer.send(
                    "POST",
                    "/api/v1/eth2/sign/\(key.publicKey)",
                    ["Authorization: Bearer \(token)"],
                    body: SigningBody.randaoReveal(epoch: 1)
                )
                #expect(answer.status == status, "\(answer)")
            }
        }

        var secrets = try keys.prefix(8).enumerated().map { try SecretForms("key \($0)", digits: $1.secret) }
        for password in Self.passwords { secrets += try Self.forms(password) }
        for (name, token) in [("root", opened.root), ("client", client.token), ("stranger", stranger)] {
            secrets.append(try SecretForms("\(name)'s token", digits: String(token.dropFirst("cc_token_".count))))
        }
        let process = signer.process.identifier
        let found = try await SecretSearch.inMemory(of: process, secrets)
        #expect(found.isEmpty, "\(found.joined(separator: "; "))")
        // The positive control: what a request brought that is not secret is kept, in the same places and forms.
        let known = try SecretForms("public key", digits: String(keys[0].publicKey.dropFirst(2).prefix(64)))
        #expect(try await SecretSearch.inMemory(of: process, [known]).contains { $0.hasPrefix("public key, raw") })
        #expect(await signer.stop() == 0)
    }
}
