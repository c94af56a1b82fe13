// SPDX-License-Identifier: Apache-2.0
internal import AWS
package import Secrets

/// A symmetric key of AWS KMS. The share travels to it and back over TLS; the key itself never leaves it.
package struct AWSKMS: KeyWrapper {
    package let name: KeyName
    private let key: AWSKMSKey
    private let client: AWSClient
    /// For one call, all attempts together.
    private let limit: Duration

    init(_ key: AWSKMSKey, name: KeyName, client: AWSClient, within limit: Duration) {
        self.key = key
        self.name = name
        self.client = client
        self.limit = limit
    }

    /// Twice is the same as once: a second ciphertext is as good as the first.
    package func wrap(
        _ share: borrowing SecretBytes,
        context: WrappingContext
    ) async throws(WrappingError) -> [UInt8] {
        precondition((1...KMSMessage.mostPlaintext).contains(share.count), "KMS does not wrap \(share.count) bytes")
        let answer: [UInt8]
        do {
            answer = try await client.call(
                target: "TrentService.Encrypt",
                secretBody: KMSMessage.encrypt(share, under: key, context),
                within: limit,
                isIdempotent: true,
                quotable: Set(WrappingError.causes.keys)
            )
        } catch { throw WrappingError(error, "Encrypt", key: name) }
        guard let ciphertext = KMSMessage.ciphertext(in: answer) else { throw malformed("Encrypt") }
        return ciphertext
    }

    package func unwrap(
        _ ciphertext: [UInt8],
        context: WrappingContext,
        recipient: AttestedRecipient?
    ) async throws(WrappingError) -> SecretBytes {
        guard recipient == nil else {
            throw WrappingError(
                .recipient,
                key: name.text,
                "KMS Decrypt was not asked",
                "an answer for an attested recipient was wanted, which this version cannot read"
            )
        }
        // KMS would refuse these as requests that are malformed, not as ciphertexts.
        guard (1...KMSMessage.mostCiphertext).contains(ciphertext.count) else {
            throw WrappingError(
                .notAuthentic,
                key: name.text,
                "KMS Decrypt was not asked",
                "a wrapped share of \(ciphertext.count) bytes is none of KMS"
            )
        }
        let answer: SecretBytes
        do {
            answer = try await client.callForSecret(
                target: "TrentService.Decrypt",
                body: KMSMessage.decrypt(ciphertext, under: key, context),
                within: limit,
                isIdempotent: true
            )
        } catch { throw WrappingError(error, "Decrypt", key: name) }
        guard let share = KMSMessage.plaintext(in: answer) else { throw malformed("Decrypt") }
        return share
    }

    private func malformed(_ operation: String) -> WrappingError {
        WrappingError(
            .malformed,
            key: name.text,
            "KMS \(operation) failed: malformed answer",
            "\(client.place) answered in another form than KMS; is it the right endpoint?"
        )
    }
}
