// SPDX-License-Identifier: Apache-2.0
import Foundation
import SignerAPI
import TestSupport
import Testing

/// `anti-slashing disable` and `enable`: a key that must not sign, here or at any signer that shares the record.
@Suite(.timeLimit(.minutes(8)))
struct DisablingTests {
    private func status(_ signer: RunningSigner, _ body: String, _ key: TestKey) async throws -> Int {
        try await signer.sign(body, with: key).status
    }

    @Test func `a disabled key signs nothing at once, and goes on when it is enabled`() async throws {
        let (key, other) = (try TestKey(821), try TestKey(822))
        let workplace = try Workplace(keys: [key, other])
        let signer = try await RunningSigner.start(in: workplace)
        #expect(try await status(signer, SigningBody.block(slot: 1), key) == 200)
        let disabled = try await workplace.run("anti-slashing", "disable", "--keys", key.publicKey)
        #expect(disabled.exitCode == 0 && disabled.output == "\(key.publicKey)  disabled\n", "\(disabled)")
        let bodies = [SigningBody.block(slot: 1), SigningBody.block(slot: 2), SigningBody.randaoReveal(epoch: 0)]
        for body in bodies {
            let answer = try await signer.sign(body, with: key)
            #expect(answer.status == 412 && answer.body.contains("validator_disabled"), "\(answer)")
            #expect(try await status(signer, body, other) == 200)
        }
        let again = try await workplace.run("anti-slashing", "disable", "--keys", key.publicKey)
        #expect(again.exitCode == 0 && again.output.contains("was disabled already"))
        let listed = try await workplace.run("anti-slashing", "disabled")
        #expect(listed.output.contains(key.publicKey) && !listed.output.contains(other.publicKey))
        let enabled = try await workplace.run("anti-slashing", "enable", "--keys", key.publicKey)
        #expect(enabled.exitCode == 0 && enabled.output == "\(key.publicKey)  enabled\n", "\(enabled)")
        for body in bodies { #expect(try await status(signer, body, key) == 200) }
        #expect(await signer.stop() == 0)
    }

    @Test func `a key that was disabled before the start signs nothing after it`() async throws {
        let key = try TestKey(823)
        let workplace = try Workplace(keys: [key])
        try await workplace.makeRecord()
        #expect(try await workplace.run("anti-slashing", "disable", "--keys", key.publicKey).exitCode == 0)
        let signer = try await RunningSigner.start(in: workplace, makesRecord: false)
        for body in [SigningBody.block(slot: 1), SigningBody.randaoReveal(epoch: 0)] {
            #expect(try await status(signer, body, key) == 412)
        }
        #expect(await signer.stop() == 0)
    }

    @Test func `what is no key is refused and changes nothing`() async throws {
        let workplace = try Workplace()
        try await workplace.makeRecord()
        for keys in ["", "0x12", "all", ","] {
            let result = try await workplace.run("anti-slashing", "disable", "--keys", keys)
            #expect(result.exitCode == 2 && result.errors.contains("--keys"), "\(result)")
        }
        #expect(try await workplace.run("anti-slashing", "disabled").output == "no validator is disabled\n")
    }

    @Test(arguments: RecordKind.allCases)
    func `a key that is disabled elsewhere stops here too, and only an import takes it over`(
        _ kind: RecordKind
    ) async throws {
        let key = try TestKey(824)
        let record = try await SharedRecord(kind)
        let places = [try record.workplace(key), try record.workplace(key)]
        let environment = RecordKind.environment
        let made = try await places[0].run("anti-slashing", "init", environment: environment)
        try #require(made.exitCode == 0, "\(made)")
        let signers = [
            try await RunningSigner.start(in: places[0], environment: environment, makesRecord: false),
            try await RunningSigner.start(in: places[1], environment: environment, makesRecord: false),
        ]
        let harmless = SigningBody.randaoReveal(epoch: 0)
        for signer in signers { #expect(try await status(signer, harmless, key) == 200) }

        func command(_ place: Int, _ verb: String) async throws -> CommandResult {
            try await places[place].run("anti-slashing", verb, "--keys", key.publicKey, environment: environment)
        }
        #expect(try await command(0, "disable").exitCode == 0)
        #expect(try await status(signers[0], harmless, key) == 412)
        #expect(try await status(signers[1], SigningBody.block(slot: 1), key) == 412)
        _ = try await eventually("the other signs nothing at all") {
            try await status(signers[1], harmless, key) == 412 ? true : nil
        }

        let refused = try await command(1, "enable")
        #expect(refused.exitCode == 3 && refused.output.contains(places[0].folder.file("floor.sqlite")), "\(refused)")
        #expect(try await status(signers[1], SigningBody.block(slot: 1), key) == 412)

        let file = """
            {"metadata":{"interchange_format_version":"5","genesis_validators_root":"\(SigningBody.hoodi)"},
            "data":[{"pubkey":"\(key.publicKey)","signed_blocks":[{"slot":"10"}],"signed_attestations":[]}]}
            """
        try places[1].write(file, to: "history.json")
        let taken = try await places[1].run(
            "anti-slashing",
            "import",
            "--from",
            places[1].folder.file("history.json"),
            "--enable",
            environment: environment
        )
        #expect(taken.exitCode == 0 && taken.errors.contains("enabled again: \(key.publicKey)"), "\(taken)")
        #expect(try await status(signers[1], SigningBody.block(slot: 10), key) == 412)
        #expect(try await status(signers[1], SigningBody.block(slot: 11), key) == 200)
        #expect(try await status(signers[1], harmless, key) == 200)
        _ = try await eventually("the first goes on, too") {
            try await status(signers[0], harmless, key) == 200 ? true : nil
        }
        for signer in signers { #expect(await signer.stop() == 0) }
    }

    @Test func `a copy of a record keeps what is disabled`() async throws {
        let key = try TestKey(825)
        let source = try Workplace(keys: [key])
        try await source.makeRecord()
        _ = try await source.run("anti-slashing", "disable", "--keys", key.publicKey)
        let target = try Workplace(keys: [key])
        try await target.makeRecord()
        let copied = try await Chamber.run(
            ["anti-slashing", "copy", "--from-config", source.configuration, "--to-config", target.configuration],
            environment: [:],
            in: source.folder.path
        )
        #expect(copied.exitCode == 0 && copied.output.contains("1 disabled"), "\(copied)")
        #expect(try await target.run("anti-slashing", "disabled").output.contains(key.publicKey))
    }
}
