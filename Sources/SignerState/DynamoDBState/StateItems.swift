// SPDX-License-Identifier: Apache-2.0
internal import DynamoDB

/// The items of a signer state. All have the partition key `state`; a row of kind and name lies at `row#KIND#NAME#PART`,
/// in parts where it is larger than an item may be.
enum StateItems {
    static let keys = TableKeys(partition: .init("state_key", .string), sort: .init("entry_key", .string))
    static let rows = Expression(
        "state_key = :s AND begins_with(entry_key, :r)",
        values: [":s": .string("state"), ":r": .string("row#")]
    )
    /// Bytes of one part: an item has at most 400 KB, its names and numbers included.
    private static let part = 350_000

    /// Where the first part of a row lies. Kinds have no `#`, so that no two rows have the same place.
    static func entry(_ name: StateRowName) -> String { "row#\(name.kind)#\(name.name)" }

    static func key(_ name: StateRowName, part: Int = 0) -> Item {
        ["state_key": .string("state"), "entry_key": .string("\(entry(name))#\(part)")]
    }

    struct Standing {
        let version: UInt64
        let isDeleted: Bool
        let parts: Int
    }

    /// What the first part says of its row.
    static func standing(_ item: Item) -> Standing? {
        guard let version = item["row_version"]?.number, let parts = item["part_count"]?.number else { return nil }
        return Standing(version: version, isDeleted: parts == 0, parts: Int(parts))
    }

    static func writes(
        _ change: StateChange,
        version: UInt64,
        revision: UInt64,
        replacing oldParts: Int,
        in table: String
    ) -> [TransactionWrite] {
        let body = change.body ?? []
        let count = change.body == nil ? 0 : max(1, (body.count + part - 1) / part)
        var writes: [TransactionWrite] = []
        for number in 0..<max(1, count) {
            var item = key(change.name, part: number)
            item["row_kind"] = .string(change.name.kind)
            item["row_name"] = .string(change.name.name)
            item["row_version"] = .number(version)
            item["row_revision"] = .number(revision)
            item["part_count"] = .number(UInt64(count))
            if count > 0 {
                item["body"] = .bytes(Array(body[(number * part)..<min(body.count, (number + 1) * part)]))
            }
            writes.append(.put(table: table, item))
        }
        for number in max(1, count)..<max(1, count, oldParts) {
            writes.append(.delete(table: table, key: key(change.name, part: number)))
        }
        return writes
    }

    /// The rows that items make; nil where the parts of one are not of one version.
    static func rows(of items: [Item]) -> [StateRow]? {
        var parts: [StateRowName: [Int: Item]] = [:]
        for item in items {
            guard let kind = item["row_kind"]?.string, let name = item["row_name"]?.string,
                let number = item["entry_key"]?.string?.split(separator: "#").last.flatMap({ Int($0) })
            else { return nil }
            parts[StateRowName(kind, name), default: [:]][number] = item
        }
        var rows: [StateRow] = []
        for (name, parts) in parts {
            guard let first = parts[0], let standing = standing(first), let revision = first["row_revision"]?.number
            else { return nil }
            var body: [UInt8] = []
            for number in 0..<standing.parts {
                guard let part = parts[number], part["row_version"]?.number == standing.version,
                    let bytes = part["body"]?.bytes
                else { return nil }
                body += bytes
            }
            rows.append(
                StateRow(
                    name: name,
                    version: standing.version,
                    revision: revision,
                    body: standing.isDeleted ? nil : body
                )
            )
        }
        return rows.sorted { $0.name < $1.name }
    }
}

/// The item that every change writes.
struct StateHeader: Equatable {
    let revision: UInt64
    /// The rows of the last change, with their versions.
    let lastChanged: [String: UInt64]

    static let key: Item = ["state_key": .string("state"), "entry_key": .string("header")]

    init(revision: UInt64, lastChanged: [String: UInt64]) {
        self.revision = revision
        self.lastChanged = lastChanged
    }

    init?(_ item: Item) {
        guard item["format_version"]?.number == 1, let revision = item["revision"]?.number else { return nil }
        self.revision = revision
        var lastChanged: [String: UInt64] = [:]
        for (name, value) in item where name.hasPrefix("changed_") {
            lastChanged[String(name.dropFirst("changed_".count))] = value.number
        }
        self.lastChanged = lastChanged
    }

    var item: Item {
        var item = Self.key
        item["format_version"] = .number(1)
        item["revision"] = .number(revision)
        for (name, version) in lastChanged { item["changed_" + name] = .number(version) }
        return item
    }

    /// Whether rows show all of the last change and nothing of a later one.
    func isWhole(_ rows: [StateRow]) -> Bool {
        let versions = Dictionary(uniqueKeysWithValues: rows.map { (StateItems.entry($0.name), $0.version) })
        return lastChanged.allSatisfy { versions[$0.key] ?? 0 >= $0.value }
            && rows.allSatisfy { $0.revision <= revision }
    }
}
