// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// The keys of a table: which attribute names the partition, and which orders the items in it.
package struct TableKeys: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case string = "S"
        case number = "N"
        case bytes = "B"
    }

    package struct Key: Equatable, Sendable {
        package let name: String
        package let kind: Kind
        package init(_ name: String, _ kind: Kind) {
            self.name = name
            self.kind = kind
        }
    }

    package let partition: Key
    package let sort: Key?

    package init(partition: Key, sort: Key? = nil) {
        self.partition = partition
        self.sort = sort
    }
}

/// A global index: the items of a table that have its keys, once more, in an order of its own.
package struct TableIndex: Equatable, Sendable {
    package let name: String
    package let keys: TableKeys
    /// Whether it holds whole items.
    package let isWhole: Bool
    /// Whether it is complete; one that was added to a table is not at first.
    package let canBeUsed: Bool

    package init(_ name: String, keys: TableKeys, isWhole: Bool = true, canBeUsed: Bool = true) {
        self.name = name
        self.keys = keys
        self.isWhole = isWhole
        self.canBeUsed = canBeUsed
    }
}

/// What DynamoDB says of a table.
package struct TableDescription: Equatable, Sendable {
    /// `ACTIVE` when it can be used; `UPDATING` too.
    package let status: String
    /// Differs for a table that was made anew or restored under the same name.
    package let identifier: String?
    package let keys: TableKeys
    package let indexes: [TableIndex]
    /// Whether the table is a global one, with replicas in other regions.
    package let hasReplicas: Bool

    package var canBeUsed: Bool { status == "ACTIVE" || status == "UPDATING" }
}

extension DynamoDB {
    package func describeTable(_ name: String) async throws(DynamoDBError) -> TableDescription {
        let answer = try await read("DescribeTable", [("TableName", .string(name))])
        guard let table = answer.member("Table"), let description = TableDescription(table) else {
            throw .malformed(reason: "the description of table \(name) lacks its status or its keys")
        }
        return description
    }

    /// Asks for a table that is billed by use. It can be used when its description says so.
    /// - Parameter indexes: each of whole items.
    package func createTable(
        _ name: String,
        keys: TableKeys,
        indexes: [TableIndex] = []
    ) async throws(DynamoDBError) {
        var kinds = keys.kinds
        for index in indexes { kinds.merge(index.keys.kinds) { first, _ in first } }
        var members: [(name: String, value: JSONOutput)] = [
            ("TableName", .string(name)), ("BillingMode", .string("PAY_PER_REQUEST")), ("KeySchema", keys.schema),
            (
                "AttributeDefinitions",
                .array(
                    kinds.sorted { $0.key < $1.key }.map { name, kind in
                        ["AttributeName": .string(name), "AttributeType": .string(kind.rawValue)]
                    }
                )
            ),
        ]
        if !indexes.isEmpty {
            let list = indexes.map { index -> JSONOutput in
                [
                    "IndexName": .string(index.name), "KeySchema": index.keys.schema,
                    "Projection": ["ProjectionType": .string("ALL")],
                ]
            }
            members.append(("GlobalSecondaryIndexes", .array(list)))
        }
        _ = try await call("CreateTable", members, isIdempotent: false)
    }
}

extension TableKeys {
    fileprivate var kinds: [String: Kind] {
        [partition, sort].compactMap { $0 }.reduce(into: [:]) { $0[$1.name] = $1.kind }
    }

    fileprivate var schema: JSONOutput {
        let all = [(partition, "HASH")] + (sort.map { [($0, "RANGE")] } ?? [])
        return .array(all.map { key, role in ["AttributeName": .string(key.name), "KeyType": .string(role)] })
    }

    /// From the `KeySchema` of a table or of an index.
    fileprivate init?(_ json: JSONValue?, _ kinds: [String: Kind]) {
        func key(_ role: String) -> Key? {
            let schema = json.map { Array($0.elements) } ?? []
            let entry = schema.first { $0.member("KeyType")?.string?.string == role }
            guard let name = entry?.member("AttributeName")?.string?.string, let kind = kinds[name] else { return nil }
            return Key(name, kind)
        }
        guard let partition = key("HASH") else { return nil }
        self.init(partition: partition, sort: key("RANGE"))
    }
}

extension TableDescription {
    fileprivate init?(_ json: JSONValue) {
        guard let status = json.member("TableStatus")?.string?.string else { return nil }
        var kinds: [String: TableKeys.Kind] = [:]
        for definition in json.member("AttributeDefinitions").map({ Array($0.elements) }) ?? [] {
            guard let name = definition.member("AttributeName")?.string?.string,
                let kind = TableKeys.Kind(rawValue: definition.member("AttributeType")?.string?.string ?? "")
            else { return nil }
            kinds[name] = kind
        }
        guard let keys = TableKeys(json.member("KeySchema"), kinds) else { return nil }
        self.status = status
        self.keys = keys
        identifier = json.member("TableId")?.string?.string
        indexes = (json.member("GlobalSecondaryIndexes").map { Array($0.elements) } ?? []).compactMap {
            TableIndex($0, kinds)
        }
        hasReplicas = json.member("Replicas").map { Array($0.elements) }?.isEmpty == false
    }
}

extension TableIndex {
    fileprivate init?(_ json: JSONValue, _ kinds: [String: TableKeys.Kind]) {
        guard let name = json.member("IndexName")?.string?.string, let keys = TableKeys(json.member("KeySchema"), kinds)
        else { return nil }
        let status = json.member("IndexStatus")?.string?.string
        self.init(
            name,
            keys: keys,
            isWhole: json.member("Projection")?.member("ProjectionType")?.string?.string == "ALL",
            canBeUsed: (status == "ACTIVE" || status == "UPDATING") && json.member("Backfilling")?.boolean != true
        )
    }
}
