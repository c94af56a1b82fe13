// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Glibc
import Hardening
import PostgreSQLServer
import TestSupport
import Testing

/// What leaves the host of a signer: traces for a collector, and the databases that signers share.
@Suite(.timeLimit(.minutes(8))) struct SecretPlacesTests {
    /// A signer of which everything is in one PostgreSQL, and every request is traced.
    private struct House {
        let collector: ScriptedServer
        let server: PostgreSQLServer
        let place: SealedPlace
        let files: [TestKey]
        let imported: [TestKey]

        var keys: [TestKey] { files + imported }

        init() async throws {
            collector = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
            server = try await PostgreSQLServer.started()
            let url = try await server.createDatabase("chamber")
            files = try (940..<942).map { try TestKey($0) }
            imported = try (950..<953).map { try TestKey($0) }
            place = try await SealedPlace(
                keys: files,
                environment: [
                    "CONTAINMENT_AUTH__MODE": "enforced",
                    "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": "",
                    "CONTAINMENT_KEY_SOURCES__SQLITE__CREATE_IF_MISSING": "", "CONTAINMENT_SIGNER_STATE__PATH": "",
                    "CONTAINMENT_KEY_SOURCES__POSTGRES__URL": url,
                    "CONTAINMENT_KEY_SOURCES__POSTGRES__CREATE_IF_MISSING": "true",
                    "CONTAINMENT_SIGNER_STATE__BACKEND": "postgres", "CONTAINMENT_SIGNER_STATE__URL": url,
                    "CONTAINMENT_ANTI_SLASHING__BACKEND": "postgres", "CONTAINMENT_ANTI_SLASHING__URL": url,
                    "CONTAINMENT_TRACING__OTLP_ENDPOINT": collector.endpoint,
                    "CONTAINMENT_TRACING__SAMPLE_RATIO": "1",
                ]
            )
        }

        /// Initialises the chamber, imports the keys and makes a token.
        func fill(_ signer: SealedSigner) async throws -> GuardedSigner.Made {
            for key in imported {
                try place.workplace.write(try key.keystore(password: "password"), to: "\(key.publicKey).json")
            }
            try place.workplace.write("password\n", to: "password")
            let files = imported.map { "\($0.publicKey).json" }
            let taken = try await signer.command(["keys", "import"] + files + ["--password-file", "password"])
            #expect(taken.exitCode == 0, "\(taken)")
            return try await GuardedSigner(signer: signer.signer, root: signer.root)
                .token("vc", #"{"effect":"allow","scopes":["sign"]}"#)
        }
    }

    @Test func `neither the traces nor a dump of all databases hold a scalar or a token`() async throws {
        let house = try await House()
        let maker = try await house.place.startOpen()
        let client = try await house.fill(maker)
        #expect(await maker.stop() == 0)

        // It has only been shown the token.
        let signer = try await house.place.start()
        try await signer.waitUntil("unsealed")
        let bodies = [
            SigningBody.block(slot: 64), SigningBody.attestation(source: 1, target: 2),
            SigningBody.attestation(source: 1, target: 2, block: "0x02"), SigningBody.randaoReveal(epoch: 2),
        ]
        for key in house.keys {
            for (body, status) in zip(bodies, [200, 200, 412, 200]) {
                let target = "/api/v1/eth2/sign/\(key.publicKey)"
                let answer = try await signer.signer.send("POST", target, client.headers, body: body)
                #expect(answer.status == status, "\(answer)")
            }
        }
        let scalars = try house.keys.map { try SecretForms("key \($0.publicKey.prefix(10))", digits: $0.secret) }
        func form(_ token: String) throws -> SecretForms {
            try SecretForms("token", digits: String(token.dropFirst("cc_token_".count)))
        }
        if geteuid() == 0, Hardening.hasSecretMemory {
            let found = try await SecretSearch.inMemory(
                of: signer.signer.process.identifier,
                scalars + [try form(client.token)]
            )
            #expect(found.isEmpty, "in the memory: \(found.joined(separator: "; "))")
        }
        let secrets = try scalars + [client.token, maker.root, signer.root].map(form)
        #expect(await signer.stop() == 0)
        try await expectNothing(of: secrets, traced: house.keys.count * bodies.count, by: house.collector)
        try await expectNothing(of: secrets, in: house.server, that: house.keys[0])
    }

    private static func planted() throws -> (key: TestKey, form: SecretForms) {
        let key = try TestKey(999)
        return (key, try SecretForms("planted", digits: key.secret))
    }

    /// Every request was traced, and what the collector has got shows nothing.
    private func expectNothing(of secrets: [SecretForms], traced: Int, by collector: ScriptedServer) async throws {
        func kept() -> Data { Data(collector.requests.joined().utf8) }
        let count = String(decoding: kept(), as: UTF8.self).ranges(of: "\"name\":\"sign_request\"").count
        #expect(count == traced)
        #expect(SecretSearch.inBytes(kept(), secrets) == [])
        // The positive control: what a signer that leaks would send is kept, and found.
        let (key, form) = try Self.planted()
        let base64 = Data(try Array(Hex.decode(key.secret))).base64EncodedString()
        let body = #"{"name":"0x\#(key.secret)","value":"\#(base64)"}"#
        let port = collector.port
        _ = try await onThread { try HTTPConnection(port: port).exchange("POST", "/v1/traces", body: body) }
        #expect(SecretSearch.inBytes(kept(), [form]) == ["planted, hex", "planted, base64 at 0"])
    }

    /// The dump has what signers share, and shows nothing.
    private func expectNothing(of secrets: [SecretForms], in server: PostgreSQLServer, that key: TestKey) async throws {
        let dump = Data(try await server.dump().utf8)
        // Binary columns are in it as digits: the public keys of record and sealed keys.
        let known = try SecretForms("public key", digits: String(key.publicKey.dropFirst(2).prefix(64)))
        #expect(SecretSearch.inBytes(dump, [known]).contains("public key, hex"))
        for table in ["validators", "signed_blocks"] { #expect(dump.range(of: Data(table.utf8)) != nil) }
        #expect(SecretSearch.inBytes(dump, secrets) == [])
        // The positive control: a row with a secret in every form.
        let (planted, form) = try Self.planted()
        try await server.psql(
            """
            CREATE TABLE planted (plain text, small bytea, base64 text);
            INSERT INTO planted VALUES
                ('\(planted.secret)', '\\x\(planted.secret)',
                encode('\\x\(planted.secret)'::bytea, 'base64'));
            """,
            database: "chamber"
        )
        let found = SecretSearch.inBytes(Data(try await server.dump().utf8), [form])
        #expect(found == ["planted, hex", "planted, base64 at 0"])
    }
}
