// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import JSON
internal import Secrets

/// What is said to AWS KMS and what it answers. Where a share is in it, it is put together and taken apart in secret
/// memory.
enum KMSMessage {
    /// Bytes that KMS takes to be wrapped, and those of what it makes of them (API reference, Encrypt).
    static let mostPlaintext = 4096
    static let mostCiphertext = 6144

    static func encrypt(_ share: borrowing SecretBytes, under key: AWSKMSKey, _ context: WrappingContext) -> SecretBytes
    {
        let members = JSONOutput.object(members(key, context)).bytes.dropLast()
        let (front, back) = (members + Array(#","Plaintext":""#.utf8), Array(#""}"#.utf8))
        let length = Base64.encodedLength(of: share.count)
        var request = SecretBytes(count: front.count + length + back.count) { _ in }
        request.withMutableSpan { target in
            for (place, byte) in front.enumerated() { target[place] = byte }
            Base64.encode(share.span, into: &target, at: front.count)
            for (place, byte) in back.enumerated() { target[front.count + length + place] = byte }
        }
        return request
    }

    /// Names the key too: without it KMS would take the one that the ciphertext names, another one of the same role.
    static func decrypt(_ ciphertext: [UInt8], under key: AWSKMSKey, _ context: WrappingContext) -> [UInt8] {
        JSONOutput.object(members(key, context) + [("CiphertextBlob", .string(Base64.encode(ciphertext)))]).bytes
    }

    private static func members(
        _ key: AWSKMSKey,
        _ context: WrappingContext
    ) -> [(name: String, value: JSONOutput)] {
        [
            ("KeyId", .string(key.arn)),
            ("EncryptionContext", .object(context.pairs.map { ($0.name, .string($0.value)) })),
        ]
    }

    /// Nil where the answer has none.
    static func ciphertext(in answer: [UInt8]) -> [UInt8]? {
        guard let text = (try? JSONDocument(answer))?.root.member("CiphertextBlob")?.string,
            let ciphertext = Base64.decode(text.span), (1...mostCiphertext).contains(ciphertext.count)
        else { return nil }
        return ciphertext
    }

    /// Nil where the answer has none.
    static func plaintext(in answer: borrowing SecretBytes) -> SecretBytes? {
        let text = answer.span
        guard let outline = try? JSONOutline(of: text),
            let length = outline.length(ofString: "Plaintext", in: text)
        else { return nil }
        var digits = SecretBytes(count: length) { _ in }
        let said = digits.withMutableSpan { outline.copy(string: "Plaintext", of: text, into: &$0) }
        guard let said, let count = Base64.decodedLength(of: digits.span.extracting(0..<said)), count > 0 else {
            return nil
        }
        var share = SecretBytes(count: count) { _ in }
        let isWhole = share.withMutableSpan { Base64.decode(digits.span.extracting(0..<said), into: &$0) == count }
        guard isWhole else { return nil }
        return share
    }
}
