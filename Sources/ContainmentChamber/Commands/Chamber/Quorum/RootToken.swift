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
        switch try ask(api, invocation, proposal: invocation["proposal"]) {
        case .token(let answer): return try show(answer, invocation)
        case .waiting(let proposal?): return try await wait(for: proposal, api, invocation)
        case .waiting(nil):
            throw Failure("too few operators have approved it yet", hint: "operator status shows who has")
        }
    }

    private enum Answer {
        case token([UInt8])
        /// The proposal, where the signer shows it again.
        case waiting(ProposalDocument?)
    }

    private static func ask(
        _ api: SignerConnection,
        _ invocation: Invocation,
        proposal: String?
    ) throws(Failure) -> Answer {
        let body = try OperatorCommands.requestBody(invocation, policies: nil, proposal: proposal)
        do throws(Failure) {
            let answer = try api.exchange("POST", AccessRoutes.rootTokenPath, body: body)
            guard answer.status == 202 else { return .token(answer.body) }
            return .waiting(try OperatorCommands.decode(ProposalAnswer.self, answer.body).proposal)
        } catch {
            guard proposal != nil, error.code == "not_approved" else { throw error }
            return .waiting(nil)
        }
    }

    private static func wait(
        for proposal: ProposalDocument,
        _ api: SignerConnection,
        _ invocation: Invocation
    ) async throws(Failure) -> ExitCode {
        let goesOn = "run it again with --proposal \(proposal.id.plain) and the same options"
        ProposalWait.announce(proposal, nil)
        guard !invocation.isSet("no-wait") else {
            if invocation.isSet("json") { Output.json(ProposalAnswer(proposal: proposal)) }
            Output.complain("when they have: \(goesOn)")
            return .partial
        }
        let patience = Patience(until: proposal.expires_at)
        var approvals = proposal.approvals
        while !patience.isOver {
            await Patience.step()
            switch try ask(api, invocation, proposal: proposal.id) {
            case .token(let answer): return try show(answer, invocation)
            case .waiting(let now):
                guard let now, now.approvals != approvals else { continue }
                approvals = now.approvals
                Output.complain(
                    "approved by \(approvals.joined(separator: ", ").plain): \(approvals.count) of \(now.needed)"
                )
            }
        }
        throw Failure("not enough operators have approved in time", hint: goesOn, exitCode: .partial)
    }

    private static func show(_ answer: [UInt8], _ invocation: Invocation) throws(Failure) -> ExitCode {
        try OperatorCommands.show(token: answer, invocation)
        return .success
    }
}
