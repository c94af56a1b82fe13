// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// A part of what a scan or a query finds.
package struct Page: Sendable {
    package let items: [Item]
    /// Where the next page begins; nil after the last.
    package let next: Item?
}

/// One of the parts that a table is read in by several readers at once.
package struct ScanSegment: Hashable, Sendable {
    let number: Int
    let count: Int

    package init(_ number: Int, of count: Int) {
        precondition((0..<count).contains(number), "segment \(number) of \(count)")
        self.number = number
        self.count = count
    }
}

extension DynamoDB {
    /// All items of a table or of one segment, a page at a time (`Scan`); `start` is what the page before named as the next.
    package func scan(
        table: String,
        segment: ScanSegment? = nil,
        from start: Item? = nil,
        limit: Int? = nil
    ) async throws(DynamoDBError) -> Page {
        let part: [(name: String, value: JSONOutput)] =
            segment.map { [("Segment", .integer($0.number)), ("TotalSegments", .integer($0.count))] } ?? []
        return try await page("Scan", table, from: start, limit: limit, [("ConsistentRead", .boolean(true))] + part)
    }

    /// The items of one partition in the order of their sort key, a page at a time (`Query`).
    /// - Parameter keys: a condition on the keys, such as `validator = :v AND duty > :d`.
    package func query(
        table: String,
        where keys: Expression,
        descending: Bool = false,
        from start: Item? = nil,
        limit: Int? = nil
    ) async throws(DynamoDBError) -> Page {
        let order: [(name: String, value: JSONOutput)] = [
            ("ConsistentRead", .boolean(true)), ("ScanIndexForward", .boolean(!descending)),
        ]
        let condition = Expression.members([("KeyConditionExpression", keys)])
        return try await page("Query", table, from: start, limit: limit, order + condition)
    }

    /// The items of one partition of a global index, a page at a time (`Query`). The one read that is not strongly
    /// consistent, because no index has such reads: it may show what is gone and lack what is there. Whoever uses it has to
    /// have another way to know.
    package func queryIndex(
        _ index: String,
        of table: String,
        where keys: Expression,
        from start: Item? = nil,
        limit: Int? = nil
    ) async throws(DynamoDBError) -> Page {
        let condition = Expression.members([("KeyConditionExpression", keys)])
        return try await page("Query", table, from: start, limit: limit, [("IndexName", .string(index))] + condition)
    }

    private func page(
        _ operation: String,
        _ table: String,
        from start: Item?,
        limit: Int?,
        _ more: [(name: String, value: JSONOutput)]
    ) async throws(DynamoDBError) -> Page {
        var members: [(name: String, value: JSONOutput)] = [("TableName", .string(table))]
        if let start { members.append(("ExclusiveStartKey", JSONOutput(start))) }
        if let limit { members.append(("Limit", .integer(limit))) }
        // A page can take its time, and who is called off needs none.
        let answer = try await read(operation, members + more, endsEarly: true)
        guard let list = answer.member("Items"), list.kind == .array else {
            throw .malformed(reason: "the answer to \(operation) has no items")
        }
        var items: [Item] = []
        for element in list.elements { items.append(try item(from: element)) }
        let next = try answer.member("LastEvaluatedKey").map { value throws(DynamoDBError) in try item(from: value) }
        return Page(items: items, next: next)
    }
}
