// SPDX-License-Identifier: Apache-2.0
import AWS
import DynamoDB
import Foundation
import TestSupport
import Testing

/// Operations against a server that keeps tables.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(3))) struct ItemTests {
    @Test func `every kind of value comes back as it went`() async throws {
        let table = try await TestTable()
        let item = table.item(
            "all",
            [
                "text": .string("quotes \" and \\, ü, 🦕, \u{1} and\nlines"), "number": .number(.max),
                "zero": .number(0),
                "bytes": .bytes(Array(0...255)), "no": .boolean(false), "yes": .boolean(true), "nothing": .null,
            ]
        )
        try await table.database.putItem(table: table.name, item)
        #expect(try await table.database.getItem(table: table.name, key: table.key("all")) == item)
        #expect(try await table.database.getItem(table: table.name, key: table.key("other")) == nil)
    }

    @Test func `a put whose condition does not hold says what stands there`() async throws {
        let table = try await TestTable()
        let item = table.item("a", ["root": .bytes([1])])
        let absent = Expression("attribute_not_exists(duty)")
        try await table.database.putItem(table: table.name, item, where: absent)
        let other = table.item("a", ["root": .bytes([2])])
        let error = await failure { () throws(DynamoDBError) in
            try await table.database.putItem(table: table.name, other, where: absent)
        }
        #expect(error == .conditionFailed(item))
        #expect(try await table.database.getItem(table: table.name, key: table.key("a")) == item)
    }

    @Test func `an update only forward`() async throws {
        let table = try await TestTable()
        func raise(to slot: UInt64) async throws(DynamoDBError) -> Item {
            try await table.database.updateItem(
                table: table.name,
                key: table.key("marks"),
                Expression("SET #s = :s", names: ["#s": "slot"], values: [":s": .number(slot)]),
                where: Expression(
                    "attribute_not_exists(#s) OR #s < :s",
                    names: ["#s": "slot"],
                    values: [":s": .number(slot)]
                )
            )
        }
        #expect(try await raise(to: 7) == table.item("marks", ["slot": .number(7)]))
        #expect(try await raise(to: 9)["slot"] == .number(9))
        let error = await failure { () throws(DynamoDBError) in try await raise(to: 8) }
        #expect(error == .conditionFailed(table.item("marks", ["slot": .number(9)])))
    }

    @Test func `pages`() async throws {
        let table = try await TestTable()
        for number in 10..<35 {
            try await table.database.putItem(
                table: table.name,
                table.item("b\(number)", [:], validator: UInt8(number % 2))
            )
        }
        var scanned: [String] = []
        var next: Item?
        var pages = 0
        repeat {
            let page = try await table.database.scan(table: table.name, from: next, limit: 10)
            scanned += page.items.compactMap { $0["duty"]?.string }
            (next, pages) = (page.next, pages + 1)
        } while next != nil
        #expect(scanned.count == 25 && Set(scanned).count == 25 && pages >= 3)

        let keys = Expression("validator = :v AND duty > :d", values: [":v": .bytes([1]), ":d": .string("b19")])
        let found = try await table.database.query(table: table.name, where: keys)
        #expect(found.items.compactMap { $0["duty"]?.string } == ["b21", "b23", "b25", "b27", "b29", "b31", "b33"])
        let last = try await table.database.query(table: table.name, where: keys, descending: true, limit: 1)
        #expect(last.items.first?["duty"] == .string("b33") && last.next != nil)
    }

    @Test func `segments together are the table`() async throws {
        let database = try await TestTable().database
        let name = "segments-\(UUID().uuidString)"
        try await database.createTable(name, keys: TableKeys(partition: .init("id", .string)))
        for number in 0..<20 { try await database.putItem(table: name, ["id": .string("\(number)")]) }
        var found: [AttributeValue?] = []
        for number in 0..<3 {
            var next: Item?
            repeat {
                let segment = ScanSegment(number, of: 3)
                let page = try await database.scan(table: name, segment: segment, from: next, limit: 4)
                found += page.items.map { $0["id"] }
                next = page.next
            } while next != nil
        }
        #expect(found.count == 20 && Set(found).count == 20)
    }

    @Test func `an index is described, and asked page after page`() async throws {
        let database = try await TestTable().database
        let name = "indexed-\(UUID().uuidString)"
        let index = TableIndex(
            "by-status",
            keys: TableKeys(partition: .init("status", .string), sort: .init("number", .number))
        )
        let keys = TableKeys(partition: .init("id", .string))
        try await database.createTable(name, keys: keys, indexes: [index])
        let description = try await database.describeTable(name)
        #expect(description.keys == keys && description.indexes == [index])
        for number in UInt64(0)..<9 {
            let status = number % 3 == 0 ? "other" : "wanted"
            try await database.putItem(
                table: name,
                ["id": .string("\(9 - number)"), "status": .string(status), "number": .number(number)]
            )
        }
        try await database.putItem(table: name, ["id": .string("without")])
        let wanted = Expression("#s = :s", names: ["#s": "status"], values: [":s": .string("wanted")])
        var (found, next, pages): ([UInt64?], Item?, Int) = ([], nil, 0)
        repeat {
            let page = try await database.queryIndex("by-status", of: name, where: wanted, from: next, limit: 4)
            found += page.items.map { $0["number"]?.number }
            (next, pages) = (page.next, pages + 1)
        } while next != nil
        #expect(found == [1, 2, 4, 5, 7, 8] && pages >= 2)
    }

    @Test func `a table describes itself`() async throws {
        let table = try await TestTable()
        let description = try await table.database.describeTable(table.name)
        #expect(description.canBeUsed && description.keys == TestTable.keys)
        let again = await failure { () throws(DynamoDBError) in
            try await table.database.createTable(table.name, keys: TestTable.keys)
        }
        guard case .tableExists = again else { throw Unexpected(again) }
    }

    @Test func `a table that is not there is looked for in the region that is named`() async throws {
        let table = try await TestTable()
        let elsewhere = try await database(endpoint: MotoServer.shared.endpoint, region: "us-west-2")
        let error = await failure { () throws(DynamoDBError) in try await elsewhere.describeTable(table.name) }
        guard case .tableMissing(let reason) = error else { throw Unexpected(error) }
        #expect(reason.contains("us-west-2") && reason.contains("region"))
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ error: DynamoDBError?) { description = error.map { "\($0)" } ?? "it succeeded" }
}
