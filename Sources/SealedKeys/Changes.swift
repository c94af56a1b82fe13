// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// What is to be done about a change, by what stands in its place.
enum ChangeDecision: Equatable {
    case write
    /// It was done before, by a call whose answer did not arrive or by this one before a connection was lost.
    case repeated
    case conflict(SealedKeyEntry?)

    var outcome: SealedKeyOutcome {
        if case .conflict(let standing) = self { .conflict(standing) } else { .done }
    }
}

extension SealedKeyEntry {
    func decision(over standing: SealedKeyEntry?) -> ChangeDecision {
        if (standing?.version ?? 0) == version - 1 { return .write }
        return standing == self ? .repeated : .conflict(standing)
    }
}

extension [SealedKeyEntry] {
    /// Refuses what no store keeps, before anything is changed.
    func check() throws(SealedKeyError) {
        for entry in self {
            precondition(entry.version > (entry.row == nil ? 1 : 0), "a key that was never there cannot be deleted")
            precondition(entry.row?.name?.utf8.contains(0) != true, "a name with a NUL character")
            if entry.size > SealedKeyLimits.body { throw .tooLarge(entry.publicKey, limit: SealedKeyLimits.body) }
        }
    }

    /// The entries in parts for a transaction each: no more than `count` and about `bytes`, and no key twice, since the
    /// second change of a key has to find the first one done.
    func parts(count: Int, bytes: Int) -> [ArraySlice<SealedKeyEntry>] {
        var parts: [ArraySlice<SealedKeyEntry>] = []
        var keys: Set<Bytes<48>> = []
        var (start, size) = (startIndex, 0)
        for (place, entry) in enumerated() {
            let isFull = keys.count == count || size + entry.size > bytes || keys.contains(entry.publicKey)
            if isFull && place > start {
                parts.append(self[start..<place])
                (start, size, keys) = (place, 0, [])
            }
            keys.insert(entry.publicKey)
            size += entry.size
        }
        if start < endIndex { parts.append(self[start...]) }
        return parts
    }
}
