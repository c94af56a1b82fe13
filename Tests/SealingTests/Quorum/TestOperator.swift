// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Sealing
import Secrets

/// An operator with one credential, as their program has it: everything over the calls of the chamber.
struct TestOperator {
    let name: OperatorName
    private let response: [UInt8]
    private let challenge: Bytes<32>
    let credential: OperatorCredential

    /// - Parameter seed: of the device: another seed is another device.
    init(_ name: String, seed: UInt8, identifier: String? = nil) throws {
        guard let name = OperatorName(name) else { throw QuorumRefusal.unknownOperator(name) }
        self.name = name
        response = [UInt8](repeating: seed, count: 20)
        challenge = Bytes<32>(copying: [UInt8](repeating: seed, count: 32).span)
        let keys = try CredentialKeys(response: SecretBytes(response), challenge: challenge)
        credential = try keys.credential(
            identifier: identifier ?? Hex.encode([seed, 1, 2, 3, 4, 5, 6, 7], prefix: false),
            label: "key of \(name)",
            method: .yubiKey(slot: 2, challenge: challenge),
            blind: Bytes<16>(copying: [UInt8](repeating: seed, count: 16).span)
        )
    }

    fileprivate func keys() throws -> CredentialKeys {
        try CredentialKeys(response: SecretBytes(response), challenge: challenge)
    }

    func offer(for token: SecretBox) throws -> RegistrationStage.Offer {
        let text = token.bytes.withSpan { span in span.indices.map { span[$0] } }
        let hash = try Digest.sha256(text.span)
        return RegistrationStage.Offer(
            credential: credential,
            proof: try keys().sign(QuorumMessage.registration(tokenHash: hash, credential))
        )
    }

    func register(_ token: SecretBox, at chamber: Chamber) async throws {
        try await chamber.register(token.bytes, offering: [try offer(for: token)])
    }

    /// A challenge, and who shows it.
    func invited(by chamber: Chamber) throws -> (Chamber.Invitation, UnsealCeremony.Credentials) {
        let invitation = try chamber.invite(name.text, to: nil)
        let shown = UnsealCeremony.Credentials(
            name: name.text,
            credential: credential.identifier,
            challenge: invitation.ceremony?.challenge ?? []
        )
        return (invitation, shown)
    }

    func boxes(
        from chamber: Chamber,
        _ invitation: Chamber.Invitation,
        _ shown: UnsealCeremony.Credentials
    ) throws -> [UnsealCeremony.Box] {
        guard let question = invitation.ceremony else { return try chamber.boxes(for: shown, signature: Bytes()) }
        let message = QuorumMessage.challenge(
            shown.challenge,
            chamber: invitation.chamber,
            ceremony: question.ceremony,
            serverKey: question.serverKey,
            operator: name.text,
            credential: credential.identifier
        )
        return try chamber.boxes(for: shown, signature: try keys().sign(message))
    }

    /// The shares of boxes, each in a box for the signer.
    func returned(
        _ boxes: [UnsealCeremony.Box],
        _ invitation: Chamber.Invitation,
        _ shown: UnsealCeremony.Credentials
    ) throws -> [UnsealCeremony.Box] {
        guard let question = invitation.ceremony else { return [] }
        return try boxes.map { box in
            let share = try opened(box, invitation)
            return .init(ceremony: box.ceremony, bytes: try Self.close(share, question, invitation, shown))
        }
    }

    static func close(
        _ share: borrowing SecretBytes,
        _ question: Chamber.Invitation.Question,
        _ invitation: Chamber.Invitation,
        _ shown: UnsealCeremony.Credentials
    ) throws -> [UInt8] {
        let context = QuorumMessage.returnedShare(
            challenge: shown.challenge,
            chamber: invitation.chamber,
            ceremony: question.ceremony,
            operator: shown.name,
            credential: shown.credential
        )
        return try share.withSpan { try ShareBox.seal($0, to: question.serverKey, context: context) }
    }

    /// All of it.
    func unseal(_ chamber: Chamber) async throws {
        let (invitation, shown) = try invited(by: chamber)
        let boxes = try boxes(from: chamber, invitation, shown)
        try await chamber.give(try returned(boxes, invitation, shown), from: shown)
    }

    func approve(_ proposal: Proposal, at chamber: Chamber) async throws -> Proposal {
        let message = QuorumMessage.approval(
            document: Array(proposal.document.utf8),
            operator: name.text,
            credential: credential.identifier
        )
        let signature = try keys().sign(message)
        return try await chamber.approve(
            proposal.identifier,
            with: Approval(name: name.text, credential: credential.identifier, signature: signature)
        )
    }
}

extension Chamber {
    /// Somebody with a token changes it, always the same.
    @discardableResult
    func change(_ change: CustodyChange, tokens: [SecretBox] = []) async throws -> Outcome {
        try await self.change(change, by: Proposer("token"), tokens: tokens)
    }
}

extension TestOperator {
    /// One's own share.
    func opened(_ box: UnsealCeremony.Box, _ invitation: Chamber.Invitation) throws -> SecretBytes {
        try keys().open(
            box.bytes,
            context: QuorumMessage.restingShare(
                chamber: invitation.chamber,
                ceremony: box.ceremony,
                operator: name.text,
                credential: credential.identifier
            )
        )
    }
}

/// A ceremony alone, without a chamber around it.
extension TestOperator {
    func shown(_ challenge: [UInt8]) -> UnsealCeremony.Credentials {
        .init(name: name.text, credential: credential.identifier, challenge: challenge)
    }

    func signature(under shown: UnsealCeremony.Credentials, in ceremony: UnsealCeremony) throws -> Bytes<64> {
        try keys().sign(
            QuorumMessage.challenge(
                shown.challenge,
                chamber: ceremony.chamber,
                ceremony: ceremony.identifier,
                serverKey: ceremony.serverKey,
                operator: shown.name,
                credential: shown.credential
            )
        )
    }

    /// A challenge that was answered rightly, and the boxes for it.
    func answered(
        in ceremony: inout UnsealCeremony,
        at now: Int64
    ) throws -> (UnsealCeremony.Credentials, [UnsealCeremony.Box]) {
        let shown = shown(try ceremony.challenge(for: name, at: now))
        return (shown, try ceremony.boxes(for: shown, signature: try signature(under: shown, in: ceremony), at: now))
    }

    /// One's own shares, each in a box for the ceremony's key.
    func returned(
        _ boxes: [UnsealCeremony.Box],
        _ shown: UnsealCeremony.Credentials,
        to ceremony: UnsealCeremony
    ) throws -> [UnsealCeremony.Box] {
        try boxes.map { box in
            let resting = QuorumMessage.restingShare(
                chamber: ceremony.chamber,
                ceremony: box.ceremony,
                operator: shown.name,
                credential: shown.credential
            )
            let returning = QuorumMessage.returnedShare(
                challenge: shown.challenge,
                chamber: ceremony.chamber,
                ceremony: ceremony.identifier,
                operator: shown.name,
                credential: shown.credential
            )
            let share = try keys().open(box.bytes, context: resting)
            let closed = try share.withSpan { try ShareBox.seal($0, to: ceremony.serverKey, context: returning) }
            return .init(ceremony: box.ceremony, bytes: closed)
        }
    }

    func give(to ceremony: inout UnsealCeremony, at now: Int64) throws -> UnsealCeremony.Progress {
        let (shown, boxes) = try answered(in: &ceremony, at: now)
        return try ceremony.take(try returned(boxes, shown, to: ceremony), from: shown, at: now)
    }
}
