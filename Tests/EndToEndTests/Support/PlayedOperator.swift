// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Foundation
import Sealing
import Secrets
import Testing

/// An operator as their program is one: over the API of a signer, with the answers of a YubiKey that is made up.
struct PlayedOperator: Sendable {
    let name: String
    private let response: [UInt8]
    private let challenge: Bytes<32>
    private let credential: OperatorCredential

    init(_ name: String) throws {
        self.name = name
        response = Random.bytes(CredentialKeys.responseLength)
        challenge = Bytes(copying: Random.bytes(32).span)
        let response = response
        let keys = try CredentialKeys(response: SecretBytes(copying: response.span), challenge: challenge)
        credential = try keys.credential(
            identifier: OperatorCredential.newIdentifier(),
            label: "key of \(name)",
            method: .yubiKey(slot: 2, challenge: challenge),
            blind: OperatorCredential.newBlind()
        )
    }

    private func keys() throws -> CredentialKeys {
        try CredentialKeys(response: SecretBytes(copying: response.span), challenge: challenge)
    }

    func register(_ token: String, at signer: RunningSigner) async throws {
        let text = Array(token.utf8)
        let message = QuorumMessage.registration(tokenHash: try Digest.sha256(text.span), credential)
        let proof = try keys().sign(message)
        let document = try JSONSerialization.jsonObject(with: JSONEncoder().encode(credential.document))
        var offer = try #require(document as? [String: Any])
        offer["proof"] = Hex.encode(proof.span, prefix: false)
        _ = try await send(["token": token, "credentials": [offer]], to: "register", at: signer)
    }

    private struct Challenge: Decodable {
        let chamber: String
        let ceremony: String
        let server_key: String
        let challenge: String
    }

    private struct Boxes: Decodable {
        struct Box: Decodable {
            let ceremony: String
            let box: Data
        }
        let boxes: [Box]
    }

    /// Brings the operator's share; gives what it is, as digits of its value.
    @discardableResult
    func unseal(_ signer: RunningSigner) async throws -> String {
        let asked = try JSONDecoder().decode(
            Challenge.self,
            from: try await send(["operator": name], to: "challenge", at: signer)
        )
        let chamber = ChamberIdentifier(try Hex.decode(asked.chamber))
        let ceremony = CeremonyIdentifier(try Hex.decode(asked.ceremony))
        let (challenge, serverKey): ([UInt8], Bytes<32>) = (
            try Hex.decode(asked.challenge), try Hex.decode(asked.server_key)
        )
        let message = QuorumMessage.challenge(
            challenge,
            chamber: chamber,
            ceremony: ceremony,
            serverKey: serverKey,
            operator: name,
            credential: credential.identifier
        )
        let signature = try keys().sign(message)
        let shown: [String: Any] = [
            "operator": name, "credential": credential.identifier, "challenge": asked.challenge,
        ]
        let boxes = try JSONDecoder().decode(
            Boxes.self,
            from: try await send(
                shown.merging(["signature": Hex.encode(signature.span, prefix: false)]) { $1 },
                to: "unseal/box",
                at: signer
            )
        )
        let box = try #require(boxes.boxes.first)
        let resting = QuorumMessage.restingShare(
            chamber: chamber,
            ceremony: CeremonyIdentifier(try Hex.decode(box.ceremony)),
            operator: name,
            credential: credential.identifier
        )
        let share = try keys().open(Array(box.box), context: resting)
        let returning = QuorumMessage.returnedShare(
            challenge: challenge,
            chamber: chamber,
            ceremony: ceremony,
            operator: name,
            credential: credential.identifier
        )
        let closed = try share.withSpan { try ShareBox.seal($0, to: serverKey, context: returning) }
        let given = ["ceremony": box.ceremony, "box": Data(closed).base64EncodedString()]
        _ = try await send(shown.merging(["shares": [given]]) { $1 }, to: "unseal/share", at: signer)
        return CustodySecrets.digits(share, from: KeyShare.headerLength)
    }

    private func send(_ body: [String: Any], to route: String, at signer: RunningSigner) async throws -> Data {
        let text = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
        let answer = try await signer.send(
            "POST",
            "/api/v1/chamber/\(route)",
            ["Content-Type: application/json", "Accept: application/json"],
            body: text
        )
        try #require(answer.status == 200, "\(name), \(route): \(answer)")
        return Data(answer.body.utf8)
    }
}
