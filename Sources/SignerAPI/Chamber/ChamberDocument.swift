// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Sealing
internal import SignerState

/// How the chamber stands.
struct ChamberDocument: Encodable, Documented {
    struct Seal: Encodable {
        let status: String
        let reason: String?
        let not_ordered: String?
    }
    struct MasterKey: Encodable {
        let chamber: String
        let generation: String
        let sequence: String
        let mode: String
        let made_at: String
        let kms_threshold: Int
        let kms_key_arns: [String]
    }
    struct Credential: Encodable {
        let id: String
        let label: String
        let kind: String
        let fingerprint: String?

        init(_ credential: OperatorCredential) {
            id = credential.identifier
            label = credential.label
            kind = credential.method.kind
            fingerprint = credential.fingerprint
        }
    }
    struct Operator: Encodable {
        let name: String
        let credentials: [Credential]
    }
    struct Quorum: Encodable {
        let threshold: Int
        let operators: [Operator]
    }
    struct Unseal: Encodable {
        let have: Int
        let need: Int
        let operators: [String]
        let expires_at: String?
    }
    struct Seat: Encodable {
        let name: String
        let registered: Bool
        let credentials: [Credential]
    }
    struct Registration: Encodable {
        let kind: String
        let expires_at: String
        let operators: [Seat]
    }
    struct Rotation: Encodable {
        let generation: String
        let done: Int
        let total: Int
        let reason: String?
    }
    /// Shown once.
    struct Ticket: Encodable {
        let `operator`: String
        let token: String
    }
    let seal: Seal
    let master_key: MasterKey?
    let quorum: Quorum?
    let unseal: Unseal?
    let registration: Registration?
    let proposals: [ProposalDocument]?
    let rotation: Rotation?
    let registrations: [Ticket]?

    init(_ status: ChamberStatus, notOrdered problem: StateError? = nil, tickets: [Ticket]? = nil) {
        seal = Seal(status: status.state.rawValue, reason: status.reason, not_ordered: problem.map { "\($0)" })
        master_key = status.record.map(MasterKey.init)
        quorum = status.record?.quorum.map(Quorum.init)
        unseal = status.unsealing.map { unsealing in
            Unseal(
                have: unsealing.names.count,
                need: unsealing.need,
                operators: unsealing.names.map(\.text),
                expires_at: unsealing.expires.map(Self.time)
            )
        }
        registration = status.registration.map { stage in
            Registration(
                kind: stage.kind.rawValue,
                expires_at: Self.time(stage.expires),
                operators: stage.seats.map { seat in
                    Seat(
                        name: seat.name.text,
                        registered: seat.isTaken,
                        credentials: seat.credentials.map { Credential($0) }
                    )
                }
            )
        }
        proposals = status.proposals.isEmpty ? nil : status.proposals.map { ProposalDocument($0) }
        rotation = status.rekeying.map { progress in
            Rotation(
                generation: "\(progress.generation)",
                done: progress.done,
                total: progress.total,
                reason: progress.reason
            )
        }
        registrations = tickets
    }

    static func time(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
    }
}

extension ChamberDocument.MasterKey {
    init(_ record: MasterKeyRecord) {
        chamber = record.chamber.description
        generation = "\(record.current.generation)"
        sequence = "\(record.sequence)"
        mode = record.quorum == nil ? "kms" : "quorum"
        made_at = ChamberDocument.time(record.made)
        kms_threshold = record.custody.threshold
        kms_key_arns = record.custody.shares.map(\.key.text)
    }
}

extension ChamberDocument.Quorum {
    init(_ quorum: OperatorQuorum) {
        threshold = quorum.threshold
        operators = quorum.members.map { member in
            ChamberDocument.Operator(
                name: member.name.text,
                credentials: member.shares.map { ChamberDocument.Credential($0.credential) }
            )
        }
    }
}

/// A change that waits for operators.
struct ProposalDocument: Encodable {
    let id: String
    let kind: String
    let summary: String
    /// The text that operators sign.
    let document: String
    let approvals: [String]
    let needed: Int
    let expires_at: String

    init(_ proposal: Proposal) {
        id = proposal.identifier
        kind = proposal.change.kind
        summary = proposal.change.summary
        document = proposal.document
        approvals = proposal.approvals.map(\.text)
        needed = proposal.needed
        expires_at = ChamberDocument.time(proposal.expires)
    }

    static let schema: Schema = .named(
        "CustodyProposal",
        .exactly(
            .required("id", .text(pattern: "^[0-9a-f]{32}$")),
            .required("kind", .text()),
            .required("summary", .text()),
            .required("document", .described(.text(), "The text that operators sign.")),
            .required("approvals", .described(.list(.text()), "The operators who have approved.")),
            .required("needed", .integer(from: 2)),
            .required("expires_at", .text(format: "date-time"))
        )
    )
}

/// What was proposed instead of done.
struct ProposedDocument: Encodable, Documented {
    let proposal: ProposalDocument

    static let schema: Schema = .named("Proposed", .exactly(.required("proposal", ProposalDocument.schema)))
}

extension ChamberDocument {
    static let schema: Schema = {
        let seal = Schema.exactly(
            .required("status", .words(ChamberState.allCases.map(\.rawValue))),
            .optional("reason", .described(.text(), "Why it is not open.")),
            .optional("not_ordered", .described(.text(), "Why the other instances could not be told to seal."))
        )
        let masterKey = Schema.exactly(
            .required("chamber", .text(pattern: "^[0-9a-f]{32}$")),
            .required("generation", .text(pattern: "^[0-9]+$")),
            .required("sequence", .described(.text(pattern: "^[0-9]+$"), "Rises with every change of the custody.")),
            .required("mode", .words(["kms", "quorum"])),
            .required("made_at", .text(format: "date-time")),
            .required("kms_threshold", .integer(from: 1)),
            .required("kms_key_arns", .list(.text(), from: 1))
        )
        return .named(
            "Chamber",
            .exactly(
                .required("seal", seal),
                .optional("master_key", masterKey),
                .optional("quorum", quorumSchema),
                .optional("unseal", unsealSchema),
                .optional("registration", registrationSchema),
                .optional("proposals", .list(ProposalDocument.schema, from: 1)),
                .optional("rotation", rotationSchema),
                .optional(
                    "registrations",
                    .described(
                        .list(.exactly(.required("operator", .text()), .required("token", .text())), from: 1),
                        "The registration tokens, shown this once."
                    )
                )
            )
        )
    }()

    private static let quorumSchema = Schema.exactly(
        .required("threshold", .integer(from: 2)),
        .required(
            "operators",
            .list(
                .exactly(
                    .required("name", .text()),
                    .required("credentials", .list(credentialSchema, from: 1))
                ),
                from: 2
            )
        )
    )

    private static let credentialSchema = Schema.exactly(
        .required("id", .text(pattern: "^[0-9a-f]{16}$")),
        .required("label", .text()),
        .required("kind", .words(["passphrase", "yubikey"])),
        .optional(
            "fingerprint",
            .described(
                .text(pattern: "^[0-9a-f]{8}( [0-9a-f]{8}){3}$"),
                "What the operator was shown when they made it; absent in credentials of before there were any."
            )
        )
    )

    private static let unsealSchema = Schema.exactly(
        .required("have", .integer()),
        .required("need", .integer(from: 2)),
        .required("operators", .described(.list(.text()), "Whose shares are there.")),
        .optional("expires_at", .described(.text(format: "date-time"), "When they are dropped."))
    )

    private static let registrationSchema = Schema.exactly(
        .required("kind", .words(["init", "quorum"])),
        .required("expires_at", .text(format: "date-time")),
        .required(
            "operators",
            .list(
                .exactly(
                    .required("name", .text()),
                    .required("registered", .boolean),
                    .required("credentials", .described(.list(credentialSchema), "Of who has registered."))
                ),
                from: 2
            )
        )
    )

    private static let rotationSchema = Schema.exactly(
        .required("generation", .text(pattern: "^[0-9]+$")),
        .required("done", .integer()),
        .required("total", .integer()),
        .optional("reason", .described(.text(), "Why it has come to a halt."))
    )
}
