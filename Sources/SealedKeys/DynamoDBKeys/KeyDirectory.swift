// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// All standing keys in their order, with their status, as of a cursor.
struct KeyDirectory: Sendable {
    private var statuses: [Bytes<48>: SealedKeyStatus]
    private var order: [Bytes<48>]
    private(set) var cursor: SealedKeyCursor

    init(_ keys: [(Bytes<48>, SealedKeyStatus)], _ cursor: SealedKeyCursor) {
        statuses = Dictionary(keys) { $1 }
        order = statuses.keys.sorted()
        self.cursor = cursor
    }

    mutating func take(_ entries: [SealedKeyEntry], _ cursor: SealedKeyCursor) {
        var isSorted = true
        for entry in entries {
            let before = statuses.updateValue(entry.row?.status, orRemoving: entry.publicKey)
            if (before == nil) != (entry.row == nil) { isSorted = false }
        }
        if !isSorted { order = statuses.keys.sorted() }
        self.cursor = cursor
    }

    /// The keys behind one, of one status or of all.
    func keys(after publicKey: Bytes<48>?, _ status: SealedKeyStatus?) -> [Bytes<48>] {
        let rest = publicKey.map { order[place(behind: $0)...] } ?? order[...]
        return status.map { status in rest.filter { statuses[$0] == status } } ?? Array(rest)
    }

    /// Of the first key that is larger.
    private func place(behind publicKey: Bytes<48>) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if publicKey < order[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension Dictionary {
    /// Sets a value, or removes the key where it is nil; what was there before.
    fileprivate mutating func updateValue(_ value: Value?, orRemoving key: Key) -> Value? {
        if let value { updateValue(value, forKey: key) } else { removeValue(forKey: key) }
    }
}
