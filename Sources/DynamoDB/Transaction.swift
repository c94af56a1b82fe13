// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// One operation of a transaction that writes. A condition that does not hold cancels the whole; what stands in its way is
/// then told with the reason.
package enum TransactionWrite: Sendable {
    case put(table: String, Item, where: Expression? = nil)
    case update(table: String, key: Item, Expression, where: Expression? = nil)
    /// Writes nothing.
    case check(table: String, key: Item, where: Expression)
    case delete(table: String, key: Item, where: Expression? = nil)
}

/// One operation of a transaction that reads.
package struct TransactionRead: Sendable {
    package let table: String
    package let key: Item
    package init(table: String, key: Item) {
        self.table = table
        self.key = key
    }
}

/// Makes repeats of one transaction count as one, for ten minutes.
package struct TransactionToken: Hashable, Sendable {
    let text: String

    /// A new one, at random.
    package init() {
        text = [UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)]
            .map { String($0, radix: 36) }.joined(separator: "-")
    }
}

extension DynamoDB {
    /// How many operations one transaction that writes may hold.
    package static let largestTransaction = 100
    /// How many reads to put into one. The service takes 100; servers that imitate it have kept its first limit.
    package static let largestReadTransaction = 25

    /// Does all or nothing (`TransactWriteItems`). Its own repeats after a lost answer carry the same token, so that they
    /// count as one; what is unclear in the end may still have happened.
    package func transactWrite(
        _ operations: [TransactionWrite],
        token: TransactionToken = TransactionToken()
    ) async throws(DynamoDBError) {
        precondition(
            !operations.isEmpty && operations.count <= Self.largestTransaction,
            "not the size of a transaction"
        )
        _ = try await call(
            "TransactWriteItems",
            [("ClientRequestToken", .string(token.text)), ("TransactItems", .array(operations.map(\.json)))],
            isIdempotent: true
        )
    }

    /// Reads items as they stood at one moment (`TransactGetItems`), in the order of the keys; nil where there is none.
    package func transactGet(_ reads: [TransactionRead]) async throws(DynamoDBError) -> [Item?] {
        precondition(!reads.isEmpty && reads.count <= Self.largestTransaction, "not the size of a transaction")
        let operations = reads.map { read -> JSONOutput in
            ["Get": ["TableName": .string(read.table), "Key": JSONOutput(read.key)]]
        }
        let answer = try await self.read("TransactGetItems", [("TransactItems", .array(operations))])
        guard let list = answer.member("Responses"), list.kind == .array else {
            throw .malformed(reason: "the answer to TransactGetItems has no items")
        }
        var items: [Item?] = []
        for element in list.elements {
            items.append(try element.member("Item").map { value throws(DynamoDBError) in try item(from: value) })
        }
        guard items.count == reads.count else {
            throw .malformed(reason: "\(reads.count) items were asked for, \(items.count) came")
        }
        return items
    }
}

extension TransactionWrite {
    var json: JSONOutput {
        switch self {
        case .put(let table, let item, let condition):
            ["Put": members(table, [("Item", JSONOutput(item))], [("ConditionExpression", condition)])]
        case .update(let table, let key, let update, let condition):
            [
                "Update": members(
                    table,
                    [("Key", JSONOutput(key))],
                    [("UpdateExpression", update), ("ConditionExpression", condition)]
                )
            ]
        case .check(let table, let key, let condition):
            ["ConditionCheck": members(table, [("Key", JSONOutput(key))], [("ConditionExpression", condition)])]
        case .delete(let table, let key, let condition):
            ["Delete": members(table, [("Key", JSONOutput(key))], [("ConditionExpression", condition)])]
        }
    }

    private func members(
        _ table: String,
        _ content: [(name: String, value: JSONOutput)],
        _ expressions: [(name: String, Expression?)]
    ) -> JSONOutput {
        .object(
            [("TableName", .string(table)), ("ReturnValuesOnConditionCheckFailure", .string("ALL_OLD"))] + content
                + Expression.members(expressions)
        )
    }
}
