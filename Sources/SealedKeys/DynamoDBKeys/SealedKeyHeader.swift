// SPDX-License-Identifier: Apache-2.0
internal import DynamoDB
internal import Encoding

/// How many keys have a status, and a sum over them and their versions. An index that shows as many with the same sum shows
/// all of them as they are.
struct StatusTally: Equatable {
    private(set) var count: UInt64 = 0
    private(set) var sum: UInt64 = 0

    init(count: UInt64 = 0, sum: UInt64 = 0) {
        self.count = count
        self.sum = sum
    }

    mutating func add(_ row: SealedKeyRow) {
        count &+= 1
        sum &+= Self.hash(row.publicKey, row.version)
    }

    mutating func remove(_ row: SealedKeyRow) {
        count &-= 1
        sum &-= Self.hash(row.publicKey, row.version)
    }

    /// FNV-1a over the key and the version, then the last step of SplitMix64, without which one key that is a version behind
    /// would often outweigh another. Not against forgers, whom the seals are for, but against an index that lags.
    static func hash(_ publicKey: Bytes<48>, _ version: UInt64) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in publicKey.array + version.bigEndianBytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        return hash ^ (hash >> 31)
    }
}

/// The one item that every transaction writes, on the condition that nobody else did meanwhile: so they come one after the
/// other.
struct SealedKeyHeader: Equatable {
    let store: Bytes<16>
    var revision: UInt64
    /// How many transactions the ring remembers.
    let slots: UInt64
    /// The lowest generation of the master key that is still written; 0, and no attribute, before its first rotation.
    var fence: UInt64 = 0
    private var active: StatusTally
    private var inactive: StatusTally

    static let key: Item = ["public_key": .string("header")]
    private static let version: UInt64 = 1

    /// Of a new store.
    init(slots: UInt64) {
        var random = SystemRandomNumberGenerator()
        let name = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        store = Bytes<16>(name) ?? Bytes()
        revision = 0
        self.slots = slots
        active = StatusTally()
        inactive = StatusTally()
    }

    /// Nil where the item is of another version.
    init?(_ item: Item) {
        guard item["format_version"]?.number == Self.version,
            let store = item["store_id"]?.bytes.flatMap({ Bytes<16>($0) }), let revision = item["revision"]?.number,
            let slots = item["change_slots"]?.number, slots > 0, let active = StatusTally(item, .active),
            let inactive = StatusTally(item, .inactive)
        else { return nil }
        self.store = store
        self.revision = revision
        self.slots = slots
        // Taking one that cannot be read for none would let everything in.
        guard item["least_generation"] == nil || item["least_generation"]?.number != nil else { return nil }
        fence = item["least_generation"]?.number ?? 0
        self.active = active
        self.inactive = inactive
    }

    var item: Item {
        var item = Self.key
        item["format_version"] = .number(Self.version)
        item["store_id"] = .bytes(store.array)
        item["revision"] = .number(revision)
        item["change_slots"] = .number(slots)
        if fence > 0 { item["least_generation"] = .number(fence) }
        for status in SealedKeyStatus.allCases {
            item["\(status.rawValue)_count"] = .number(self[status].count)
            item["\(status.rawValue)_sum"] = .bytes(self[status].sum.bigEndianBytes)
        }
        return item
    }

    var cursor: SealedKeyCursor { SealedKeyCursor(store: store, revision: revision) }

    /// That nothing was changed since it was read.
    var isCurrent: Expression {
        let values: [String: AttributeValue] = [":s": .bytes(store.array), ":r": .number(revision)]
        let same = "store_id = :s AND revision = :r AND "
        // Raising the fence is no revision: readers have nothing to learn of it.
        guard fence > 0 else { return Expression(same + "attribute_not_exists(least_generation)", values: values) }
        return Expression(same + "least_generation = :g", values: values.merging([":g": .number(fence)]) { $1 })
    }

    subscript(status: SealedKeyStatus) -> StatusTally {
        get { status == .active ? active : inactive }
        set { if status == .active { active = newValue } else { inactive = newValue } }
    }

    mutating func replace(_ old: SealedKeyEntry?, with new: SealedKeyEntry) {
        if let row = old?.row { self[row.status].remove(row) }
        if let row = new.row { self[row.status].add(row) }
    }

    /// Whether rows are all of those with some statuses, as they stood at this header's moment.
    func isWhole(_ rows: [SealedKeyRow], _ statuses: Set<SealedKeyStatus>) -> Bool {
        var tallies: [SealedKeyStatus: StatusTally] = [:]
        for row in rows { tallies[row.status, default: StatusTally()].add(row) }
        return SealedKeyStatus.allCases.allSatisfy { status in
            (tallies[status] ?? StatusTally()) == (statuses.contains(status) ? self[status] : StatusTally())
        }
    }
}

extension StatusTally {
    fileprivate init?(_ item: Item, _ status: SealedKeyStatus) {
        guard let count = item["\(status.rawValue)_count"]?.number,
            let sum = item["\(status.rawValue)_sum"]?.bytes, sum.count == 8
        else { return nil }
        self.init(count: count, sum: UInt64(bigEndianBytes: sum))
    }
}
