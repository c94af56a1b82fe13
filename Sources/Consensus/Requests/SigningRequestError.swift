// SPDX-License-Identifier: Apache-2.0

/// Why no signing root can be made of a request. Every case is the client's error; fields have their name on the wire.
package enum SigningRequestError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A type that signs under a fork came without `fork_info`.
    case missingForkInfo(OperationType)
    /// An aggregate of Electra or later came without `committee_bits`.
    case missingCommitteeBits(Slot)
    /// Sync committees begin with Altair.
    case noSyncCommittees(OperationType, Slot)
    /// More elements, bytes or bits than SSZ allows for the field.
    case overLimit(field: String, count: Int, limit: Int)
    /// A vector with another number of elements.
    case wrongCount(field: String, count: Int, expected: Int)
    /// A bit vector with another number of bytes.
    case wrongLength(field: String, bytes: Int, expected: Int)
    /// A bit vector with a bit set where there is none.
    case bitsBeyondEnd(field: String, expected: Int)
    /// The client expects another root: it and this signer understand the message differently.
    case signingRootMismatch(claimed: SigningRoot, computed: SigningRoot)

    package var description: String {
        switch self {
        case .missingForkInfo(let type):
            "fork_info is missing; a request of type \(type) needs it"
        case .missingCommitteeBits(let slot):
            "committee_bits is missing; the aggregate at slot \(slot) belongs to Electra or a later fork"
        case .noSyncCommittees(let type, let slot):
            "slot \(slot) lies before Altair on the configured network, so a \(type) cannot be signed for it"
        case .overLimit(let field, let count, let limit):
            "\(field) has \(count) entries where at most \(limit) are allowed"
        case .wrongCount(let field, let count, let expected):
            "\(field) has \(count) entries where \(expected) are needed"
        case .wrongLength(let field, let bytes, let expected):
            "\(field) has \(bytes) bytes where the configured network has \(expected)"
        case .bitsBeyondEnd(let field, let expected):
            "\(field) has a bit set beyond its \(expected) bits"
        case .signingRootMismatch(let claimed, let computed):
            "signing_root is \(claimed) but the message has \(computed); check that the client and the signer are "
                + "configured for the same network and know its forks"
        }
    }
}
