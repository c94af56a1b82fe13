// SPDX-License-Identifier: Apache-2.0
internal import DynamoDB
internal import Encoding

/// How keys lie in a table (docs/formats.md): an item for each under its public key, one header, and a ring of items that
/// name what the last transactions changed.
enum SealedKeyItems {
    static let keys = TableKeys(partition: .init("public_key", .string))
    static let index = TableIndex(
        "status-shard",
        keys: TableKeys(partition: .init("status_shard", .string), sort: .init("public_key", .string))
    )
    /// Parts of a status in the index, for as many readers at once.
    static let shards = 16

    static let absent = Expression("attribute_not_exists(public_key)")

    static func key(_ publicKey: Bytes<48>) -> Item { ["public_key": .string("\(publicKey)")] }

    static func shard(_ status: SealedKeyStatus, _ number: Int) -> String {
        "\(status.rawValue)#\(number < 10 ? "0" : "")\(number)"
    }

    static func item(_ entry: SealedKeyEntry) -> Item {
        var item = key(entry.publicKey)
        item["row_version"] = .number(entry.version)
        item["status"] = .string(entry.row?.status.rawValue ?? "deleted")
        item["updated_at"] = .number(entry.updatedAt)
        item["key_generation"] = .number(entry.keyGeneration)
        item["seal"] = .bytes(entry.seal)
        // A tombstone has no shard either: the index holds none.
        guard let row = entry.row else { return item }
        // By the last byte: the first bits of a public key are flags.
        item["status_shard"] = .string(shard(row.status, Int(row.publicKey[47]) % shards))
        item["created_at"] = .number(row.createdAt)
        item["key_name"] = row.name.map { .string($0) }
        item["secret"] = .bytes(row.secret)
        item["encrypted_mnemonic"] = row.encryptedMnemonic.map { .bytes($0) }
        return item
    }

    /// Nil for items that are no keys. What an item lacks is left empty, and a status that is not known is inactive: such an
    /// entry fails its seal where it is used, and does not keep the others from being read.
    static func entry(_ item: Item) -> SealedKeyEntry? {
        guard let text = item["public_key"]?.string, let key = try? Hex.decode(text, as: Bytes<48>.self),
            text == "\(key)"
        else { return nil }
        let status = item["status"]?.string
        func number(_ name: String) -> UInt64 { item[name]?.number ?? 0 }
        if status == "deleted" {
            return .deleted(
                SealedKeyTombstone(
                    publicKey: key,
                    version: number("row_version"),
                    deletedAt: number("updated_at"),
                    keyGeneration: number("key_generation"),
                    seal: item["seal"]?.bytes ?? []
                )
            )
        }
        return .standing(
            SealedKeyRow(
                publicKey: key,
                version: number("row_version"),
                status: status.flatMap { SealedKeyStatus(rawValue: $0) } ?? .inactive,
                createdAt: number("created_at"),
                updatedAt: number("updated_at"),
                keyGeneration: number("key_generation"),
                name: item["key_name"]?.string,
                secret: item["secret"]?.bytes ?? [],
                encryptedMnemonic: item["encrypted_mnemonic"]?.bytes,
                seal: item["seal"]?.bytes ?? []
            )
        )
    }
}

/// What one transaction changed: keys with the versions that it gave them.
struct SealedKeyLogItem: Equatable {
    let revision: UInt64
    let changed: [Bytes<48>: UInt64]

    init(revision: UInt64, changed: [Bytes<48>: UInt64]) {
        self.revision = revision
        self.changed = changed
    }

    /// The ring takes a new item in the place of the oldest, so that nothing has to be deleted.
    static func key(_ revision: UInt64, slots: UInt64) -> Item {
        ["public_key": .string("change#\(revision % slots)")]
    }

    init?(_ item: Item) {
        guard let revision = item["revision"]?.number, let bytes = item["changed"]?.bytes,
            bytes.count.isMultiple(of: Self.width)
        else { return nil }
        self.revision = revision
        var changed: [Bytes<48>: UInt64] = [:]
        for start in stride(from: 0, to: bytes.count, by: Self.width) {
            guard let key = Bytes<48>(bytes[start..<start + 48]) else { return nil }
            changed[key] = UInt64(bigEndianBytes: bytes[(start + 48)..<(start + Self.width)])
        }
        self.changed = changed
    }

    func item(slots: UInt64) -> Item {
        var bytes: [UInt8] = []
        for (key, version) in changed { bytes += key.array + version.bigEndianBytes }
        return Self.key(revision, slots: slots).merging(
            ["revision": .number(revision), "changed": .bytes(bytes)]
        ) { $1 }
    }

    private static let width = 56
}

extension UInt64 {
    var bigEndianBytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (56 - 8 * $0)) } }

    init(bigEndianBytes bytes: some Sequence<UInt8>) { self = bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
