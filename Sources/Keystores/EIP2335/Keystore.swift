// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Crypto
package import Encoding

/// An encrypted secret as EIP-2335, version 4, writes it. Holds only what the file holds: no secret.
package struct Keystore: Sendable, Equatable {
    /// How the password becomes a key.
    package enum Derivation: Sendable, Hashable {
        case scrypt(ScryptParameters)
        /// Over HMAC-SHA256, the only function EIP-2335 has.
        case pbkdf2(iterations: Int)

        /// What the deposit tools write: 256 MiB, about a second.
        package static let standardScrypt = Derivation.scrypt(ScryptParameters(n: 262144, r: 8, p: 1))
        package static let standardPBKDF2 = Derivation.pbkdf2(iterations: 262144)

        /// Bytes of memory while it runs.
        package var memory: Int {
            switch self {
            case .scrypt(let parameters): parameters.memory
            case .pbkdf2: 0
            }
        }
    }

    package var derivation: Derivation
    /// Bytes that are derived; the first 16 decrypt, the next 16 go into the checksum.
    package var derivedLength: Int
    package var salt: [UInt8]
    /// SHA-256 over bytes 16 to 31 of the derived key and the encrypted secret.
    package var checksum: Bytes<32>
    package var initializationVector: Bytes<16>
    package var encryptedSecret: [UInt8]
    /// The owner's note.
    package var note: String?
    /// The key that the secret must turn out to have, where the file states one.
    package var publicKey: PublicKey?
    /// EIP-2334 path by which the secret was derived from a seed; empty or absent where it was not.
    package var path: String?
    package var uuid: String?
}
