// SPDX-License-Identifier: Apache-2.0
package import Encoding
package import Secrets

/// Wraps the shares of a master key under a key that somebody else holds.
package protocol KeyWrapper: Sendable {
    /// How the key is named in the chamber's record.
    var name: KeyName { get }

    func wrap(_ share: borrowing SecretBytes, context: WrappingContext) async throws(WrappingError) -> [UInt8]

    /// - Parameter recipient: under whose key the answer is to come, so that nobody on the way sees the share. A provider
    ///   that cannot do it refuses: what was asked for a recipient is given to nobody else.
    func unwrap(
        _ ciphertext: [UInt8],
        context: WrappingContext,
        recipient: AttestedRecipient?
    ) async throws(WrappingError) -> SecretBytes
}

extension KeyWrapper {
    /// For who asks itself.
    package func unwrap(_ ciphertext: [UInt8], context: WrappingContext) async throws(WrappingError) -> SecretBytes {
        try await unwrap(ciphertext, context: context, recipient: nil)
    }
}

/// Who proves what it is, with a key of its own in the proof (`Recipient` of AWS KMS).
package struct AttestedRecipient: Hashable, Sendable {
    /// What the platform says and signs.
    package let document: [UInt8]

    package init(document: [UInt8]) { self.document = document }
}

/// What a wrapped share is bound to: with anything else it cannot be unwrapped. Not secret; AWS writes it into its own
/// trail of every call, and policies can ask for it.
package struct WrappingContext: Hashable, Sendable {
    /// What is wrapped.
    package enum Purpose: String, Sendable {
        case masterKeyShare = "master-key-share"
    }

    package let chamber: Bytes<16>
    /// Of the master key: rotations count up.
    package let generation: UInt64
    /// The number of the share.
    package let share: UInt8
    package let purpose: Purpose

    package init(chamber: Bytes<16>, generation: UInt64, share: UInt8, purpose: Purpose = .masterKeyShare) {
        self.chamber = chamber
        self.generation = generation
        self.share = share
        self.purpose = purpose
    }

    /// By name, in a fixed order.
    package var pairs: [(name: String, value: String)] {
        [
            ("chamber", Hex.encode(chamber.span, prefix: false)), ("generation", String(generation)),
            ("purpose", purpose.rawValue), ("share", String(share)),
        ]
    }

    /// The pairs as bytes: each name and each value behind its length, a byte.
    var encoded: [UInt8] {
        pairs.flatMap { pair in
            [pair.name, pair.value].flatMap { text in [UInt8(text.utf8.count)] + Array(text.utf8) }
        }
    }
}
