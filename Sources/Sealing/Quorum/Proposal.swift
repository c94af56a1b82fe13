// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import JSON

/// A change that operators have to approve.
package struct Proposal: Hashable, Sendable {
    package let identifier: String
    package let change: CustodyChange
    /// Of the record that it changes.
    package let sequence: UInt64
    /// The text that operators sign.
    package let document: String
    package let needed: Int
    package private(set) var approvals: [OperatorName]
    /// Seconds since 1970.
    package let expires: Int64
    package let proposer: Proposer

    package init(
        identifier: String,
        change: CustodyChange,
        sequence: UInt64,
        document: String,
        needed: Int,
        approvals: [OperatorName],
        expires: Int64,
        proposer: Proposer
    ) {
        self.identifier = identifier
        self.change = change
        self.sequence = sequence
        self.document = document
        self.needed = needed
        self.approvals = approvals
        self.expires = expires
        self.proposer = proposer
    }

    /// One that nobody has approved yet.
    init(
        _ identifier: String,
        _ change: CustodyChange,
        of record: MasterKeyRecord,
        needing needed: Int,
        until expires: Int64,
        by proposer: Proposer
    ) {
        let document = JSONOutput.object(
            [
                ("proposal", .string(identifier)), ("chamber", .string(record.chamber.description)),
                ("sequence", .string("\(record.sequence)")), ("kind", .string(change.kind)),
                ("summary", .string(change.summary)), ("expires", .string("\(expires)")),
            ] + change.particulars
        )
        self.init(
            identifier: identifier,
            change: change,
            sequence: record.sequence,
            document: String(decoding: document.bytes, as: UTF8.self),
            needed: needed,
            approvals: [],
            expires: expires,
            proposer: proposer
        )
    }

    package var isApproved: Bool { approvals.count >= needed }

    /// Approving twice changes nothing.
    func approved(by name: OperatorName) -> Proposal {
        guard !approvals.contains(name) else { return self }
        var next = self
        next.approvals.append(name)
        return next
    }
}

/// Who proposes: what one has proposed does not keep others from proposing, and only they take it back.
package struct Proposer: Hashable, Sendable {
    private let name: String

    /// - Parameter name: tells one caller from another, for as long as a proposal lives.
    package init(_ name: String) { self.name = name }

    /// Whoever is on the signer's machine.
    package static let local = Proposer("local")
    /// The chamber itself: something that was ordered has come to where operators decide.
    package static let chamber = Proposer("chamber")
}

/// The agreement of an operator: a signature under the document of a proposal.
package struct Approval: Hashable, Sendable {
    package let name: String
    /// The identifier of one of their credentials.
    package let credential: String
    package let signature: Bytes<64>

    package init(name: String, credential: String, signature: Bytes<64>) {
        self.name = name
        self.credential = credential
        self.signature = signature
    }

    /// Whose it is, where an operator of this quorum has signed this document.
    func check(_ document: String, in quorum: OperatorQuorum) throws(QuorumRefusal) -> OperatorName {
        guard let member = OperatorName(name).flatMap(quorum.member) else { throw .unknownOperator(name) }
        guard let held = member.share(of: credential) else {
            throw .unknownCredential(operator: name, credential: credential)
        }
        let message = QuorumMessage.approval(document: Array(document.utf8), operator: name, credential: credential)
        let span = message.span
        guard (try? Ed25519.isValid(signature, of: span, by: held.credential.signingKey)) == true else {
            throw .badSignature(operator: name, credential: credential)
        }
        return member.name
    }
}
