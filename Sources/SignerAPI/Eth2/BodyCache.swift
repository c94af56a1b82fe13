// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Signer

/// Bodies that were read a moment ago, with what they say. The attestations of a slot differ in the key, which stands in
/// the path: their bodies are the same bytes, and reading one costs more than finding it. A body counts as known only
/// after a comparison of every byte.
final class BodyCache: Sendable {
    private struct Entry: Sendable {
        let body: [UInt8]
        let request: ReadRequest
    }
    private struct State {
        var entries: [Int: Entry] = [:]
        /// In the order in which they came; the oldest goes first.
        var order: [Int] = []
        var next = 0
    }
    /// Longer bodies are blocks, of which no two are the same.
    static let longestBody = 4096
    private let capacity: Int
    private let state = Lock(State())

    init(capacity: Int = 256) {
        precondition(capacity > 0, "a cache without room")
        self.capacity = capacity
    }

    /// What these bytes said before, and the key under which to put them where they are new. The hash is seeded for each
    /// process, so nobody can choose bodies that collide.
    func find(_ body: [UInt8]) -> (known: ReadRequest?, key: Int) {
        let key = Self.hash(body)
        let entry = state.withLock { $0.entries[key] }
        guard let entry, entry.body == body else { return (nil, key) }
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
        let entry = Entry(body: body, request: request)
        state.withLock { state in
            guard state.entries.updateValue(entry, forKey: key) == nil else { return }
            if state.order.count < capacity {
                state.order.append(key)
            } else {
                state.entries[state.order[state.next]] = nil
                state.order[state.next] = key
                state.next = (state.next + 1) % capacity
            }
        }
    }
}
