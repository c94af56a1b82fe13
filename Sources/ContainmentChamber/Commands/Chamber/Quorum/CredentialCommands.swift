// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import JSON
internal import Sealing

/// `operator credentials …`: the ways in which operators prove who they are.
enum CredentialCommands {
    /// Of all operators, for who may see the status; of one, for everybody who knows the name.
    static func list(_ invocation: Invocation) throws(Failure) {
        if let name = invocation["operator"] { return try list(of: name, invocation) }
        let api = try SignerConnection(invocation, hints: ["403": "the token's policies need the scope chamber_status"])
        let document = try OperatorCommands.decode(ChamberDocument.self, try api.send("GET", ChamberPath.status))
        guard let quorum = document.quorum else {
            throw Failure("no operators open this chamber", hint: "operator rotate mode --to quorum names some")
        }
        if invocation.isSet("json") { return Output.json(quorum) }
        for one in quorum.operators { for line in one.lines { Output.print(line) } }
    }

    private static func list(of name: String, _ invocation: Invocation) throws(Failure) {
        let credentials = try hints(of: name, invocation)
        if invocation.isSet("json") { return Output.json(credentials) }
        for credential in credentials { Output.print(credential.words) }
    }

    private static func hints(of name: String, _ invocation: Invocation) throws(Failure) -> [OperatorCredential.Hint] {
        let api = try SignerConnection(
            invocation,
            hints: ["404": "operator status shows the operators of the chamber"]
        )
        return try ChallengeAnswer(of: name, from: api).credentials
    }

    static func add(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let name = invocation["operator"] ?? ""
        let wanted = try NewCredential.named(in: invocation)
        guard wanted.count == 1 else { throw Failure("one credential is added at a time", exitCode: .usage) }
        if try hints(of: name, invocation).contains(where: { $0.label == wanted[0].label }) {
            throw Failure("\(name.plain) has a credential \(wanted[0].label) already", hint: "give it another label")
        }
        let hash = try NewCredential.hash(Array(name.utf8).span)
        let made = try wanted[0].make(invocation, tokenHash: hash)
        Output.complain("\(made.words); whoever approves it is shown the same")
        return try await RotateCommands.order(
            ["kind": .string("credential_add"), "operator": .string(name), "credential": made.offer],
            invocation
        )
    }

    static func remove(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let name = invocation["operator"] ?? ""
        let wanted = invocation["credential"] ?? ""
        let fitting = try hints(of: name, invocation).filter { $0.id == wanted || $0.label == wanted }
        guard fitting.count == 1 else {
            throw Failure(
                "\(fitting.count) credentials of \(name.plain) are called \(wanted.plain)",
                hint: "operator credentials list --operator NAME shows their identifiers"
            )
        }
        return try await RotateCommands.order(
            [
                "kind": .string("credential_remove"), "operator": .string(name), "credential": .string(fitting[0].id),
            ],
            invocation
        )
    }
}
