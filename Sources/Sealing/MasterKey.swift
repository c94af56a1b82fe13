// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Crypto
package import Encoding
package import Secrets

/// Which master key: of which chamber, and the how manieth of it. Rotations of the master key count up from 1.
package struct MasterKeyIdentity: Hashable, Sendable {
    package let chamber: ChamberIdentifier
    package let generation: UInt64

    /// Of a new chamber.
    package static let firstGeneration: UInt64 = 1

    package init(chamber: ChamberIdentifier, generation: UInt64) {
        self.chamber = chamber
        self.generation = generation
    }

    /// A label bound to this key: the label, a zero, the chamber, the generation (8 bytes, the highest first).
    func bound(_ label: String) -> [UInt8] {
        var bound = Array(label.utf8) + [0] + chamber.bytes.array
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bound.append(UInt8(truncatingIfNeeded: generation >> shift))
        }
        return bound
    }
}

/// Which chamber: 16 random bytes, made when it is initialised.
package struct ChamberIdentifier: Hashable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<16>

    package init(_ bytes: Bytes<16>) { self.bytes = bytes }

    /// A new one.
    package static func random() -> ChamberIdentifier { ChamberIdentifier(Bytes<16>(copying: Random.bytes(16).span)) }

    package var description: String { Hex.encode(bytes.span, prefix: false) }
}

/// The master key of a chamber: 32 random bytes, in memory only while it is unsealed. Nothing is encrypted under it
/// directly; each use has a key of its own, derived from it.
///
/// Shared by reference, so that sealing ends it for everybody: `destroy` wipes it at once, whoever still holds it.
package final class MasterKey: Sendable {
    package static let length = 32

    package let identity: MasterKeyIdentity
    private let held: Lock<Held?>

    /// Has one owner, the lock, so that the key goes when the lock lets go of it.
    private final class Held: Sendable {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    /// Takes over a key that was put together again. Whether it is the right one, `verify` tells.
    package init(_ bytes: consuming SecretBytes, _ identity: MasterKeyIdentity) throws(SealingError) {
        guard bytes.count == Self.length else { throw .wrongMasterKey }
        self.identity = identity
        held = Lock(Held(bytes))
    }

    private init(new bytes: consuming SecretBytes, _ identity: MasterKeyIdentity) {
        self.identity = identity
        held = Lock(Held(bytes))
    }

    /// A new one.
    package static func random(_ identity: MasterKeyIdentity) -> MasterKey {
        MasterKey(new: SecretBytes(random: length), identity)
    }

    /// Wipes the key. What is asked of it afterwards is refused with `.sealed`.
    package func destroy() { held.withLock { $0 = nil } }

    /// What tells the right key from another, and says nothing else of it: HMAC-SHA256 under the key.
    package func verifier() throws(SealingError) -> Bytes<32> {
        let message = KeyPurpose.verifier.label(identity)
        return try withKey { key throws(CryptoError) in try HMAC.sha256(key: key, message.span) }
    }

    /// - Throws: `.wrongMasterKey` where this is not the key of the record that holds `verifier`.
    package func verify(_ verifier: Bytes<32>) throws(SealingError) {
        let own = try self.verifier()
        guard ConstantTime.areEqual(own.span, verifier.span) else { throw .wrongMasterKey }
    }

    /// A key of 32 bytes for one purpose and, within it, one place.
    func key(for purpose: KeyPurpose, place: [UInt8] = []) throws(SealingError) -> SecretBytes {
        let info = purpose.label(identity, place: place)
        return try withKey { key throws(CryptoError) in
            try HKDF.sha256(key, salt: identity.chamber.bytes.span, info: info.span, count: AEAD.keyLength)
        }
    }

    /// Runs `body` with a copy for it alone, which is wiped when it ends: it may wait for the custodians of shares.
    package func copy() throws(SealingError) -> SecretBytes {
        try withKey { key throws(CryptoError) in
            SecretBytes(count: key.count) { target in
                for place in 0..<key.count {
                    target.storeBytes(of: key[place], toByteOffset: place, as: UInt8.self)
                }
            }
        }
    }

    private func withKey<Result: ~Copyable>(
        _ body: (Span<UInt8>) throws(CryptoError) -> Result
    ) throws(SealingError) -> Result {
        try held.withLock { (held) throws(SealingError) -> Result in
            guard let held else { throw .sealed }
            do throws(CryptoError) { return try held.bytes.withSpan(body) } catch { throw SealingError(error) }
        }
    }
}

/// What a derived key is for. The labels stand in docs/formats.md; changing one makes everything under it unreadable.
package enum KeyPurpose: String, CaseIterable, Sendable {
    case verifier = "containment-chamber/master-key-verifier/v1"
    case record = "containment-chamber/master-key-record/v1"
    case validatorKey = "containment-chamber/validator-key/v1"
    case keyRow = "containment-chamber/validator-key-row/v1"
    case registration = "containment-chamber/registration-order/v1"
    case unsealOrder = "containment-chamber/unseal-order/v1"
    case accessRow = "containment-chamber/access-row/v1"
    case accessCatalogue = "containment-chamber/access-catalogue/v1"
    case withdrawnKeys = "containment-chamber/withdrawn-keys/v1"

    /// The label, a zero, the chamber, the generation of the master key (8 bytes, the highest first), the place.
    func label(_ identity: MasterKeyIdentity, place: [UInt8] = []) -> [UInt8] { identity.bound(rawValue) + place }
}
