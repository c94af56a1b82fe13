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
        var identifier = invocation["proposal"]
        var patience: Patience?
        var approvals: [String] = []
        while true {
            let body = try OperatorCommands.requestBody(invocation, policies: nil, proposal: identifier)
            let answer = try api.exchange("POST", AccessRoutes.rootTokenPath, body: body)
            guard answer.status == 202 else {
                try OperatorCommands.show(token: answer.body, invocation)
                return .success
            }
            let proposal = try OperatorCommands.decode(ProposalAnswer.self, answer.body).proposal
            let goesOn = "run it again with --proposal \(proposal.id) and the same options"
            if patience == nil {
                ProposalWait.announce(proposal, nil)
                if invocation.isSet("no-wait") {
                    if invocation.isSet("json") { Output.json(ProposalAnswer(proposal: proposal)) }
                    Output.complain("when they have: \(goesOn)")
                    return .partial
                }
            } else if proposal.approvals != approvals {
                Output.complain(
                    "approved by \(proposal.approvals.joined(separator: ", ").plain): \(proposal.approvals.count) of \(proposal.needed)"
                )
            }
            approvals = proposal.approvals
            identifier = proposal.id
            let until = patience ?? Patience(until: proposal.expires_at)
            patience = until
            guard !until.isOver else {
                throw Failure("not enough operators have approved in time", hint: goesOn, exitCode: .partial)
            }
            await Patience.step()
        }
    }
}
