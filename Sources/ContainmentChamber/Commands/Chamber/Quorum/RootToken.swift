// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation
internal import HTTPClient
internal import SignerAPI

/// `operator generate-root-token`: a management token, over the admin socket. Whoever can open that is the operator of this
/// machine; where operators open the chamber, enough of them have to agree as well.
enum RootToken {
    static func make(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let api = try SignerConnection(socketOf: try invocation.configuration())
        if invocation.isSet("accept-access-rows") {
            guard !invocation.isSet("no-wait"), invocation["proposal"] == nil else {
                throw Failure(
                    "--accept-access-rows waits for its operators: leave --no-wait and --proposal away",
                    exitCode: .usage
                )
            }
            let isDone = try await OperatorCommands.acceptRows(api, isMeant: invocation.isSet("yes"))
            guard isDone else { return .success }
        }
        let deed = ApprovedDeed(api: api, path: AccessRoutes.rootTokenPath) { (proposal) throws(Failure) in
            try OperatorCommands.requestBody(invocation, policies: nil, proposal: proposal)
        }
        switch try await deed.perform(proposal: invocation["proposal"], waits: !invocation.isSet("no-wait")) {
        case .done(let answer):
            try OperatorCommands.show(token: answer, invocation)
            return .success
        case .proposed(let proposal):
            if invocation.isSet("json") { Output.json(ProposalAnswer(proposal: proposal)) }
            return .partial
        }
    }
}

/// Something on the signer's machine that operators approve first, where they open the chamber.
struct ApprovedDeed {
    enum End {
        case done([UInt8])
        /// Nobody waits for it.
        case proposed(ProposalDocument)
    }

    private enum Answer {
        case done([UInt8])
        /// The proposal, where the signer shows it again.
        case waiting(ProposalDocument?)
    }

    /// Seconds between two looks: each leaves its lines in the audit file.
    private static let pause = 3

    let api: SignerConnection
    let path: String
    /// The body, with the proposal that was approved.
    let body: (String?) throws(Failure) -> [UInt8]

    func perform(proposal: String? = nil, waits: Bool) async throws(Failure) -> End {
        switch try ask(proposal) {
        case .done(let answer): return .done(answer)
        case .waiting(let made?): return try await wait(for: made, waits: waits)
        case .waiting(nil):
            throw Failure("too few operators have approved it yet", hint: "operator status shows who has")
        }
    }

    private func ask(_ proposal: String?) throws(Failure) -> Answer {
        let body = try body(proposal)
        do throws(Failure) {
            let answer = try api.exchange("POST", path, body: body)
            guard answer.status == 202 else { return .done(answer.body) }
            return .waiting(try OperatorCommands.decode(ProposalAnswer.self, answer.body).proposal)
        } catch {
            guard proposal != nil, error.code == "not_approved" else { throw error }
            return .waiting(nil)
        }
    }

    private func wait(for proposal: ProposalDocument, waits: Bool) async throws(Failure) -> End {
        let goesOn = "run it again with --proposal \(proposal.id.plain) and the same options"
        ProposalWait.announce(proposal, nil)
        guard waits else {
            Output.complain("when they have: \(goesOn)")
            return .proposed(proposal)
        }
        let patience = Patience(until: proposal.expires_at)
        while !patience.isOver {
            for _ in 0..<Self.pause { await Patience.step() }
            if case .done(let answer) = try ask(proposal.id) { return .done(answer) }
        }
        throw Failure("not enough operators have approved in time", hint: goesOn, exitCode: .partial)
    }
}
