// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Foundation
internal import JSON
internal import Sealing
internal import Secrets

/// What an operator's program says while the chamber is opened: who the operator is, and the challenge that they answer.
struct OperatorAnswer {
    let shown: UnsealCeremony.Credentials
    /// Of a request for boxes.
    let signature: Bytes<64>?
    /// Of a request that brings shares.
    let boxes: [UnsealCeremony.Box]

    /// - Parameter returnsShares: whether the body brings shares; otherwise it asks for boxes.
    init(_ body: [UInt8], returnsShares: Bool) throws(ChamberError) {
        let last = returnsShares ? "shares" : "signature"
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(body, names: ["operator", "credential", "challenge", last])
            let challenge = try root.required("challenge")
            guard challenge.utf8.count <= 512, let bytes: [UInt8] = try? Hex.decode(challenge) else {
                throw .init("challenge is not hexadecimal")
            }
            shown = UnsealCeremony.Credentials(
                name: try root.required("operator"),
                credential: try root.required("credential"),
                challenge: bytes
            )
            signature = returnsShares ? nil : try root.bytes("signature")
            boxes = returnsShares ? try Self.boxes(root) : []
        } catch { throw .custody(.invalid(error.reason)) }
    }

    private static func boxes(_ root: StrictObject) throws(StrictObject.Malformed) -> [UnsealCeremony.Box] {
        guard let objects = try root.objects("shares", limit: 2, names: ["ceremony", "box"]) else {
            throw .init("shares is missing")
        }
        var boxes: [UnsealCeremony.Box] = []
        for object in objects {
            let ceremony: Bytes<16> = try object.bytes("ceremony")
            let text = try object.required("box")
            guard text.utf8.count <= 4096, let bytes = Data(base64Encoded: text) else {
                throw .init("shares[\(boxes.count)].box is not base64")
            }
            boxes.append(.init(ceremony: CeremonyIdentifier(ceremony), bytes: Array(bytes)))
        }
        return boxes
    }
}

/// The body of a registration. The token lies in the body as it came, and in secret memory from here on.
struct RegistrationOrder: ~Copyable {
    let token: SecretBytes
    let offers: [RegistrationStage.Offer]

    init(_ body: [UInt8]) throws(ChamberError) {
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(body, names: ["token", "credentials"])
            guard let text = try root.text("token") else { throw .init("token is missing") }
            guard
                let objects = try root.objects(
                    "credentials",
                    limit: OperatorPlan.mostCredentials,
                    names: StrictObject.offerNames
                )
            else { throw .init("credentials is missing") }
            var offers: [RegistrationStage.Offer] = []
            for object in objects { offers.append(try object.offer()) }
            self.init(token: SecretBytes(copying: Array(text.string.utf8).span), offers: offers)
        } catch { throw .custody(.invalid(error.reason)) }
    }

    private init(token: consuming SecretBytes, offers: [RegistrationStage.Offer]) {
        self.token = token
        self.offers = offers
    }
}

/// The body of an approval.
struct ApprovalOrder {
    let proposal: String
    let approval: Approval

    init(_ body: [UInt8]) throws(ChamberError) {
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(body, names: ["proposal", "operator", "credential", "signature"])
            proposal = try root.required("proposal")
            approval = Approval(
                name: try root.required("operator"),
                credential: try root.required("credential"),
                signature: try root.bytes("signature")
            )
        } catch { throw .custody(.invalid(error.reason)) }
    }
}

/// The body of a request for a challenge.
struct ChallengeOrder {
    let name: String
    let proposal: String?

    init(_ body: [UInt8]) throws(ChamberError) {
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(body, names: ["operator", "proposal"])
            name = try root.required("operator")
            proposal = try root.text("proposal")?.string
        } catch { throw .custody(.invalid(error.reason)) }
    }
}
