// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Signer

/// Bodies that were read a moment ago, with what they say. The attestations of a slot differ in the key, which stands in
/// the path: their bodies are the same bytes, and reading one costs more than finding it. A body counts as known only
/// after a comparison of every byte.
final class BodyCache: Sendable {
    private final class Entry: Sendable {
        let body: [UInt8]
        let request: ReadRequest
        init(body: [UInt8], request: ReadRequest) {
            self.body = body
            self.request = request
        }
    }
    /// Longer bodies are blocks, of which no two are the same.
    static let longestBody = 4096
    private let entries: RecentValues<Int, Entry>

    init(capacity: Int = 256) { entries = RecentValues(capacity: capacity) }

    /// What these bytes said before, and the key under which to put them where they are new. The hash is seeded for each
    /// process, so nobody can choose bodies that collide.
    func find(_ body: [UInt8]) -> (known: ReadRequest?, key: Int) {
        let key = Self.hash(body)
        guard let entry = entries[key], entry.body == body else { return (nil, key) }
        return (entry.request, key)
    }

    /// Takes eight bytes at a time: an array of bytes hashes itself one by one, at six times the cost.
    private static func hash(_ body: [UInt8]) -> Int {
        var hasher = Hasher()
        hasher.combine(body.count)
        var position = 0
        while position + 8 <= body.count {
            var word: UInt64 = 0
            for offset in 0..<8 { word = word << 8 | UInt64(body[position + offset]) }
            hasher.combine(word)
            position += 8
        }
        while position < body.count {
            hasher.combine(body[position])
            position += 1
        }
        return hasher.finalize()
    }

    func put(_ request: ReadRequest, for body: [UInt8], key: Int) {
        entries.put(Entry(body: body, request: request), for: key)
    }
}
