// SPDX-License-Identifier: Apache-2.0
import AWS
import DynamoDB
import Foundation
import JSON
import SealedKeys
import SignerState
import TestSupport
import Testing

/// A chamber that is all in AWS: KMS keys of three accounts in three regions, and a table each for the signer state, the
/// encrypted keys and the slashing record.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(8))) struct AWSCustodyTests {
    private static let accounts = ["111122223333", "222233334444", "333344445555"]
    private static let regions = ["eu-central-1", "eu-west-1", "us-east-1"]

    @Test func `any two of three accounts open it, one does not, and it recovers by itself`() async throws {
        let moto = try await MotoServer.shared
        let keys = try await Self.keys(moto)
        let folder = try Self.credentials()
        let environment = try await Self.tables(moto, credentials: folder.file("credentials"))
        let place = try await SealedPlace(holders: keys, environment: environment)
        let made = try await place.workplace.run(["anti-slashing", "init"], environment: place.environment)
        try #require(made.exitCode == 0, "\(made)")
        let first = try await place.startOpen()
        let validators = try await first.generate(3)
        for key in validators {
            #expect(try await first.sign(SigningBody.attestation(source: 1, target: 2), with: key).status == 200)
        }
        #expect(await first.stop() == 0)

        // One account out of reach: it opens, and says which key failed and how.
        try await moto.trouble("cut", key: keys[0])
        let second = try await place.start()
        try await second.waitUntil("unsealed")
        #expect(try await second.publicKeys() == Set(validators))
        let told = try second.log().filter { $0.message.contains("was not got back") }
        #expect(told.count == 1 && told.first?["key"] == keys[0], "\(told)")
        #expect(await second.stop() == 0)

        // Two: it stays sealed, names both, and opens when one is back.
        try await moto.trouble("deny", key: keys[1])
        let third = try await place.start()
        let reason = try await eventually("a reason") { try await third.chamber().reason }
        #expect(reason.hasPrefix("Shamir reconstruction failed: insufficient shares (1 of the 2"), "\(reason)")
        #expect(reason.contains("KMS Decrypt failed: AccessDeniedException (\(keys[1]))") && reason.contains(keys[0]))
        #expect(try await third.status(signingWith: validators[0]) == 503)
        try await moto.trouble("mend", key: keys[1])
        try await third.waitUntil("unsealed")
        #expect(try await third.status(signingWith: validators[0]) == 200)
        // The record is the one of before.
        let twice = SigningBody.attestation(source: 1, target: 2, block: "0x02")
        #expect(try await third.sign(twice, with: validators[0]).status == 412)
        try await moto.trouble("mend", key: keys[0])
        #expect(await third.stop() == 0)
    }

    @Test func `operators hold it too, move it to other accounts' keys, and give it a new master key`() async throws {
        let moto = try await MotoServer.shared
        let (keys, others) = (try await Self.keys(moto), try await Self.keys(moto))
        let folder = try Self.credentials()
        let quorum = try await QuorumPlace(
            holders: keys,
            environment: try await Self.tables(moto, credentials: folder.file("credentials"))
        )
        let place = quorum.place
        let made = try await place.workplace.run(["anti-slashing", "init"], environment: place.environment)
        try #require(made.exitCode == 0, "\(made)")
        let first = try await quorum.startOpen()
        let validators = try await first.generate(3)
        let rotated = try await quorum.change(
            ["rotate", "kms", "--kms-key-arns", others.joined(separator: ","), "--kms-threshold", "2"],
            at: first
        )
        try #require(rotated.exitCode == 0, "\(rotated)")
        for key in validators { #expect(try await first.status(signingWith: key) == 200) }

        // The keys of before are gone, one of the new ones is out of reach, one operator has left.
        for key in keys { try await moto.trouble("deny", key: key) }
        try await moto.trouble("cut", key: others[2])
        let second = try await quorum.restart(first)
        try await quorum.open(second, by: ["bob", "carol"])
        for key in validators { #expect(try await second.status(signingWith: key) == 200) }
        try await moto.trouble("mend", key: others[2])
        let begun = try await quorum.change(["rotate", "master-key"], approvedBy: ["alice", "bob"], at: second)
        try #require(begun.exitCode == 0, "\(begun)")
        _ = try await eventually("a new master key") {
            try await second.command("operator", "rotate", "master-key", "--finish").exitCode == 0 ? true : nil
        }
        for key in validators { #expect(try await second.status(signingWith: key) == 200) }

        // One more than may be lost: the operators are not even asked.
        try await moto.trouble("deny", key: others[0])
        try await moto.trouble("cut", key: others[1])
        #expect(await second.stop() == 0)
        let signer = try await RunningSigner.start(in: place.workplace, environment: place.environment)
        let third = SealedSigner(signer: signer, root: second.root)
        let reason = try await eventually("a reason") { try await third.chamber().reason }
        #expect(reason.contains(others[0]) && reason.contains(others[1]), "\(reason)")
        #expect(try await quorum.unseal("alice", at: third).exitCode == 1)
        for key in others { try await moto.trouble("mend", key: key) }
        try await third.waitUntil("kms_unsealed")
        try await quorum.open(third)
        for key in validators { #expect(try await third.status(signingWith: key) == 200) }
        #expect(await third.stop() == 0)
    }

    /// What an operator's AWS configuration says of the three accounts.
    private static func credentials() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let profiles = accounts.map { account in
            "[account-\(account)]\naws_access_key_id = AKIA0000\(account)\naws_secret_access_key = tests\n"
        }
        try folder.write(Data(profiles.joined(separator: "\n").utf8), to: "credentials")
        return folder
    }

    /// One in each account, each in another region.
    private static func keys(_ moto: MotoServer) async throws -> [String] {
        var keys: [String] = []
        for (account, region) in zip(accounts, regions) {
            let settings = AWSSettings(
                region: region,
                endpoint: moto.endpoint,
                credentials: .fixed(accessKey: "AKIA0000" + account, secretKey: "tests")
            )
            let client = try AWSClient(service: "kms", jsonVersion: "1.1", settings: settings, runtime: AWSRuntime())
            let answer = try await client.call(
                target: "TrentService.CreateKey",
                body: Array("{}".utf8),
                within: .seconds(20),
                isIdempotent: true
            )
            keys.append(
                try #require(JSONDocument(answer).root.member("KeyMetadata")?.member("Arn")?.string?.string)
            )
        }
        return keys
    }

    /// The environment of a signer with a table each for the state and the keys, which whoever owns the account makes.
    private static func tables(_ moto: MotoServer, credentials: String) async throws -> [String: String] {
        let name = "chamber_\(UInt64.random(in: 0 ... .max))"
        let database = try DynamoDB(
            settings: AWSSettings(
                region: "eu-central-1",
                endpoint: moto.endpoint,
                credentials: .fixed(accessKey: "tests", secretKey: "tests")
            ),
            runtime: AWSRuntime()
        )
        try await DynamoDBState.createTable(database, table: name + "_state")
        try await DynamoDBSealedKeys.createTable(database, table: name + "_keys")
        var environment = environment(moto, name)
        environment["AWS_SHARED_CREDENTIALS_FILE"] = credentials
        return environment
    }

    private static func environment(_ moto: MotoServer, _ name: String) -> [String: String] {
        var environment = [
            "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "eu-central-1",
            "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": "", "CONTAINMENT_KEY_SOURCES__SQLITE__CREATE_IF_MISSING": "",
            "CONTAINMENT_SIGNER_STATE__PATH": "", "CONTAINMENT_SIGNER_STATE__BACKEND": "dynamodb",
            "CONTAINMENT_ANTI_SLASHING__BACKEND": "dynamodb",
            "CONTAINMENT_KMS__ENDPOINTS": "*=\(moto.endpoint)",
            "CONTAINMENT_KMS__PROFILES": accounts.map { "\($0)=account-\($0)" }.joined(separator: ","),
        ]
        for (section, table) in [
            ("SIGNER_STATE", "state"), ("KEY_SOURCES__DYNAMODB", "keys"), ("ANTI_SLASHING", "slashing"),
        ] {
            environment["CONTAINMENT_\(section)__TABLE"] = "\(name)_\(table)"
            environment["CONTAINMENT_\(section)__ENDPOINT"] = moto.endpoint
        }
        return environment
    }
}
