// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Foundation
internal import JSON
internal import Sealing
internal import Secrets

/// What the signer tells an operator who has proved nothing yet.
struct ChallengeAnswer: Decodable {
    let chamber: String
    /// Nil, with the two below, where nothing is being unsealed.
    let ceremony: String?
    let server_key: String?
    let challenge: String?
    let expires_in_seconds: Int?
    let credentials: [OperatorCredential.Hint]
    let proposal: ProposalDocument?

    /// Asks for it.
    init(of name: String, proposal: String? = nil, from api: SignerConnection) throws(Failure) {
        var members: [(name: String, value: JSONOutput)] = [("operator", .string(name))]
        if let proposal { members.append(("proposal", .string(proposal))) }
        let answer = try api.send(
            "POST",
            ChamberPath.challenge,
            body: JSONOutput.object(members).bytes
        )
        self = try OperatorCommands.decode(ChallengeAnswer.self, answer)
    }
}

/// A challenge of a chamber that is being unsealed, as values.
struct UnsealChallenge {
    let challenge: [UInt8]
    let chamber: ChamberIdentifier
    let ceremony: CeremonyIdentifier
    let serverKey: Bytes<32>

    /// Nil where nothing is being unsealed.
    init?(_ answer: ChallengeAnswer) throws(Failure) {
        guard let challenge = answer.challenge, let ceremony = answer.ceremony, let key = answer.server_key else {
            return nil
        }
        do throws(Hex.Failure) {
            self.challenge = try Hex.decode(challenge)
            chamber = ChamberIdentifier(try Hex.decode(answer.chamber))
            self.ceremony = CeremonyIdentifier(try Hex.decode(ceremony))
            serverKey = try Hex.decode(key)
        } catch { throw Failure("the signer gave a challenge that this version cannot read: \(error)") }
    }

    /// What the operator signs to get their share.
    func message(operator name: String, credential: String) -> [UInt8] {
        QuorumMessage.challenge(
            challenge,
            chamber: chamber,
            ceremony: ceremony,
            serverKey: serverKey,
            operator: name,
            credential: credential
        )
    }

    /// Takes a share out of the box in which it lies in the record, and puts it into one that only this signer opens, for
    /// this challenge.
    ///
    /// - Parameter resting: the ceremony that made the share.
    func handOver(
        _ box: [UInt8],
        of resting: CeremonyIdentifier,
        with keys: borrowing CredentialKeys,
        operator name: String,
        credential: String
    ) throws(ShareBoxError) -> [UInt8] {
        let share = try keys.open(
            box,
            context: QuorumMessage.restingShare(
                chamber: chamber,
                ceremony: resting,
                operator: name,
                credential: credential
            )
        )
        let context = QuorumMessage.returnedShare(
            challenge: challenge,
            chamber: chamber,
            ceremony: ceremony,
            operator: name,
            credential: credential
        )
        return try ShareBox.seal(share.span, to: serverKey, context: context)
    }
}

/// Where the API of the chamber is.
enum ChamberPath {
    static let base = "/api/v1/chamber/"
    static let register = base + "register"
    static let challenge = base + "challenge"
    static let box = base + "unseal/box"
    static let share = base + "unseal/share"
    static let status = base + "status"
    static let rotate = base + "rotate"
    static let approve = base + "approve"
    static let proposals = base + "proposals/"
}
