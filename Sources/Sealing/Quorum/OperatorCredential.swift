// SPDX-License-Identifier: Apache-2.0
package import Crypto
package import Encoding
package import Secrets

/// What the chamber knows of one way in which an operator proves who they are and opens their share. Nothing in it is secret,
/// but its public keys are never given out: with them and the salt a passphrase could be guessed offline.
package struct OperatorCredential: Hashable, Sendable {
    /// 16 lower-case hexadecimal digits, random, made by the operator's program.
    package let identifier: String
    /// What the operator calls it.
    package let label: String
    package let method: Method
    /// X25519: the operator's share is sealed to it.
    package let exchangeKey: Bytes<32>
    /// Ed25519: what the operator does is signed under it.
    package let signingKey: Bytes<32>
    /// Random, made by the operator's program, and kept with the public keys: with it the fingerprint can be shown, and tells
    /// nobody whether a guess was right. Nil in credentials of before there were fingerprints.
    package let blind: Bytes<16>?

    /// Where the secret half comes from, each time anew.
    package enum Method: Hashable, Sendable {
        case passphrase(Argon2id, salt: Bytes<16>)
        /// The answer of the key's HMAC-SHA1 slot to the challenge, which is also the salt of the derivation.
        case yubiKey(slot: Int, challenge: Bytes<32>)
    }

    /// The most characters of a label.
    package static let longestLabel = 64

    /// Checks all of it: what comes from somewhere else goes through here.
    package init(
        identifier: String,
        label: String,
        method: Method,
        exchangeKey: Bytes<32>,
        signingKey: Bytes<32>,
        blind: Bytes<16>?
    ) throws(OperatorCredentialError) {
        guard Self.isIdentifier(identifier) else { throw .identifier }
        guard Self.isLabel(label) else { throw .label }
        try method.check()
        try Self.check(exchangeKey: exchangeKey)
        guard EdwardsPoint.isPublicKey(signingKey.span) else { throw .weakKey("signing_key") }
        self.identifier = identifier
        self.label = label
        self.method = method
        self.exchangeKey = exchangeKey
        self.signingKey = signingKey
        self.blind = blind
    }

    /// A new one, for a credential that is being made.
    package static func newIdentifier() -> String { Hex.encode(Random.bytes(8), prefix: false) }

    /// A new one, for a credential that is being made.
    package static func newBlind() -> Bytes<16> { Bytes(copying: Random.bytes(16).span) }

    /// What people compare, 32 hexadecimal digits in groups of eight: nobody makes another credential with the same. The
    /// operator's program shows it when the credential is made, the chamber wherever somebody has to agree to it.
    package var fingerprint: String? {
        guard blind != nil, let digest = try? Digest.sha256(QuorumMessage.fingerprint(of: self).span) else {
            return nil
        }
        let digits = Hex.encode(digest.span.extracting(..<16), prefix: false)
        return stride(from: 0, to: 32, by: 8).map { digits.dropFirst($0).prefix(8) }.joined(separator: " ")
    }

    package static func isIdentifier(_ text: String) -> Bool {
        text.utf8.count == 16
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    /// Whether a text can be shown as it is: 1 to 64 printable characters, no blank at its ends. Marks that turn the order of
    /// what is shown are none.
    package static func isLabel(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        return (1...longestLabel).contains(scalars.count) && scalars.first != " " && scalars.last != " "
            && scalars.allSatisfy(isPrintable)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }

    /// A public key of small order agrees with everybody on the same: a share that is sealed to it is sealed to all.
    private static func check(exchangeKey: Bytes<32>) throws(OperatorCredentialError) {
        let ours = SecretBytes(random: X25519.keyLength)
        do throws(CryptoError) { _ = try X25519.agree(ours.span, with: exchangeKey) } catch {
            throw error == .weakPublicKey ? .weakKey("exchange_key") : .failed(error)
        }
    }
}

extension OperatorCredential.Method {
    /// Whether it costs a guess enough, on both sides: a chamber that asked for less could guess the passphrase of whoever
    /// answers it.
    func check() throws(OperatorCredentialError) {
        switch self {
        case .passphrase(let parameters, _):
            guard parameters.isAcceptable else { throw .costs(parameters) }
        case .yubiKey(let slot, _):
            guard slot == 1 || slot == 2 else { throw .field("slot") }
        }
    }
}

/// Why something is no credential, or its secret half cannot be made.
package enum OperatorCredentialError: Error, Hashable, Sendable, CustomStringConvertible {
    case identifier
    case label
    /// Neither a passphrase nor a YubiKey.
    case kind
    /// It is missing, does not belong to this kind, or is not in its one form.
    case field(String)
    case costs(Argon2id)
    case weakKey(String)
    case emptyPassphrase
    /// The system did not give what the derivation needs.
    case notEnoughMemory(Argon2id)
    /// A YubiKey answers with 20 bytes.
    case response(bytes: Int)
    case failed(CryptoError)

    package var description: String {
        switch self {
        case .identifier: "the identifier of a credential is 16 lower-case hexadecimal digits"
        case .label:
            "the label of a credential has 1 to \(OperatorCredential.longestLabel) printable characters, and no blank at its ends"
        case .kind: "the kind of a credential is \"passphrase\" or \"yubikey\""
        case .field(let name): "\(name) is missing, malformed, or does not belong to a credential of this kind"
        case .costs(let parameters):
            "Argon2id with \(parameters.passes) passes over \(parameters.memory) KiB is refused: it takes \(Argon2id.least.passes) to \(Argon2id.most.passes) passes over \(Argon2id.least.memory) to \(Argon2id.most.memory) KiB"
        case .weakKey(let name): "\(name) is no public key of a secret: everybody could act for it, or nobody"
        case .emptyPassphrase: "the passphrase is empty"
        case .notEnoughMemory(let parameters):
            "the \(parameters.memory >> 10) MiB of memory that the passphrase's derivation needs are not free; free them and try again"
        case .response(let bytes): "the YubiKey's answer has \(bytes) bytes where 20 are needed"
        case .failed(let error): "\(error)"
        }
    }
}
