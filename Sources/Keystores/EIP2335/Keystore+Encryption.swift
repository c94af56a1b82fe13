// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Crypto
package import Encoding
package import Secrets

extension Keystore {
    /// What no two keystores may share: two under the same password, salt and vector would show what their secrets differ
    /// in. Drawn anew for each; given from outside only to make the vectors of EIP-2335.
    package struct Fresh: Sendable {
        package let salt: [UInt8]
        package let initializationVector: Bytes<16>
        package let uuid: String

        package init(salt: [UInt8], initializationVector: Bytes<16>, uuid: String) {
            self.salt = salt
            self.initializationVector = initializationVector
            self.uuid = uuid
        }

        /// At random.
        package init() {
            self.init(
                salt: Random.bytes(32),
                initializationVector: Bytes(copying: Random.bytes(16).span),
                uuid: Self.randomUUID()
            )
        }

        /// Version 4 of RFC 9562.
        private static func randomUUID() -> String {
            var bytes = Random.bytes(16)
            bytes[6] = bytes[6] & 0x0F | 0x40
            bytes[8] = bytes[8] & 0x3F | 0x80
            let text = Hex.encode(bytes, prefix: false)
            var parts: [Substring] = []
            var rest = text[...]
            for length in [8, 4, 4, 4, 12] {
                parts.append(rest.prefix(length))
                rest = rest.dropFirst(length)
            }
            return parts.joined(separator: "-")
        }
    }

    /// Encrypts a secret. `publicKey` must be the secret's own. To put a key away use `VerifiedKeystore`.
    package init(
        encrypting secret: borrowing SecretBytes,
        publicKey: PublicKey?,
        password: Password,
        derivation: Derivation = .standardScrypt,
        path: String? = nil,
        note: String? = nil,
        fresh: Fresh = Fresh(),
        limits: DerivationLimits = DerivationLimits()
    ) throws(KeystoreError) {
        self.init(
            derivation: derivation,
            derivedLength: 32,
            salt: fresh.salt,
            checksum: Bytes<32>(),
            initializationVector: fresh.initializationVector,
            encryptedSecret: [],
            note: note,
            publicKey: publicKey,
            path: path,
            uuid: fresh.uuid
        )
        let derived = try derive(password, limits)
        let hidden: SecretBytes
        do throws(CryptoError) {
            hidden = try AES128CTR.apply(
                key: derived.span.extracting(0..<16),
                initializationVector: initializationVector.span,
                to: secret.span
            )
        } catch { throw .derivation(error) }
        let bytes = hidden.span
        encryptedSecret = bytes.indices.map { bytes[$0] }
        checksum = try Self.checksum(derived.span, encryptedSecret.span)
    }
}
