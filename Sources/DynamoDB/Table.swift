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

/// What DynamoDB says of a table.
package struct TableDescription: Equatable, Sendable {
    /// `ACTIVE` when it can be used; `UPDATING` too.
    package let status: String
    /// Differs for a table that was made anew or restored under the same name.
    package let identifier: String?
    package let keys: TableKeys
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
    package func createTable(_ name: String, keys: TableKeys) async throws(DynamoDBError) {
        let all = [(keys.partition, "HASH")] + (keys.sort.map { [($0, "RANGE")] } ?? [])
        _ = try await call(
            "CreateTable",
            [
                ("TableName", .string(name)), ("BillingMode", .string("PAY_PER_REQUEST")),
                (
                    "KeySchema",
                    .array(all.map { key, role in ["AttributeName": .string(key.name), "KeyType": .string(role)] })
                ),
                (
                    "AttributeDefinitions",
                    .array(
                        all.map { key, _ in
                            ["AttributeName": .string(key.name), "AttributeType": .string(key.kind.rawValue)]
                        }
                    )
                ),
            ],
            isIdempotent: false
        )
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
        func key(_ role: String) -> TableKeys.Key? {
            let schema = json.member("KeySchema").map { Array($0.elements) } ?? []
            let entry = schema.first { $0.member("KeyType")?.string?.string == role }
            guard let name = entry?.member("AttributeName")?.string?.string, let kind = kinds[name] else { return nil }
            return TableKeys.Key(name, kind)
        }
        guard let partition = key("HASH") else { return nil }
        self.status = status
        identifier = json.member("TableId")?.string?.string
        keys = TableKeys(partition: partition, sort: key("RANGE"))
        hasReplicas = json.member("Replicas").map { Array($0.elements) }?.isEmpty == false
    }
}
