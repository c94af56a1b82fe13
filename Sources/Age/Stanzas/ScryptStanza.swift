// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Secrets

/// The file key, wrapped under a passphrase ("scrypt recipient stanza").
struct ScryptStanza {
    static let kind = "scrypt"

    private let salt: [UInt8]
    /// The base-two logarithm of scrypt's cost.
    private let workFactor: Int
    private let body: [UInt8]

    private static let saltLength = 16

    /// Nil for stanzas of another kind.
    init?(_ stanza: AgeStanza) throws(AgeError) {
        guard stanza.kind == Self.kind else { return nil }
        guard stanza.arguments.count == 3, let salt = Base64.decode(stanza.arguments[1]), salt.count == Self.saltLength,
            let workFactor = Self.workFactor(stanza.arguments[2]), stanza.body.count == AgeFileKey.wrappedLength
        else { throw .header(.scrypt) }
        self.salt = salt
        self.workFactor = workFactor
        body = stanza.body
    }

    /// Digits of which the first one is not 0. More than three are no cost that anybody can pay.
    private static func workFactor(_ text: String) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.first != UInt8(ascii: "0"),
            text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
        else { return nil }
        return Int(text)
    }

    static func wrap(
        _ fileKey: borrowing AgeFileKey,
        passphrase: borrowing SecretBytes,
        workFactor: Int
    ) throws(AgeError) -> AgeStanza {
        let salt = Random.bytes(saltLength)
        do throws(CryptoError) {
            let body = try fileKey.wrapped(under: wrapKey(passphrase, salt, workFactor))
            return AgeStanza(arguments: [kind, Base64.text(salt.span), "\(workFactor)"], body: body)
        } catch {
            throw .crypto(error)
        }
    }

    /// The file key, or nil where the passphrase is another.
    func unwrap(_ passphrase: borrowing SecretBytes, workFactorLimit: Int) throws(AgeError) -> AgeFileKey? {
        guard workFactor <= workFactorLimit else { throw .workFactor(workFactor, limit: workFactorLimit) }
        do throws(CryptoError) {
            return try AgeFileKey.unwrapped(body, under: Self.wrapKey(passphrase, salt, workFactor))
        } catch {
            throw .crypto(error)
        }
    }

    private static let label = Array("age-encryption.org/v1/scrypt".utf8)

    private static func wrapKey(
        _ passphrase: borrowing SecretBytes,
        _ salt: [UInt8],
        _ workFactor: Int
    ) throws(CryptoError) -> SecretBytes {
        let parameters = ScryptParameters(n: 1 << workFactor, r: 8, p: 1)
        // The work factor was held against its limit, and everything else follows from it.
        var limits = DerivationLimits()
        limits.memory = parameters.memory
        limits.scryptSteps = parameters.n * parameters.r
        return try KeyDerivation.scrypt(
            password: passphrase.span,
            salt: (label + salt).span,
            parameters,
            count: AEAD.keyLength,
            limits: limits
        )
    }
}
