// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
package import Secrets

/// The secret half of a credential, on the operator's machine only: derived anew each time, wiped when it goes. Of one seed
/// each of the two keys has a derivation of its own, so that neither tells anything about the other.
package struct CredentialKeys: ~Copyable, Sendable {
    private static let yubiKeyPurpose = Array("containment-chamber/yubikey-credential/v1".utf8)
    private static let exchangePurpose = Array("containment-chamber/credential-exchange/v1".utf8)
    private static let signingPurpose = Array("containment-chamber/credential-signing/v1".utf8)
    /// Bytes of HMAC-SHA1, which is what a YubiKey's slot computes.
    package static let responseLength = 20

    private let exchange: SecretBytes
    private let signing: SecretBytes

    /// Out of a passphrase; takes some tenths of a second, or the seconds that the parameters ask for.
    ///
    /// - Throws: `.costs` where the parameters would make a guess cheap: they may come from a chamber that wants to guess.
    package init(
        passphrase: borrowing SecretBytes,
        _ parameters: Argon2id,
        salt: Bytes<16>
    ) throws(OperatorCredentialError) {
        guard passphrase.count > 0 else { throw .emptyPassphrase }
        guard parameters.isAcceptable else { throw .costs(parameters) }
        let seed = parameters.derive(passphrase: passphrase.span, salt: salt.span, count: 32)
        guard let seed else { throw .notEnoughMemory(parameters) }
        try self.init(seed: seed)
    }

    /// Out of what a YubiKey answered to the credential's challenge.
    package init(response: borrowing SecretBytes, challenge: Bytes<32>) throws(OperatorCredentialError) {
        guard response.count == Self.responseLength else { throw .response(bytes: response.count) }
        let seed = try Self.derive(response.span, salt: challenge.span, Self.yubiKeyPurpose)
        try self.init(seed: seed)
    }

    private init(seed: consuming SecretBytes) throws(OperatorCredentialError) {
        let salt: [UInt8] = []
        let exchange = try Self.derive(seed.span, salt: salt.span, Self.exchangePurpose)
        let signing = try Self.derive(seed.span, salt: salt.span, Self.signingPurpose)
        self.exchange = exchange
        self.signing = signing
    }

    /// What the chamber gets to know.
    ///
    /// - Parameter blind: of a credential that stands, what it has; of a new one `newBlind()`.
    package borrowing func credential(
        identifier: String,
        label: String,
        method: OperatorCredential.Method,
        blind: Bytes<16>?
    ) throws(OperatorCredentialError) -> OperatorCredential {
        let exchangeKey: Bytes<32>
        let signingKey: Bytes<32>
        do throws(CryptoError) {
            exchangeKey = try X25519.publicKey(of: exchange.span)
            signingKey = try Ed25519.publicKey(of: signing.span)
        } catch { throw .failed(error) }
        return try OperatorCredential(
            identifier: identifier,
            label: label,
            method: method,
            exchangeKey: exchangeKey,
            signingKey: signingKey,
            blind: blind
        )
    }

    /// Ed25519 over one of `QuorumMessage`.
    package borrowing func sign(_ message: [UInt8]) throws(OperatorCredentialError) -> Bytes<64> {
        do throws(CryptoError) { return try Ed25519.sign(message.span, seed: signing.span) } catch {
            throw .failed(error)
        }
    }

    /// What was sealed to the credential.
    package borrowing func open(_ box: [UInt8], context: [UInt8]) throws(ShareBoxError) -> SecretBytes {
        try ShareBox.open(box, with: exchange.span, context: context)
    }

    private static func derive(
        _ secret: Span<UInt8>,
        salt: Span<UInt8>,
        _ purpose: [UInt8]
    ) throws(OperatorCredentialError) -> SecretBytes {
        do throws(CryptoError) { return try HKDF.sha256(secret, salt: salt, info: purpose.span, count: 32) } catch {
            throw .failed(error)
        }
    }
}
