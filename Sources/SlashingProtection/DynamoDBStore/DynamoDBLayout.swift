// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB
internal import Encoding

/// How a record lies in a table; docs/formats.md describes it for other programs. Every item of a validator stands under
/// its public key: the marks, one item for each block by slot, one for each attestation by target.
enum DynamoDBLayout {
    static let version: UInt64 = 1
    static let keys = TableKeys(partition: .init("record_key", .string), sort: .init("entry_key", .string))

    /// The one item that holds for the whole record.
    static let header: Item = ["record_key": .string("record"), "entry_key": .string("header")]

    /// Counts how often validators were disabled or enabled, so that who looks for changes reads one item.
    static let changes: Item = ["record_key": .string("record"), "entry_key": .string("enabling")]

    static let absent = Expression("attribute_not_exists(entry_key)")

    static func marksKey(_ key: PublicKey) -> Item { item(key, "marks") }
    static func blockKey(_ key: PublicKey, _ slot: Slot) -> Item { item(key, "block#" + padded(slot.value)) }
    static func attestationKey(_ key: PublicKey, _ target: Epoch) -> Item {
        item(key, "attestation#" + padded(target.value))
    }

    private static func item(_ key: PublicKey, _ entry: String) -> Item {
        ["record_key": .string(key.description), "entry_key": .string(entry)]
    }

    /// Twenty digits, so that the order of the texts is the order of the numbers.
    private static func padded(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: 20 - digits.count) + digits
    }
}

/// Numbers that count as equal or absent, for compare-and-set.
extension Item {
    /// An item with a value for each name that has one.
    init(key: Item, numbers: [(String, UInt64?)]) {
        self = key
        for case (let name, let value?) in numbers { self[name] = .number(value) }
    }
}

/// What holds for the whole record.
struct RecordHeader: Equatable {
    /// Rises with every change.
    var revision: UInt64 = 0
    let genesisValidatorsRoot: Root
    var highWatermark: HighWatermark?
    /// Where validators begin that are not in the record yet.
    var floor = Watermarks()

    init(genesisValidatorsRoot: Root) { self.genesisValidatorsRoot = genesisValidatorsRoot }

    /// Nil for what is no header of this version.
    init?(_ item: Item) {
        guard item["format_version"]?.number == DynamoDBLayout.version, let revision = item["revision"]?.number,
            let root = item["genesis_validators_root"]?.bytes.flatMap({ Bytes<32>($0) })
        else { return nil }
        self.revision = revision
        genesisValidatorsRoot = Root(root)
        highWatermark = HighWatermark(item)
        floor = Watermarks(item, "floor")
    }

    var item: Item {
        var item = Item(
            key: DynamoDBLayout.header,
            numbers: [("format_version", DynamoDBLayout.version), ("revision", revision)]
                + floor.numbers("floor") + (highWatermark?.numbers ?? [])
        )
        item["genesis_validators_root"] = .bytes(genesisValidatorsRoot.bytes.array)
        return item
    }
}

/// What one validator may not go behind any more.
struct ValidatorMarks: Equatable {
    /// Rises with every change, also of a signature.
    var revision: UInt64 = 0
    var isDisabled = false
    /// The instance that disabled it, where it left its name.
    var disabledBy: FloorInstance?
    /// An import is under way, or was cut off: not all history that the marks stand for is there.
    var isImporting = false
    /// The highest slot, source and target that were signed, imported or raised to. They only rise.
    var highest = Watermarks()
    /// Below these, history is pruned or unknown.
    var low = Watermarks()
    /// What instances had let out when they merged their floors.
    var merged = Watermarks()
    var highWatermark: HighWatermark?

    init(from header: RecordHeader) {
        highest = header.floor
        low = header.floor
        highWatermark = header.highWatermark
    }

    init?(_ item: Item) {
        guard let revision = item["revision"]?.number else { return nil }
        self.revision = revision
        isDisabled = item["disabled"] != nil
        disabledBy = item["disabled_by"]?.bytes.flatMap { Bytes<16>($0) }.map {
            FloorInstance(identifier: $0, name: item["disabled_name"]?.string ?? "")
        }
        isImporting = item["importing"] != nil
        highest = Watermarks(item, "highest")
        low = Watermarks(item, "low")
        merged = Watermarks(item, "merged")
        highWatermark = HighWatermark(item)
    }

    /// Whether an entry can be the message that was let out at its place. A record that went back takes messages until
    /// somebody notices, and those were let out by nobody: of what does not lie ahead of all merged floors nothing tells
    /// them from others.
    func isCertain(_ block: RecordedBlock) -> Bool { merged.slot.map { block.slot > $0 } ?? true }

    func isCertain(_ vote: RecordedAttestation) -> Bool {
        (merged.source.map { vote.source >= $0 } ?? true) && (merged.target.map { vote.target > $0 } ?? true)
    }

    func item(of key: PublicKey) -> Item {
        var item = Item(
            key: DynamoDBLayout.marksKey(key),
            numbers: [("revision", revision)] + highest.numbers("highest") + low.numbers("low")
                + merged.numbers("merged") + (highWatermark?.numbers ?? [])
        )
        if isDisabled { item["disabled"] = .boolean(true) }
        if isDisabled, let disabledBy {
            item["disabled_by"] = .bytes(disabledBy.identifier.array)
            item["disabled_name"] = .string(disabledBy.name)
        }
        if isImporting { item["importing"] = .boolean(true) }
        return item
    }
}

extension Watermarks {
    fileprivate init(_ item: Item, _ prefix: String) {
        self.init(
            slot: item["\(prefix)_slot"]?.number.map { Slot($0) },
            source: item["\(prefix)_source"]?.number.map { Epoch($0) },
            target: item["\(prefix)_target"]?.number.map { Epoch($0) }
        )
    }

    fileprivate func numbers(_ prefix: String) -> [(String, UInt64?)] {
        [("\(prefix)_slot", slot?.value), ("\(prefix)_source", source?.value), ("\(prefix)_target", target?.value)]
    }
}

extension HighWatermark {
    /// Nil where none is set.
    fileprivate init?(_ item: Item) {
        guard let slot = item["limit_slot"]?.number, let epoch = item["limit_epoch"]?.number else { return nil }
        self.init(slot: Slot(slot), epoch: Epoch(epoch))
    }

    fileprivate var numbers: [(String, UInt64?)] { [("limit_slot", slot.value), ("limit_epoch", epoch.value)] }
}

extension RecordedBlock {
    init?(_ item: Item) {
        guard let slot = item["slot_number"]?.number else { return nil }
        self.init(slot: Slot(slot), root: SigningRoot(item))
    }

    func item(of key: PublicKey) -> Item {
        Item(key: DynamoDBLayout.blockKey(key, slot), numbers: [("slot_number", slot.value)]).with(root)
    }
}

extension RecordedAttestation {
    init?(_ item: Item) {
        guard let source = item["source_epoch"]?.number, let target = item["target_epoch"]?.number else { return nil }
        self.init(source: Epoch(source), target: Epoch(target), root: SigningRoot(item))
    }

    func item(of key: PublicKey) -> Item {
        Item(
            key: DynamoDBLayout.attestationKey(key, target),
            numbers: [("source_epoch", source.value), ("target_epoch", target.value)]
        ).with(root)
    }
}

extension SigningRoot {
    /// Nil where it is not known which message it was.
    fileprivate init?(_ item: Item) {
        guard let bytes = item["signing_root"]?.bytes.flatMap({ Bytes<32>($0) }) else { return nil }
        self.init(bytes)
    }
}

extension Item {
    fileprivate func with(_ root: SigningRoot?) -> Item {
        guard let root else { return self }
        return merging(["signing_root": .bytes(root.bytes.array)]) { $1 }
    }
}
