// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import BLS
internal import Encoding
internal import SignerAPI
internal import SlashingProtection

/// `anti-slashing disable`, `enable` and `disabled`: validators of which no signer of the record signs anything.
enum EnablingCommands {
    static func disable(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        try await change(invocation, "disabled", .disable(try keys(invocation), by: nil))
    }

    static func enable(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        try await change(invocation, "enabled", .enable(try keys(invocation), .owner(nil)))
    }

    static func list(_ invocation: Invocation) async throws(Failure) {
        let access = try RecordAccess(try invocation.configuration())
        guard case .disabled(let disabled) = try await access.run(.disabled(among: nil)) else { return }
        if invocation.isSet("json") { return Output.json(disabled.map { DisabledDocument($0) }) }
        for validator in disabled {
            let who = validator.instance.map { "by \($0.name) (\($0.digits))" } ?? "by a signer that left no name"
            Output.print("\(validator.record)  \(who)")
        }
        if disabled.isEmpty { Output.print("no validator is disabled") }
    }

    private static func change(
        _ invocation: Invocation,
        _ word: String,
        _ task: AdministrativeTask
    ) async throws(Failure) -> ExitCode {
        let access = try RecordAccess(try invocation.configuration())
        let answer = try await access.session(asInstance: true) { session throws(Failure) in
            try await session.run(task)
        }
        guard case .changed(let report) = answer else { return .failure }
        if invocation.isSet("json") {
            Output.json(report)
        } else {
            for key in report.changed { Output.print("\(key)  \(word)") }
            for key in report.unchanged { Output.print("\(key)  was \(word) already") }
            for refused in report.refused { Output.print("\(refused.publicKey)  not \(word): \(refused.reason)") }
        }
        return report.refused.isEmpty ? .success : .partial
    }

    private static func keys(_ invocation: Invocation) throws(Failure) -> [RecordIdentity] {
        var validators: [RecordIdentity] = []
        for text in (invocation["keys"] ?? "").split(separator: ",") {
            do throws(Hex.Failure) { validators.append(RecordIdentity(try PublicKey(hex: String(text)))) } catch {
                throw Failure("--keys: \(text.prefix(100)) is no public key: \(error)", exitCode: .usage)
            }
        }
        guard !validators.isEmpty else { throw Failure("--keys names no public key", exitCode: .usage) }
        return validators
    }
}
