// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// What is to be done about a change, by what stands in its place.
enum ChangeDecision: Equatable {
    case write
    /// It was done before, by a call whose answer did not arrive or by this one before a connection was lost.
    case repeated
    case conflict(SealedKeyEntry?)
    /// It would be written, and lies under a master key that is on its way out.
    case outdated

    var outcome: SealedKeyOutcome {
        switch self {
        case .write, .repeated: .done
        case .conflict(let standing): .conflict(standing)
        case .outdated: .outdated
        }
    }
}

extension SealedKeyChange {
    /// - Parameter fence: the lowest generation of the master key that is still written.
    func decision(over standing: SealedKeyEntry?, fence: UInt64) -> ChangeDecision {
        if (standing?.version ?? 0) == expected { return entry.keyGeneration < fence ? .outdated : .write }
        return standing == entry ? .repeated : .conflict(standing)
    }
}

extension [SealedKeyChange] {
    /// Refuses what no store keeps, before anything is changed.
    func check() throws(SealedKeyError) {
        for entry in map(\.entry) {
            precondition(entry.row?.name?.utf8.contains(0) != true, "a name with a NUL character")
            if entry.size > SealedKeyLimits.body { throw .tooLarge(entry.publicKey, limit: SealedKeyLimits.body) }
        }
    }

    /// The changes in parts for a transaction each: no more than `count` and about `bytes`, and no key twice, since the
    /// second change of a key has to find the first one done.
    func parts(count: Int, bytes: Int) -> [ArraySlice<SealedKeyChange>] {
        var parts: [ArraySlice<SealedKeyChange>] = []
        var keys: Set<Bytes<48>> = []
        var (start, size) = (startIndex, 0)
        for (place, entry) in map(\.entry).enumerated() {
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
