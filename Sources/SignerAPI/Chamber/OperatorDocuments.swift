// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Foundation
internal import Sealing

/// What an operator's program needs in order to answer.
struct ChallengeDocument: Encodable, Documented {
    let chamber: String
    let ceremony: String?
    let server_key: String?
    let challenge: String?
    let expires_in_seconds: Int
    let credentials: [OperatorCredential.Hint]
    let proposal: ProposalDocument?

    init(_ invitation: Chamber.Invitation) {
        chamber = invitation.chamber.description
        ceremony = invitation.ceremony?.ceremony.description
        server_key = invitation.ceremony.map { Hex.encode($0.serverKey.span, prefix: false) }
        challenge = invitation.ceremony.map { Hex.encode($0.challenge, prefix: false) }
        expires_in_seconds = Int(UnsealCeremony.challengeLifetime)
        credentials = invitation.credentials
        proposal = invitation.proposal.map { ProposalDocument($0) }
    }

    static let schema: Schema = .named(
        "OperatorChallenge",
        .exactly(
            .required("chamber", .text(pattern: "^[0-9a-f]{32}$")),
            .optional(
                "ceremony",
                .described(.text(pattern: "^[0-9a-f]{32}$"), "Absent where nothing is being unsealed.")
            ),
            .optional(
                "server_key",
                .described(.text(pattern: "^[0-9a-f]{64}$"), "X25519: shares return in boxes for it.")
            ),
            .optional("challenge", .text(pattern: "^[0-9a-f]{112}$")),
            .required("expires_in_seconds", .integer()),
            .required("credentials", .list(.operatorHint, from: 1)),
            .optional("proposal", ProposalDocument.schema)
        )
    )
}

/// An operator's own shares, as they rest in the record.
struct BoxesDocument: Encodable, Documented {
    struct Box: Encodable {
        let ceremony: String
        let box: String
    }
    let boxes: [Box]

    init(_ boxes: [UnsealCeremony.Box]) {
        self.boxes = boxes.map {
            Box(ceremony: $0.ceremony.description, box: Data($0.bytes).base64EncodedString())
        }
    }

    static let schema: Schema = .named(
        "OperatorBoxes",
        .exactly(.required("boxes", .list(.operatorBox, from: 1, upTo: 2)))
    )
}
