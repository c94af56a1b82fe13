// SPDX-License-Identifier: Apache-2.0
internal import Secrets

/// The body of one answer while it comes in: in an array or, where it holds a secret, in secret memory and nowhere else.
///
/// What comes before us is beyond us: s2n deciphers a record in a buffer of its own, and the HTTP library passes pieces of
/// that on. Both are ordinary memory, used again for what comes next and given back with the connection.
@safe package final class AnswerBody: @unchecked Sendable {
    // Sound: the callbacks of one stream write it, one after the other on the loop's thread. Whoever waits for the answer
    // gets it after the last of them; where nobody waits any more, nobody gets it.
    private var bytes: [UInt8] = []
    /// As long as `limit`; nil for what is no secret.
    private var secret: SecretBytes?
    private var count = 0
    let limit: Int
    private(set) var isTooLarge = false

    /// The largest answer of DynamoDB is 16 MiB of items, in JSON.
    private static let largest = 64 << 20
    /// A plaintext of KMS has at most 4 KiB, an envelope 6, and a third more in base64.
    private static let largestSecret = 64 << 10

    init(isSecret: Bool) {
        limit = isSecret ? Self.largestSecret : Self.largest
        if isSecret { secret = SecretBytes(count: limit) { _ in } }
    }

    /// Takes the next piece; false for an answer that has no end.
    func append(_ piece: UnsafeRawBufferPointer) -> Bool {
        isTooLarge = piece.count > limit - count
        guard !isTooLarge else { return false }
        let start = count
        count += piece.count
        if secret == nil {
            unsafe bytes.append(contentsOf: piece)
        } else {
            secret?.withMutableBytes { target in
                unsafe target.withUnsafeMutableBytes { target in
                    unsafe UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: piece)
                }
            }
        }
        return true
    }

    /// In an array: what holds no secret, and what a service says instead of one.
    func plain() -> [UInt8] {
        let said = secret?.withSpan { all in
            let said = all.extracting(0..<count)
            return said.indices.map { said[$0] }
        }
        return said ?? bytes
    }

    /// In secret memory of its own length.
    func secretBytes() -> SecretBytes {
        guard let copy = secret?.withSpan({ SecretBytes(copying: unsafe $0.extracting(0..<count).bytes) }) else {
            preconditionFailure("an answer that was not received as a secret is none")
        }
        return copy
    }
}
