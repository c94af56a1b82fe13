// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Secrets

/// The body of one answer while it comes in: in an array or, where it holds a secret, in secret memory and nowhere else.
///
/// What comes before us is beyond us: s2n deciphers a record in a buffer of its own, and the HTTP library passes pieces of
/// that on. Both are ordinary memory, used again for what comes next and given back with the connection.
package final class AnswerBody: Sendable {
    private struct Contents: ~Copyable {
        var bytes: [UInt8] = []
        /// As long as `limit`; nil for what is no secret.
        var secret: SecretBytes?
        var count = 0
        var isTooLarge = false
    }

    private let contents: Lock<Contents>
    let limit: Int

    /// The largest answer of DynamoDB is 16 MiB of items, in JSON.
    private static let largest = 64 << 20
    /// A plaintext of KMS has at most 4 KiB, an envelope 6, and a third more in base64.
    private static let largestSecret = 64 << 10

    init(isSecret: Bool) {
        let limit = isSecret ? Self.largestSecret : Self.largest
        self.limit = limit
        contents = Lock(Contents(secret: isSecret ? SecretBytes(count: limit) { _ in } : nil))
    }

    var isTooLarge: Bool { contents.withLock { $0.isTooLarge } }

    /// Takes the next piece; false for an answer that has no end.
    func append(_ piece: UnsafeRawBufferPointer) -> Bool {
        contents.withLock { contents in
            contents.isTooLarge = piece.count > limit - contents.count
            guard !contents.isTooLarge else { return false }
            let start = contents.count
            contents.count += piece.count
            if contents.secret == nil {
                unsafe contents.bytes.append(contentsOf: piece)
            } else {
                contents.secret?.withMutableBytes { target in
                    unsafe target.withUnsafeMutableBytes { target in
                        unsafe UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: piece)
                    }
                }
            }
            return true
        }
    }

    /// In an array: what holds no secret, and what a service says instead of one.
    func plain() -> [UInt8] {
        contents.withLock { contents in
            let count = contents.count
            let said = contents.secret?.withSpan { all in
                let said = all.extracting(0..<count)
                return said.indices.map { said[$0] }
            }
            return said ?? contents.bytes
        }
    }

    /// In secret memory of its own length.
    func secretBytes() -> SecretBytes {
        contents.withLock { contents in
            let count = contents.count
            let copy = contents.secret?.withSpan { SecretBytes(copying: unsafe $0.extracting(0..<count).bytes) }
            guard let copy else { preconditionFailure("an answer that was not received as a secret is none") }
            return copy
        }
    }
}
