// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation
internal import JSON
internal import Sealing
internal import Secrets
internal import SignerAPI

/// `operator init`, `status`, `seal`, `unseal` and `local-key`: the chamber, as its operator sees it.
enum CeremonyCommands {
    /// Longer than the signer waits for KMS keys, so that its word is heard and not ours.
    static let patience = Duration.seconds(220)
    private static let path = ChamberPath.base

    // MARK: Ceremonies

    /// Makes the master key of a chamber that has none.
    static func initialize(_ invocation: Invocation) throws(Failure) {
        let keys = try keyNames(invocation)
        let threshold = try threshold(invocation, of: keys.count)
        let operators = try NamedOperators(invocation)
        let body = JSONOutput.object(
            [
                ("kms_key_arns", .array(keys.map { .string($0.text) })), ("kms_threshold", .integer(threshold)),
            ] + (operators?.members ?? [])
        )
        let token = try SecretInput.read("setup-token", in: invocation, asking: "setup token")
        let api = try SignerConnection(
            invocation,
            bearer: token,
            patience: patience,
            hints: [
                "401":
                    "the log of the signer's last start has the token as setup_token; it is good once, for an hour, and a restart makes another, unless there is a master key by now (operator status)",
                "404": SignerKeys.noStore,
                "already_initialized": "operator status shows the master key that there is",
                "kms_unavailable": "nothing was made; mend what is named and run the same command again",
            ]
        )
        warn(of: keys)
        let answer = try api.send("POST", path + "init", body: body.bytes)
        let document = try OperatorCommands.decode(ChamberDocument.self, answer)
        show(document, answer, invocation)
        // With operators there is none before the last of them has registered.
        guard operators == nil else { return }
        guard document.seal.status == ChamberState.unsealed.rawValue else {
            throw Failure(
                "the master key is made, but the chamber is not open: \(document.seal.reason ?? "it is being opened")",
                hint: "operator status says how it goes on",
                exitCode: .partial
            )
        }
    }

    static func status(_ invocation: Invocation) throws(Failure) {
        let answer = try connection(invocation, scope: "chamber_status").send("GET", path + "status")
        show(try OperatorCommands.decode(ChamberDocument.self, answer), answer, invocation)
    }

    static func seal(_ invocation: Invocation) throws(Failure) {
        let answer = try connection(invocation, scope: "chamber_seal").send("POST", path + "seal")
        let document = try OperatorCommands.decode(ChamberDocument.self, answer)
        show(document, answer, invocation)
        guard let problem = document.seal.not_ordered else { return }
        throw Failure(
            "this instance is sealed until it restarts; the others were not told: \(problem)",
            hint: "seal again, or seal each of them, before anything restarts",
            exitCode: .partial
        )
    }

    static func unseal(_ invocation: Invocation) throws(Failure) {
        let answer =
            invocation["config"] == nil
            ? try connection(invocation, scope: "chamber_unseal").send("POST", path + "unseal")
            : try SignerConnection(socketOf: try invocation.configuration(), patience: patience)
                .send("POST", ChamberRoutes.unsealPath)
        let document = try OperatorCommands.decode(ChamberDocument.self, answer)
        show(document, answer, invocation)
        guard document.seal.status == ChamberState.unsealed.rawValue else {
            throw Failure(
                "the order to seal is taken back, but the chamber is not open: \(document.seal.reason ?? "it is being opened")",
                hint: document.quorum == nil
                    ? "it opens by itself as soon as enough of its KMS keys answer"
                    : "when its KMS keys have answered, it waits for operators: operator unseal --operator NAME",
                exitCode: .partial
            )
        }
    }

    private static func connection(_ invocation: Invocation, scope: String) throws(Failure) -> SignerConnection {
        try SignerConnection(
            invocation,
            patience: patience,
            hints: [
                "403": "the token's policies need the scope \(scope)",
                "404": SignerKeys.noStore,
                "uninitialized": "containment-chamber operator init makes the master key",
            ]
        )
    }

    // MARK: Names and numbers

    static func keyNames(_ invocation: Invocation) throws(Failure) -> [KeyName] {
        var keys: [KeyName] = []
        for text in (invocation["kms-key-arns"] ?? "").split(separator: ",", omittingEmptySubsequences: false) {
            do throws(WrappingError) {
                keys.append(try KeyName(text.trimmingCharacters(in: .whitespaces)))
            } catch { throw Failure("--kms-key-arns: \(error)", exitCode: .usage) }
        }
        return keys
    }

    static func threshold(_ invocation: Invocation, of count: Int) throws(Failure) -> Int {
        guard let threshold = invocation["kms-threshold"].flatMap({ Int($0) }), (1...count).contains(threshold) else {
            throw Failure(
                "--kms-threshold is how many of the \(count) KMS keys open the chamber: 1 to \(count)",
                exitCode: .usage
            )
        }
        return threshold
    }

    /// Where keys are of this machine.
    static func warn(of keys: [KeyName]) {
        guard keys.contains(where: \.isLocal) else { return }
        Output.complain(
            "warning: local: keys are files, which guard nothing against who has the machine: for development only"
        )
    }

    // MARK: A key for development

    /// Makes the file of `local:PATH`.
    static func makeLocalKey(_ invocation: Invocation) throws(Failure) {
        let path = URL(filePath: invocation.positionals[0]).standardizedFileURL.path
        do throws(WrappingError) {
            let name = try KeyName("local:" + path)
            try LocalKey.makeFile(for: name)
            if invocation.isSet("json") { return Output.json(["key": name.text]) }
            Output.print(name.text)
        } catch { throw Failure("\(error)") }
        Output.complain("whoever has this file has the key: for development and tests only")
    }

    // MARK: Showing

    private static func show(_ document: ChamberDocument, _ answer: [UInt8], _ invocation: Invocation) {
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        for line in document.lines { Output.print(line) }
        NamedOperators.show(document.registrations)
    }
}
