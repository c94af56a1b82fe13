// SPDX-License-Identifier: Apache-2.0
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// The way of an operator with each kind of record: make it, sign, be refused, look at it, copy it to another kind, verify.
@Suite(.timeLimit(.minutes(8)))
struct RecordKindTests {
    @Test(arguments: RecordKind.allCases)
    func `a record is made, used, looked at, copied and verified`(_ kind: RecordKind) async throws {
        let key = try TestKey(810)
        let workplace = try await SharedRecord(kind).workplace(key)
        let missing = try await workplace.run("anti-slashing", "status", environment: RecordKind.environment)
        #expect(missing.exitCode == 1 && missing.errors.contains("there is no slashing record"), "\(missing)")
        let made = try await workplace.run("anti-slashing", "init", environment: RecordKind.environment)
        try #require(made.exitCode == 0, "\(made)")
        let again = try await workplace.run("anti-slashing", "init", environment: RecordKind.environment)
        #expect(again.exitCode == 1 && again.errors.contains("already a slashing record"), "\(again)")

        let signer = try await RunningSigner.start(
            in: workplace,
            [],
            environment: RecordKind.environment,
            makesRecord: false
        )
        for (slot, content, status) in [(10, "0x01", 200), (10, "0x01", 200), (10, "0x02", 412), (11, "0x02", 200)] {
            let answer = try await signer.sign(SigningBody.block(slot: UInt64(slot), body: content), with: key)
            #expect(answer.status == status, "slot \(slot), \(content): \(answer.status)")
        }
        #expect(await signer.stop() == 0)
        let status = try await workplace.run("anti-slashing", "status", "--json", environment: RecordKind.environment)
        #expect(status.output.contains("\"backend\" : \"\(kind.rawValue)\""), "\(status)")
        #expect(status.output.contains("\"blocks\" : 2"), "\(status)")

        let file = try Workplace(keys: [key])
        try await file.makeRecord()
        let copied = try await Chamber.run(
            ["anti-slashing", "copy", "--from-config", workplace.configuration, "--to-config", file.configuration],
            environment: RecordKind.environment,
            in: file.folder.path
        )
        #expect(copied.exitCode == 0 && copied.output.contains("everything is there"), "\(copied)")
        let export = file.folder.file("export.json")
        #expect(try await file.run("anti-slashing", "export", "--to", export).exitCode == 0)
        let verified = try await workplace.run(
            "anti-slashing",
            "verify",
            "--against",
            export,
            environment: RecordKind.environment
        )
        #expect(verified.exitCode == 0 && verified.output.contains("nothing contradicts"), "\(verified)")
        // A record that knows nothing of it does not pass.
        let empty = try Workplace(keys: [key])
        try await empty.makeRecord()
        let unverified = try await empty.run("anti-slashing", "verify", "--against", export)
        #expect(unverified.exitCode == 1 && unverified.output.contains("not there"), "\(unverified)")
    }

    @Test(.enabled(if: MotoServer.isPresent), arguments: ["restore", "remake"])
    func `a DynamoDB table that was set back signs nothing until it is reconciled`(action: String) async throws {
        let key = try TestKey(811)
        let record = try await SharedRecord(.dynamodb)
        let (workplace, table) = (try record.workplace(key), record.name)
        let moto = try await MotoServer.shared
        try #require(
            try await workplace.run("anti-slashing", "init", environment: RecordKind.environment).exitCode == 0
        )
        let signer = try await RunningSigner.start(
            in: workplace,
            [],
            environment: RecordKind.environment,
            makesRecord: false
        )
        #expect(try await signer.sign(SigningBody.block(slot: 10, body: "0x01"), with: key).status == 200)
        try await moto.travel("copy", table, "old-\(table)")
        #expect(try await signer.sign(SigningBody.block(slot: 20, body: "0x01"), with: key).status == 200)
        try await moto.travel(action, table, "old-\(table)")

        let twin = SigningBody.block(slot: 20, body: "0x02")
        let refused = try await signer.sign(twin, with: key)
        #expect(refused.status == 503 && refused.body.contains("last seen was system"), "\(refused)")
        let health = try await signer.get("/healthcheck")
        #expect(health.status == 503 && health.body.contains("now it is system"), "\(health)")
        _ = try await eventually("the metric") {
            try await signer.metrics().contains("containment_slashing_time_travel_alarm 1") ? true : nil
        }
        let done = try await workplace.run("anti-slashing", "reconcile", environment: RecordKind.environment)
        #expect(done.exitCode == 0 && done.output.contains("the alarm of this instance is over"), "\(done)")
        #expect(try await signer.sign(twin, with: key).status == 412)
        #expect(try await signer.sign(SigningBody.block(slot: 30, body: "0x01"), with: key).status == 200)
        #expect(await signer.stop() == 0)
    }
}
