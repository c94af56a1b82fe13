// SPDX-License-Identifier: Apache-2.0
internal import CBlst
package import Secrets

/// One node of a tree of keys (EIP-2333): a secret scalar out of which those of its children are derived. Whoever holds it
/// holds every key below it, so it lives as short as a derivation takes.
package struct DerivationSecret: ~Copyable, Sendable {
    /// In blst's form, little-endian: blst reads the parent and writes the child where they stand, and wipes what it had
    /// on its stack.
    private let scalar: SecretBytes

    /// Why there is no tree.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case seedTooShort(bytes: Int)

        package var description: String {
            switch self {
            case .seedTooShort(let bytes):
                "the seed has \(bytes) bytes; EIP-2333 asks for at least \(DerivationSecret.seedMinimum)"
            }
        }
    }

    /// Bytes of the shortest seed (EIP-2333, `derive_master_SK`). Of a shorter one blst makes zero.
    static let seedMinimum = 32

    private init(scalar: consuming SecretBytes) { self.scalar = scalar }

    /// The root of the tree of a seed (`blst_derive_master_eip2333`).
    package static func master(seed: Span<UInt8>) throws(Failure) -> DerivationSecret {
        guard seed.count >= seedMinimum else { throw .seedTooShort(bytes: seed.count) }
        return DerivationSecret(
            scalar: SecretBytes(count: 32) { target in
                unsafe target.withUnsafeMutableBytes { target in
                    unsafe seed.withUnsafeBufferPointer { seed in
                        unsafe blst_derive_master_eip2333(
                            target.bindMemory(to: blst_scalar.self).baseAddress,
                            seed.baseAddress,
                            seed.count
                        )
                    }
                }
            }
        )
    }

    /// The child with this number (`blst_derive_child_eip2333`).
    package func child(_ index: UInt32) -> DerivationSecret {
        DerivationSecret(
            scalar: SecretBytes(count: 32) { target in
                scalar.withBytes { parent in
                    unsafe target.withUnsafeMutableBytes { target in
                        unsafe parent.withUnsafeBytes { parent in
                            unsafe blst_derive_child_eip2333(
                                target.bindMemory(to: blst_scalar.self).baseAddress,
                                parent.bindMemory(to: blst_scalar.self).baseAddress,
                                index
                            )
                        }
                    }
                }
            }
        )
    }

    /// What lies at a path, where this is the master.
    package func descendant(at path: DerivationPath) -> DerivationSecret {
        var node = child(path.indices[0])
        for index in path.indices.dropFirst() { node = node.child(index) }
        return node
    }

    /// The scalar as EIP-2335 encrypts it: big-endian.
    package func bigEndianBytes() -> SecretBytes {
        var bytes = SecretBytes(count: 32) { _ in }
        var target = bytes.mutableSpan
        let source = scalar.span
        for position in source.indices { target[31 - position] = source[position] }
        return bytes
    }

    /// The scalar as a key that signs, in the arena.
    package func secretKey(arena: SecretArena) -> SecretKey {
        do throws(SecretKey.Failure) {
            return try bigEndianBytes().withBytes { bytes throws(SecretKey.Failure) in
                try SecretKey(bigEndian: bytes, arena: arena)
            }
        } catch {
            preconditionFailure("every derived secret is a scalar above zero (EIP-2333, HKDF_mod_r)")
        }
    }
}
