// SPDX-License-Identifier: Apache-2.0
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// The Key Manager API of running signers, as a validator client's tool meets it.
@Suite(.timeLimit(.minutes(8)))
struct KeyManagerTests {
    private static let enabled = ["CONTAINMENT_HTTP__KEY_MANAGER_API__ENABLED": "true"]
    private static let path = "/eth/v1/keystores"

    private struct Statuses: Decodable {
        struct Element: Decodable { let status: String }
        let data: [Element]
        let slashing_protection: String?
    }

    private func take(_ key: TestKey, into signer: RunningSigner, history: String? = nil) async throws -> HTTPAnswer {
        let password = "correct horse battery \(key.publicKey.suffix(8))"
        var body: [String: Any] = ["keystores": [try key.keystore(password: password)], "passwords": [password]]
        body["slashing_protection"] = history
        let data = try JSONSerialization.data(withJSONObject: body)
        return try await signer.send("POST", Self.path, body: String(decoding: data, as: UTF8.self))
    }

    private func delete(_ key: TestKey, from signer: RunningSigner) async throws -> (status: String, history: String) {
        let answer = try await signer.send("DELETE", Self.path, body: #"{"pubkeys":["\#(key.publicKey)"]}"#)
        try #require(answer.status == 200, "\(answer)")
        let statuses = try JSONDecoder().decode(Statuses.self, from: Data(answer.body.utf8))
        return (statuses.data[0].status, statuses.slashing_protection ?? "")
    }

    @Test func `it is not there unless it was switched on`() async throws {
        let signer = try await RunningSigner.start(in: Workplace())
        #expect(try await signer.get(Self.path).status == 404)
        #expect(await signer.stop() == 0)
    }

    @Test func `an imported key signs, survives a reload and not a restart, and leaves no secret behind`() async throws
    {
        let (file, key) = (try TestKey(831), try TestKey(832))
        let workplace = try Workplace(keys: [file])
        let signer = try await RunningSigner.start(in: workplace, environment: Self.enabled)
        let taken = try await take(key, into: signer)
        #expect(taken.status == 200 && taken.body.contains("imported"), "\(taken)")
        #expect(try await signer.sign(SigningBody.block(slot: 1), with: key).status == 200)
        #expect(try await signer.metrics().contains(#"containment_keys_active{source="memory"} 1"#))

        try workplace.remove("keys/\(file.publicKey).yaml")
        #expect(try await signer.send("POST", "/reload").status == 202)
        _ = try await eventually("the file's key is gone") {
            try await signer.publicKeys() == [key.publicKey] ? true : nil
        }
        #expect(try await signer.sign(SigningBody.block(slot: 2), with: key).status == 200)
        let log = try signer.process.output() + signer.process.errors()
        #expect(!log.contains(key.secret) && !log.contains("correct horse") && log.contains("import_keystore"))
        #expect(await signer.stop() == 0)

        let again = try await RunningSigner.start(in: workplace, environment: Self.enabled)
        #expect(try await again.sign(SigningBody.block(slot: 3), with: key).status == 404)
        let deleted = try await delete(key, from: again)
        #expect(deleted.status == "not_active" && deleted.history.contains(#""slot":"2""#), "\(deleted)")
        #expect(await again.stop() == 0)
    }

    @Test func `nobody brings history from far ahead, for their own key or another`() async throws {
        let (file, key) = (try TestKey(838), try TestKey(839))
        let signer = try await RunningSigner.start(in: Workplace(keys: [file]), environment: Self.enabled)
        let far = """
            {"metadata":{"interchange_format_version":"5","genesis_validators_root":"\(SigningBody.hoodi)"},"data":[{\
            "pubkey":"\(file.publicKey)","signed_blocks":[],\
            "signed_attestations":[{"source_epoch":"1","target_epoch":"900000000001"}]}]}
            """
        let refused = try await take(key, into: signer, history: far)
        #expect(refused.status == 400 && refused.body.contains(file.publicKey), "\(refused)")
        #expect(try await signer.publicKeys() == [file.publicKey])
        #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 4), with: file).status == 200)
        #expect(await signer.stop() == 0)
    }

    @Test func `what was deleted here moves on with its history`() async throws {
        let key = try TestKey(833)
        let (old, new) = (
            try await RunningSigner.start(in: Workplace(), environment: Self.enabled),
            try await RunningSigner.start(in: Workplace(), environment: Self.enabled)
        )
        _ = try await take(key, into: old)
        #expect(try await old.sign(SigningBody.attestation(source: 1, target: 4), with: key).status == 200)
        let deleted = try await delete(key, from: old)
        #expect(deleted.status == "deleted")
        #expect(try await old.sign(SigningBody.attestation(source: 4, target: 5), with: key).status == 404)
        #expect(try await take(key, into: new, history: deleted.history).status == 200)
        #expect(try await new.sign(SigningBody.attestation(source: 2, target: 3), with: key).status == 412)
        #expect(try await new.sign(SigningBody.attestation(source: 1, target: 4), with: key).status == 200)
        #expect(try await new.sign(SigningBody.attestation(source: 4, target: 5), with: key).status == 200)
        #expect(await old.stop() == 0)
        #expect(await new.stop() == 0)
    }

    @Test(arguments: RecordKind.allCases)
    func `a key that is deleted at one signer stops at all that share its record, also after a restart`(
        _ kind: RecordKind
    ) async throws {
        let key = try TestKey(834)
        let record = try await SharedRecord(kind)
        // The other has the key in a file: it comes back with every start.
        let places = [try record.workplace(), try record.workplace(key)]
        let environment = RecordKind.environment.merging(Self.enabled) { _, own in own }
        let made = try await places[0].run("anti-slashing", "init", environment: environment)
        try #require(made.exitCode == 0, "\(made)")
        let one = try await RunningSigner.start(in: places[0], environment: environment, makesRecord: false)
        var other = try await RunningSigner.start(in: places[1], environment: environment, makesRecord: false)
        _ = try await take(key, into: one)
        #expect(try await one.sign(SigningBody.block(slot: 1), with: key).status == 200)
        #expect(try await other.sign(SigningBody.block(slot: 2), with: key).status == 200)

        let clients = (0..<4).map { client in
            Task { [other] in
                var signed: [UInt64] = []
                for turn in UInt64(0)..<50 {
                    let slot = 10 + turn * 4 + UInt64(client)
                    if try await other.sign(SigningBody.block(slot: slot), with: key).status == 200 {
                        signed.append(slot)
                    }
                }
                return signed
            }
        }
        let deleted = try await delete(key, from: one)
        #expect(deleted.status == "deleted")
        #expect(try await other.sign(SigningBody.block(slot: 1000), with: key).status == 412)
        for client in clients {
            for slot in try await client.value {
                #expect(
                    deleted.history.contains("\"slot\":\"\(slot)\""),
                    "slot \(slot) was let out and is not in the export"
                )
            }
        }
        let harmless = SigningBody.randaoReveal(epoch: 0)
        _ = try await eventually("the other signs nothing at all") {
            try await other.sign(harmless, with: key).status == 412 ? true : nil
        }
        await other.kill()
        other = try await RunningSigner.start(in: places[1], environment: environment, makesRecord: false)
        #expect(try await other.sign(SigningBody.block(slot: 1001), with: key).status == 412)
        #expect(try await other.sign(harmless, with: key).status == 412)

        // Brought back on purpose.
        #expect(try await take(key, into: one, history: deleted.history).status == 200)
        #expect(try await one.sign(SigningBody.block(slot: 1002), with: key).status == 200)
        #expect(try await one.sign(harmless, with: key).status == 200)
        #expect(await one.stop() == 0)
        #expect(await other.stop() == 0)
    }

    @Test func `a token may do what its policy says`() async throws {
        let guarded = try await GuardedSigner.start(
            keys: [],
            settings: "auth: {mode: enforced}\nhttp: {key_manager_api: {enabled: true}}"
        )
        let reader = try await guarded.token("lister", #"{"effect":"allow","scopes":["list_keys"]}"#)
        #expect(try await guarded.signer.send("GET", Self.path).status == 401)
        #expect(try await guarded.signer.send("GET", Self.path, reader.headers).status == 200)
        for method in ["POST", "DELETE"] {
            #expect(try await guarded.signer.send(method, Self.path, reader.headers, body: "{}").status == 403)
        }
        #expect(await guarded.signer.stop() == 0)
    }
}
