// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import JSON
internal import Secrets

/// What is to be changed about the custody of a master key, and the root token, which is as good.
package enum CustodyChange: Hashable, Sendable {
    /// Other KMS keys, or another threshold of them.
    case keys([KeyName], threshold: Int)
    /// Other operators, or operators where there were none: they have to register.
    case operators([OperatorName], threshold: Int)
    /// The KMS keys alone, from now on.
    case withoutOperators
    case addCredential(OperatorName, OperatorCredential)
    case removeCredential(OperatorName, String)
    /// A new master key: everything is encrypted under it anew.
    case masterKey
    /// A token that may do everything, made on the signer's machine.
    case rootToken(name: String, lifetime: Int64?)
    /// A new catalogue of the policies and tokens that stand, by the digest of what was shown.
    case acceptRows(String)

    /// Whether it is done by somebody else, and changes nothing of the custody.
    package var isDeed: Bool {
        switch self {
        case .rootToken, .acceptRows: true
        default: false
        }
    }

    /// As the API names it.
    package var kind: String {
        switch self {
        case .keys: "kms"
        case .operators: "quorum"
        case .withoutOperators: "mode"
        case .addCredential: "credential_add"
        case .removeCredential: "credential_remove"
        case .masterKey: "master_key"
        case .rootToken: "root_token"
        case .acceptRows: "access_rows"
        }
    }

    /// What it comes to, in words.
    package var summary: String {
        switch self {
        case .keys(let keys, let threshold):
            "\(threshold) of these \(keys.count) KMS keys open the chamber: \(keys.map(\.text).joined(separator: ", "))"
        case .operators(let names, let threshold):
            "\(threshold) of these \(names.count) operators open the chamber, when all have registered: \(names.map(\.text).joined(separator: ", "))"
        case .withoutOperators: "no operators: the KMS keys open the chamber alone"
        case .addCredential(let name, let credential):
            "one more credential of the operator \(name): \(credential.label) (\(credential.method.kind) \(credential.identifier))"
        case .removeCredential(let name, let credential):
            "the operator \(name) has the credential \(credential) no more"
        case .masterKey: "a new master key, under which every key is encrypted anew"
        case .rootToken(let name, let lifetime):
            "a root token \(name)" + (lifetime.map { " for \($0) seconds" } ?? " without an end")
                + ", made on the signer's machine"
        case .acceptRows(let digest):
            "the policies and tokens that stand now, with the digest \(digest), as whoever is on the signer's machine was shown them"
        }
    }
}

/// A change that operators have to approve.
package struct Proposal: Hashable, Sendable {
    package let identifier: String
    package let change: CustodyChange
    /// Of the record that it changes.
    package let sequence: UInt64
    /// The text that operators sign.
    package let document: String
    package let needed: Int
    package let approvals: [OperatorName]
    /// Seconds since 1970.
    package let expires: Int64

    package init(
        identifier: String,
        change: CustodyChange,
        sequence: UInt64,
        document: String,
        needed: Int,
        approvals: [OperatorName],
        expires: Int64
    ) {
        self.identifier = identifier
        self.change = change
        self.sequence = sequence
        self.document = document
        self.needed = needed
        self.approvals = approvals
        self.expires = expires
    }
}

/// Proposals that wait for operators. In the memory of one instance: the signatures under a proposal are checked against the
/// quorum of the record that this instance has verified, and a proposal is performed once. No clock: time is told to it.
package struct ProposalDesk: Sendable {
    private var proposals: [Proposal] = []
    /// Seconds from proposing to performing.
    private let lifetime: Int64

    /// The most that wait at a time.
    package static let most = 8

    package init(lifetime: Int64) { self.lifetime = lifetime }

    package mutating func add(
        _ change: CustodyChange,
        to record: MasterKeyRecord,
        needing needed: Int,
        at now: Int64
    ) throws(QuorumRefusal) -> Proposal {
        forget(at: now)
        guard proposals.count < Self.most else { throw .tooManyProposals(Self.most) }
        let identifier = CeremonyIdentifier.random().description
        let expires = now + lifetime
        let document: JSONOutput = [
            "proposal": .string(identifier), "chamber": .string(record.chamber.description),
            "sequence": .string("\(record.sequence)"), "kind": .string(change.kind),
            "summary": .string(change.summary), "expires": .string("\(expires)"),
        ]
        let proposal = Proposal(
            identifier: identifier,
            change: change,
            sequence: record.sequence,
            document: String(decoding: document.bytes, as: UTF8.self),
            needed: needed,
            approvals: [],
            expires: expires
        )
        proposals.append(proposal)
        return proposal
    }

    package mutating func list(at now: Int64) -> [Proposal] {
        forget(at: now)
        return proposals
    }

    package mutating func proposal(_ identifier: String, at now: Int64) throws(QuorumRefusal) -> Proposal {
        forget(at: now)
        guard let proposal = proposals.first(where: { $0.identifier == identifier }) else { throw .unknownProposal }
        return proposal
    }

    /// Takes the approval of an operator: a signature under the document. Approving twice changes nothing.
    package mutating func approve(
        _ identifier: String,
        by name: String,
        credential: String,
        signature: Bytes<64>,
        in quorum: OperatorQuorum,
        at now: Int64
    ) throws(QuorumRefusal) -> Proposal {
        let proposal = try proposal(identifier, at: now)
        guard let member = OperatorName(name).flatMap(quorum.member) else { throw .unknownOperator(name) }
        guard let held = member.share(of: credential) else {
            throw .unknownCredential(operator: name, credential: credential)
        }
        let message = QuorumMessage.approval(
            document: Array(proposal.document.utf8),
            operator: name,
            credential: credential
        )
        let span = message.span
        guard (try? Ed25519.isValid(signature, of: span, by: held.credential.signingKey)) == true else {
            throw .badSignature(operator: name, credential: credential)
        }
        guard !proposal.approvals.contains(member.name) else { return proposal }
        let approved = proposal.approved(by: member.name)
        proposals = proposals.map { $0.identifier == identifier ? approved : $0 }
        return approved
    }

    /// Takes an approved proposal away, to be performed.
    package mutating func take(_ identifier: String, at now: Int64) throws(QuorumRefusal) -> Proposal {
        let proposal = try proposal(identifier, at: now)
        guard proposal.approvals.count >= proposal.needed else {
            throw .notApproved(have: proposal.approvals.count, need: proposal.needed)
        }
        proposals.removeAll { $0.identifier == identifier }
        return proposal
    }

    /// Puts one back that was taken and could not be performed.
    package mutating func putBack(_ proposal: Proposal) { proposals.append(proposal) }

    /// Whatever changes the custody makes everything void that was proposed before.
    package mutating func clear() { proposals = [] }

    /// Drops what was proposed for another record than the one of a sequence.
    package mutating func forget(besides sequence: UInt64) { proposals.removeAll { $0.sequence != sequence } }

    private mutating func forget(at now: Int64) { proposals.removeAll { $0.expires <= now } }
}

extension Proposal {
    fileprivate func approved(by name: OperatorName) -> Proposal {
        Proposal(
            identifier: identifier,
            change: change,
            sequence: sequence,
            document: document,
            needed: needed,
            approvals: approvals + [name],
            expires: expires
        )
    }
}
