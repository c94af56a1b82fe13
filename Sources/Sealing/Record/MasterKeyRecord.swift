// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import Secrets

/// How the master key of a chamber is held: the row `custody MASTER_KEY` of the signer state (docs/formats.md). Nothing in it
/// is secret; without enough of the KMS keys that it names, and of the operators, it opens nothing.
package struct MasterKeyRecord: Hashable, Sendable {
    package let chamber: ChamberIdentifier
    /// Rises by one with every change, so that an older record which is put back shows.
    package let sequence: UInt64
    /// Seconds since 1970, when this form of it was made.
    package let made: Int64
    package let current: MasterKeyCustody
    /// The master key that everything is being encrypted under anew; nil while there is no such rotation.
    package let next: MasterKeyCustody?

    package init(
        chamber: ChamberIdentifier,
        sequence: UInt64,
        made: Int64,
        current: MasterKeyCustody,
        next: MasterKeyCustody? = nil
    ) {
        self.chamber = chamber
        self.sequence = sequence
        self.made = made
        self.current = current
        self.next = next
    }

    /// The most KMS keys of a chamber.
    package static let mostKeys = 16

    package var identity: MasterKeyIdentity { identity(of: current) }
    package var custody: SharedCustody { current.shares }
    package var quorum: OperatorQuorum? { current.quorum }

    package func identity(of custody: MasterKeyCustody) -> MasterKeyIdentity {
        MasterKeyIdentity(chamber: chamber, generation: custody.generation)
    }

    /// Every master key that is held, the current one first.
    package var custodies: [MasterKeyCustody] { [current] + (next.map { [$0] } ?? []) }
}

/// How one master key is held.
package struct MasterKeyCustody: Hashable, Sendable {
    package let generation: UInt64
    /// Tells the right master key from another.
    package let verifier: Bytes<32>
    /// Under the KMS keys: the master key, or, where there are operators, the envelope that their shares open.
    package let shares: SharedCustody
    /// Nil where the KMS keys open the chamber alone.
    package let quorum: OperatorQuorum?

    package init(generation: UInt64, verifier: Bytes<32>, shares: SharedCustody, quorum: OperatorQuorum? = nil) {
        self.generation = generation
        self.verifier = verifier
        self.shares = shares
        self.quorum = quorum
    }
}

/// A secret in shares, each wrapped under another KMS key.
package struct SharedCustody: Hashable, Sendable {
    /// The ceremony that made the shares.
    package let ceremony: CeremonyIdentifier
    /// How many of them give the secret back.
    package let threshold: Int
    package let shares: [WrappedShare]

    package init(ceremony: CeremonyIdentifier, threshold: Int, shares: [WrappedShare]) {
        self.ceremony = ceremony
        self.threshold = threshold
        self.shares = shares
    }
}

/// A share under the key of somebody else.
package struct WrappedShare: Hashable, Sendable {
    package let number: UInt8
    package let key: KeyName
    package let wrapped: [UInt8]
    /// Tells this share from another as soon as it is unwrapped: HMAC-SHA256 of it under the ceremony's identifier. Of 32
    /// random bytes it betrays nothing.
    package let digest: Bytes<32>

    package init(number: UInt8, key: KeyName, wrapped: [UInt8], digest: Bytes<32>) {
        self.number = number
        self.key = key
        self.wrapped = wrapped
        self.digest = digest
    }
}

extension KeyShare {
    /// What stands for it in the record.
    package func digest() throws(SealingError) -> Bytes<32> {
        try encoded.withSpan { (bytes) throws(SealingError) -> Bytes<32> in
            do throws(CryptoError) {
                return try HMAC.sha256(key: ceremony.bytes.span, bytes)
            } catch { throw SealingError(error) }
        }
    }
}
