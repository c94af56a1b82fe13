// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation
internal import HTTPClient
internal import JSON
internal import Sealing

/// `operator rotate …`: who opens the chamber is changed. In a quorum its operators approve that first.
enum RotateCommands {
    private static let hints = [
        "403": "the token's policies need the scope chamber_rotate, and chamber_status to wait for approvals",
        "404": "operator status shows the proposals that are open; each is known to the signer that it was made to",
        "uninitialized": "containment-chamber operator init makes the master key",
        "registration_under_way": "operator status shows who is missing; operator rotate cancel ends it",
        "rotation_under_way": "operator status shows how far it is; operator rotate master-key --finish ends it",
        "not_approved": "operator status shows who has approved",
        "sealed": "the chamber has to be open: operator unseal",
        "not_your_proposal":
            "the audit log says who made it; that new operators take their place is taken back by operator rotate cancel",
        "too_many_proposals":
            "operator status shows them; operator rotate withdraw --proposal ID takes one of yours back",
        "kms_unavailable": "nothing was changed; mend what is named and run the same command again",
    ]

    private static func connection(_ invocation: Invocation) throws(Failure) -> SignerConnection {
        try SignerConnection(invocation, patience: CeremonyCommands.patience, hints: hints)
    }

    // MARK: Kinds

    static func keys(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let names = try CeremonyCommands.keyNames(invocation)
        CeremonyCommands.warn(of: names)
        return try await order(
            [
                "kind": .string("kms"), "kms_key_arns": .array(names.map { .string($0.text) }),
                "kms_threshold": .integer(try CeremonyCommands.threshold(invocation, of: names.count)),
            ],
            invocation
        )
    }

    static func quorum(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        guard let named = try NamedOperators(invocation) else {
            throw Failure("--operators names who opens the chamber from now on", exitCode: .usage)
        }
        return try await order(.object([("kind", .string("quorum"))] + named.members), invocation)
    }

    static func mode(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let named = try NamedOperators(invocation)
        switch (invocation["to"], named) {
        case ("kms", nil): return try await order(["kind": .string("mode"), "to": .string("kms")], invocation)
        case ("quorum", let named?):
            return try await order(
                .object([("kind", .string("mode")), ("to", .string("quorum"))] + named.members),
                invocation
            )
        default:
            throw Failure(
                "--to is kms, or quorum with --operators and --operator-threshold",
                exitCode: .usage
            )
        }
    }

    static func masterKey(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let kind = invocation.isSet("finish") ? "master_key_finish" : "master_key"
        return try await order(["kind": .string(kind)], invocation)
    }

    /// Goes on with a proposal: carries it out, or waits for who has not approved yet.
    static func resume(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let api = try connection(invocation)
        let identifier = invocation["proposal"] ?? ""
        let status = try OperatorCommands.decode(ChamberDocument.self, try api.send("GET", ChamberPath.status))
        if let proposal = status.proposals?.first(where: { $0.id == identifier }), !proposal.isApproved {
            return try await conclude(proposal, api, invocation)
        }
        return try await order(["proposal": .string(identifier)], invocation)
    }

    static func cancel(_ invocation: Invocation) throws(Failure) {
        let answer = try connection(invocation).send("DELETE", ChamberPath.rotate)
        try show(answer, invocation)
    }

    static func withdraw(_ invocation: Invocation) throws(Failure) {
        let answer = try connection(invocation).send("DELETE", ChamberPath.proposals + (invocation["proposal"] ?? ""))
        try show(answer, invocation)
    }

    // MARK: Orders

    /// Sends an order; where operators have to approve it, waits for them and sends it again.
    static func order(_ body: JSONOutput, _ invocation: Invocation) async throws(Failure) -> ExitCode {
        let api = try connection(invocation)
        let answer = try api.exchange("POST", ChamberPath.rotate, body: body.bytes)
        guard answer.status == 202 else {
            try show(answer.body, invocation)
            return .success
        }
        let proposal = try OperatorCommands.decode(ProposalAnswer.self, answer.body).proposal
        return try await conclude(proposal, api, invocation)
    }

    private static func conclude(
        _ proposal: ProposalDocument,
        _ api: SignerConnection,
        _ invocation: Invocation
    ) async throws(Failure) -> ExitCode {
        let before = try proposal.isSeating ? status(api) : nil
        ProposalWait.announce(proposal, invocation["signer-url"])
        let place = invocation["signer-url"].map { " --signer-url \($0)" } ?? ""
        guard !invocation.isSet("no-wait") else {
            if invocation.isSet("json") { Output.json(ProposalAnswer(proposal: proposal)) }
            Output.complain(
                "when they have: containment-chamber operator rotate continue --proposal \(proposal.id)\(place)"
            )
            return .partial
        }
        try await ProposalWait.run(proposal, "operator rotate continue --proposal \(proposal.id)\(place) goes on") {
            () throws(Failure) in
            let status = try OperatorCommands.decode(ChamberDocument.self, try api.send("GET", ChamberPath.status))
            return status.proposals?.first { $0.id == proposal.id }
        }
        if proposal.isSeating {
            let answer = try api.send("GET", ChamberPath.status)
            let document = try OperatorCommands.decode(ChamberDocument.self, answer)
            guard document.proposals?.contains(where: { $0.id == proposal.id }) ?? false else {
                try show(answer, invocation)
                // The last approval has done it; else it was cancelled, or its time was over.
                guard let before, document.isHeld(bySeatsOf: before) else {
                    throw Failure(
                        "the registration has ended, and those who had registered are not the operators: it was cancelled, or its time was over",
                        hint: "operator rotate quorum begins another one"
                    )
                }
                return .success
            }
        }
        let body: JSONOutput = ["proposal": .string(proposal.id)]
        try show(try api.send("POST", ChamberPath.rotate, body: body.bytes), invocation)
        return .success
    }

    private static func status(_ api: SignerConnection) throws(Failure) -> ChamberDocument {
        try OperatorCommands.decode(ChamberDocument.self, try api.send("GET", ChamberPath.status))
    }

    private static func show(_ answer: [UInt8], _ invocation: Invocation) throws(Failure) {
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        let document = try OperatorCommands.decode(ChamberDocument.self, answer)
        for line in document.lines { Output.print(line) }
        NamedOperators.show(document.registrations)
    }
}

/// Waits until enough operators have approved a proposal, and tells who has.
enum ProposalWait {
    /// - Parameter signer: the one that it was made to; no other knows it.
    static func announce(_ proposal: ProposalDocument, _ signer: String?) {
        Output.complain("operators have to approve this first: proposal \(proposal.words)".plain)
        let url = signer.map { " --signer-url \($0)" } ?? ""
        Output.complain(
            "each of them: containment-chamber operator approve --proposal \(proposal.id.plain) --operator NAME\(url)"
        )
    }

    /// - Parameter look: the proposal as it is now; nil where it has ended.
    static func run(
        _ proposal: ProposalDocument,
        _ goesOn: String,
        _ look: () throws(Failure) -> ProposalDocument?
    ) async throws(Failure) {
        let patience = Patience(until: proposal.expires_at)
        var approvals = proposal.approvals
        var now = proposal
        while !now.isApproved {
            guard !patience.isOver else {
                throw Failure("not enough operators have approved in time", hint: goesOn, exitCode: .partial)
            }
            await Patience.step()
            guard let seen = try look() else {
                if now.isSeating { return }
                throw Failure(
                    "the proposal \(proposal.id.plain) has ended: its time was over, it was carried out by somebody else, or the chamber has changed",
                    hint: "operator status says how the chamber stands"
                )
            }
            now = seen
            guard now.approvals != approvals else { continue }
            approvals = now.approvals
            Output.complain(
                "approved by \(approvals.joined(separator: ", ").plain): \(approvals.count) of \(now.needed)"
            )
        }
    }
}

/// `--operators` and `--operator-threshold`.
struct NamedOperators {
    let names: [String]
    let threshold: Int

    /// Nil where neither is given.
    init?(_ invocation: Invocation) throws(Failure) {
        guard invocation["operators"] != nil || invocation["operator-threshold"] != nil else { return nil }
        names = (invocation["operators"] ?? "").split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        guard names.allSatisfy(Self.isName), Set(names).count == names.count, (2...16).contains(names.count) else {
            throw Failure(
                "--operators has 2 to 16 names with commas between them, none twice: 1 to 32 of a-z, 0-9, '.', '_' and '-', a letter first",
                exitCode: .usage
            )
        }
        let count = names.count
        guard let threshold = invocation["operator-threshold"].flatMap({ Int($0) }), (2...count).contains(threshold)
        else {
            throw Failure(
                "--operator-threshold is how many of the \(count) operators open the chamber: 2 to \(count)",
                exitCode: .usage
            )
        }
        self.threshold = threshold
    }

    private static func isName(_ text: String) -> Bool {
        text.wholeMatch(of: /[a-z][a-z0-9._-]{0,31}/) != nil
    }

    var members: [(name: String, value: JSONOutput)] {
        [("operators", .array(names.map { .string($0) })), ("operator_threshold", .integer(threshold))]
    }

    /// Tokens that were just made, with what to do with them.
    static func show(_ registrations: [RegistrationToken]?) {
        guard let registrations, !registrations.isEmpty else { return }
        for one in registrations { Output.print("token       \(one.operator)  \(one.token)") }
        Output.complain(
            """
            this is the only time that the tokens are shown. Give each to its operator over a way that nobody else reads; \
            they run, on their own machine:
              containment-chamber operator register --token prompt --credential passphrase:LABEL
            """
        )
    }
}
