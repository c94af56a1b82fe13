// SPDX-License-Identifier: Apache-2.0
internal import JSON

extension DynamoDB {
    /// The item under a key (`GetItem`); nil where there is none.
    package func getItem(table: String, key: Item) async throws(DynamoDBError) -> Item? {
        let answer = try await read(
            "GetItem",
            [("TableName", .string(table)), ("Key", JSONOutput(key)), ("ConsistentRead", .boolean(true))]
        )
        return try answer.member("Item").map { value throws(DynamoDBError) in try item(from: value) }
    }

    /// Puts an item in the place of whatever stands there (`PutItem`), where `condition` holds.
    package func putItem(table: String, _ item: Item, where condition: Expression? = nil) async throws(DynamoDBError) {
        let members: [(name: String, value: JSONOutput)] = [
            ("TableName", .string(table)), ("Item", JSONOutput(item)),
            ("ReturnValuesOnConditionCheckFailure", .string("ALL_OLD")),
        ]
        _ = try await call(
            "PutItem",
            members + Expression.members([("ConditionExpression", condition)]),
            isIdempotent: false
        )
    }

    /// Changes an item or makes it (`UpdateItem`), where `condition` holds; returns it as it is then.
    /// - Parameter mayHappenTwice: whether it is tried again where the answer was lost.
    package func updateItem(
        table: String,
        key: Item,
        _ update: Expression,
        where condition: Expression? = nil,
        mayHappenTwice: Bool = false
    ) async throws(DynamoDBError) -> Item {
        let members: [(name: String, value: JSONOutput)] = [
            ("TableName", .string(table)), ("Key", JSONOutput(key)), ("ReturnValues", .string("ALL_NEW")),
            ("ReturnValuesOnConditionCheckFailure", .string("ALL_OLD")),
        ]
        let expressions = Expression.members([("UpdateExpression", update), ("ConditionExpression", condition)])
        let body = try await call("UpdateItem", members + expressions, isIdempotent: mayHappenTwice)
        guard let attributes = (try? JSONDocument(body))?.root.member("Attributes") else {
            throw .malformed(reason: "the answer to UpdateItem has no item")
        }
        return try item(from: attributes)
    }
}
