// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
package import Secrets

/// The content of a file behind its header: a nonce, then chunks of 64 KiB, each encrypted with its number and whether it
/// is the last one ("Payload" in the specification, a form of STREAM). So none can be changed, moved, left out or added,
/// and what was cut off shows.
package enum AgePayload {
    package static let nonceLength = 16
    package static let chunkLength = 64 << 10
    private static let sealedLength = chunkLength + AEAD.tagLength

    /// - Parameter nonce: random, and another for every file.
    package static func seal(
        _ text: Span<UInt8>,
        fileKey: borrowing AgeFileKey,
        nonce: [UInt8] = Random.bytes(nonceLength)
    ) throws(AgeError) -> [UInt8] {
        let key = try fileKey.payloadKey(nonce: nonce.span)
        let chunks = max(1, (text.count + chunkLength - 1) / chunkLength)
        var payload = nonce
        payload.reserveCapacity(nonceLength + text.count + chunks * AEAD.tagLength)
        do throws(CryptoError) {
            for number in 0..<chunks {
                let chunk = text.extracting(number * chunkLength..<min((number + 1) * chunkLength, text.count))
                let nonce = nonceOfChunk(number, isLast: number == chunks - 1)
                payload += try AEAD.chaCha20Poly1305.seal(
                    chunk,
                    key: key.span,
                    nonce: nonce.span,
                    associatedData: Span()
                )
            }
        } catch { throw .crypto(error) }
        return payload
    }

    /// All of the content, or nothing of it: a part would be authentic, but not what was written.
    package static func open(_ payload: Span<UInt8>, fileKey: borrowing AgeFileKey) throws(AgeError) -> SecretBytes {
        guard payload.count >= nonceLength else { throw .header(.incomplete) }
        let key = try fileKey.payloadKey(nonce: payload.extracting(0..<nonceLength))
        let sealed = payload.extracting(nonceLength...)
        let chunks = max(1, (sealed.count + sealedLength - 1) / sealedLength)
        let last = sealed.count - (chunks - 1) * sealedLength
        guard last >= AEAD.tagLength else { throw .payload(.altered(chunk: chunks)) }
        guard last > AEAD.tagLength || chunks == 1 else { throw .payload(.emptyLastChunk) }
        var text = SecretBytes(count: sealed.count - chunks * AEAD.tagLength) { _ in }
        for number in 0..<chunks {
            let chunk = sealed.extracting(number * sealedLength..<min((number + 1) * sealedLength, sealed.count))
            let part = try open(chunk, number, isLast: number == chunks - 1, key)
            copy(part, into: &text, at: number * chunkLength)
        }
        return text
    }

    private static func open(
        _ chunk: Span<UInt8>,
        _ number: Int,
        isLast: Bool,
        _ key: borrowing SecretBytes
    ) throws(AgeError) -> SecretBytes {
        let nonce = nonceOfChunk(number, isLast: isLast)
        do throws(CryptoError) {
            return try AEAD.chaCha20Poly1305.open(
                chunk,
                key: key.span,
                nonce: nonce.span,
                associatedData: Span()
            )
        } catch {
            guard error == .notAuthentic else { throw .crypto(error) }
            throw .payload(.altered(chunk: number + 1))
        }
    }

    /// Eleven bytes of its number from 0, most significant first, and one that is 1 in the last chunk.
    private static func nonceOfChunk(_ number: Int, isLast: Bool) -> Bytes<12> {
        var nonce = Bytes<12>()
        for place in 0..<8 { nonce[10 - place] = UInt8(truncatingIfNeeded: number >> (8 * place)) }
        nonce[11] = isLast ? 1 : 0
        return nonce
    }

    private static func copy(_ part: borrowing SecretBytes, into text: inout SecretBytes, at start: Int) {
        part.withSpan { source in
            text.withMutableSpan { target in
                for position in source.indices { target[start + position] = source[position] }
            }
        }
    }
}
