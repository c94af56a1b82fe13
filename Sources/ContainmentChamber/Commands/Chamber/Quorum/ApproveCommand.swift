// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation
internal import JSON
internal import Sealing

/// `operator approve`: an operator looks at a proposal, and signs its text.
enum ApproveCommand {
    private static let hints = [
        "kms_unavailable": "the approval is kept; mend what is named and run the same command again",
        "404": "operator status shows the proposals that are open, and the operators",
        "unknown_proposal": "proposals are known to the signer that they were made to: is --signer-url right?",
        "bad_signature":
            "the passphrase is another than the one that was registered, or the YubiKey is; another credential may do: --credential",
        "too_many_attempts": "wait, then run the same command again with the right passphrase or YubiKey",
    ]

    static func run(_ invocation: Invocation) throws(Failure) {
        let keys = try OperatorKeys(invocation)
        let identifier = invocation["proposal"] ?? ""
        let api = try SignerConnection(invocation, hints: hints)
        let answer = try ChallengeAnswer(of: keys.name, proposal: identifier, from: api)
        guard let proposal = answer.proposal, let document = proposal.document else {
            throw Failure(
                "there is no open proposal \(identifier.plain)",
                hint: "operator status shows those that there are; one that has ended is made again by the same command"
            )
        }
        show(proposal, document)
        if proposal.approvals.contains(keys.name) {
            Output.complain("you have approved it already")
        } else {
            try confirm(invocation)
        }
        let opened = try keys.open(oneOf: answer.credentials)
        let message = QuorumMessage.approval(
            document: Array(document.utf8),
            operator: keys.name,
            credential: opened.identifier
        )
        let body: JSONOutput = [
            "proposal": .string(proposal.id), "operator": .string(keys.name),
            "credential": .string(opened.identifier), "signature": .string(try opened.sign(message)),
        ]
        let approved = try api.send("POST", ChamberPath.approve, body: body.bytes)
        if invocation.isSet("json") { return Output.print(String(decoding: approved, as: UTF8.self)) }
        let now = try OperatorCommands.decode(ProposalAnswer.self, approved).proposal
        Output.print(
            "approved by \(now.approvals.joined(separator: ", ").plain), \(now.approvals.count) of \(now.needed)"
        )
        if now.isApproved, now.isSeating {
            Output.complain(
                "the new operators have taken their place: back up the signer state; old backups open with the old credentials"
            )
        } else if now.isApproved {
            Output.complain("it can be carried out now; whoever proposed it, or operator rotate continue, does that")
        }
    }

    /// The text that is signed decides, so it is shown whole; the summary is the signer's own word.
    private static func show(_ proposal: ProposalDocument, _ document: String) {
        Output.complain("the text of this proposal:")
        for line in SignedText.lines(document) { Output.complain("    " + line) }
        let names = proposal.approvals.joined(separator: ", ")
        Output.complain(
            "approved by \(names.isEmpty ? "nobody yet" : names), \(proposal.approvals.count) of \(proposal.needed)"
                .plain
        )
    }

    private static func confirm(_ invocation: Invocation) throws(Failure) {
        if invocation.isSet("yes") { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("nothing is approved unread", hint: "without a terminal, --yes", exitCode: .usage)
        }
        FileHandle.standardError.write(Data("approve this? [y/N] ".utf8))
        guard ["y", "yes"].contains((readLine() ?? "").lowercased()) else {
            throw Failure("nothing was approved")
        }
    }
}

/// The text of a proposal, as people read it.
enum SignedText {
    private indirect enum Value: Decodable {
        case text(String)
        case list([Value])
        case object([String: Value])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let object = try? container.decode([String: Value].self) {
                self = .object(object)
            } else if let list = try? container.decode([Value].self) {
                self = .list(list)
            } else if let flag = try? container.decode(Bool.self) {
                self = .text("\(flag)")
            } else if let number = try? container.decode(Int.self) {
                self = .text("\(number)")
            } else if container.decodeNil() {
                self = .text("none")
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        /// What the seconds since 1970 come to.
        private static func time(_ text: String, _ name: String) -> String {
            guard name == "expires", let seconds = Int64(text), (0...253_402_300_799).contains(seconds)
            else { return "" }
            return " (\(Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)))"
        }

        func lines(_ name: String) -> [String] {
            switch self {
            case .text(let text): [name.isEmpty ? text : "\(name)  \(text)\(Self.time(text, name))"]
            case .list(let values):
                values.enumerated().flatMap { place, value in value.lines("\(name)[\(place)]") }
            case .object(let members):
                members.sorted { $0.key < $1.key }.flatMap { key, value in
                    value.lines(name.isEmpty ? key : "\(name).\(key)")
                }
            }
        }
    }

    /// Every field on a line of its own; what is no JSON, as it is.
    static func lines(_ document: String) -> [String] {
        guard let value = try? JSONDecoder().decode(Value.self, from: Data(document.utf8)) else {
            return document.split(separator: "\n").map { String($0).plain }
        }
        return value.lines("").map(\.plain)
    }
}
