// SPDX-License-Identifier: Apache-2.0
import AWS
import DynamoDB
import TestSupport
import Testing

@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(3))) struct TransactionTests {
    private let absent = Expression("attribute_not_exists(duty)")

    @Test func `all of it is written, and read at one moment`() async throws {
        let table = try await TestTable()
        let (first, second) = (table.item("a", ["root": .bytes([1])]), table.item("b", ["root": .bytes([2])]))
        try await table.database.transactWrite([
            .put(table: table.name, first, where: absent), .put(table: table.name, second, where: absent),
        ])
        let items = try await table.database.transactGet(
            ["a", "missing", "b"].map { TransactionRead(table: table.name, key: table.key($0)) }
        )
        #expect(items == [first, nil, second])
    }

    @Test func `or nothing, with a reason for each operation`() async throws {
        let table = try await TestTable()
        let standing = table.item("a", ["root": .bytes([1])])
        try await table.database.putItem(table: table.name, standing)
        let error = await failure { () throws(DynamoDBError) in
            try await table.database.transactWrite([
                .put(table: table.name, table.item("new", [:]), where: absent),
                .put(table: table.name, table.item("a", ["root": .bytes([2])]), where: absent),
                .check(
                    table: table.name,
                    key: table.key("c"),
                    where: absent
                ),
            ])
        }
        guard case .canceled(let reasons) = error else { throw Unexpected(error) }
        #expect(reasons == [.none, .conditionFailed(standing), .none])
        #expect(try await table.database.getItem(table: table.name, key: table.key("new")) == nil)
    }

    @Test func `updates and deletions`() async throws {
        let table = try await TestTable()
        try await table.database.putItem(table: table.name, table.item("old", [:]))
        try await table.database.transactWrite([
            .update(
                table: table.name,
                key: table.key("marks"),
                Expression("SET #s = :s", names: ["#s": "source"], values: [":s": .number(3)]),
                where: Expression(
                    "attribute_not_exists(#s) OR #s <= :s",
                    names: ["#s": "source"],
                    values: [":s": .number(3)]
                )
            ), .delete(table: table.name, key: table.key("old")),
        ])
        #expect(try await table.database.getItem(table: table.name, key: table.key("marks"))?["source"] == .number(3))
        #expect(try await table.database.getItem(table: table.name, key: table.key("old")) == nil)
    }

    @Test func `of two that want the same one wins`() async throws {
        let table = try await TestTable()
        let wins = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let item = table.item("a", ["root": .bytes([UInt8(number)])])
                    let write = TransactionWrite.put(
                        table: table.name,
                        item,
                        where: Expression("attribute_not_exists(duty)")
                    )
                    return (try? await table.database.transactWrite([write])) == nil ? nil : number
                }
            }
            return await group.reduce(into: [Int]()) { if let number = $1 { $0.append(number) } }
        }
        #expect(wins.count == 1)
        let standing = try await table.database.getItem(table: table.name, key: table.key("a"))
        #expect(standing?["root"] == wins.first.map { .bytes([UInt8($0)]) })
    }
}

/// Answers that moto does not give.
@Suite(.timeLimit(.minutes(1))) struct TransactionAnswerTests {
    private static func canceled(_ reasons: String) -> String {
        #"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[\#(reasons)],"message":"Transaction cancelled"}"#
    }

    private func write(_ server: ScriptedServer) async throws -> DynamoDBError? {
        let database = try database(endpoint: server.endpoint)
        return await failure { () throws(DynamoDBError) in
            try await database.transactWrite([.put(table: "t", ["validator": .bytes([1])])])
        }
    }

    @Test(arguments: ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
    func `a conflict with other work is tried again, under the same token`(code: String) async throws {
        let body = Self.canceled(#"{"Code":"None"},{"Code":"\#(code)","Message":"x"}"#)
        let server = try ScriptedServer { $0 < 2 ? .answer(status: 400, body: body) : .answer(status: 200, body: "{}") }
        #expect(try await write(server) == nil)
        let tokens = server.requests.compactMap {
            $0.split(separator: "\"ClientRequestToken\":\"").last?.prefix { $0 != "\"" }
        }
        #expect(tokens.count == 3 && Set(tokens).count == 1 && (10...36).contains(tokens[0].count))
    }

    @Test func `a condition that does not hold is final, whatever else there was`() async throws {
        let body = Self.canceled(
            #"{"Code":"TransactionConflict"},{"Code":"ConditionalCheckFailed","Item":{"slot":{"N":"9"}},"Message":"x"}"#
        )
        let server = try ScriptedServer { _ in .answer(status: 400, body: body) }
        #expect(try await write(server) == .canceled([.conflict, .conditionFailed(["slot": .number(9)])]))
        #expect(server.requests.count == 1)
    }

    @Test func `after a lost answer a refusal does not make it certain`() async throws {
        let body = Self.canceled(#"{"Code":"ConditionalCheckFailed"}"#)
        let server = try ScriptedServer { $0 < 1 ? .hangUp : .answer(status: 400, body: body) }
        let error = try await write(server)
        guard case .aws(.unclear) = error else { throw Unexpected(error) }
    }

    @Test(arguments: [#"{"Item":{"a":{"L":[]}}}"#, #"{"Item":[]}"#, #"{"Item":{"a":{"N":"-1"}}}"#, "[", ""])
    func `an answer that cannot be understood is no item`(body: String) async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: body) }
        let database = try database(endpoint: server.endpoint)
        let error = await failure { () throws(DynamoDBError) in
            try await database.getItem(table: "t", key: ["a": .null])
        }
        guard case .malformed = error else { throw Unexpected(error) }
    }

    @Test func `a table that is being made`() async throws {
        let body = """
            {"Table":{"TableStatus":"CREATING","TableId":"a-1","KeySchema":[{"AttributeName":"v","KeyType":"HASH"}],
            "AttributeDefinitions":[{"AttributeName":"v","AttributeType":"B"}]}}
            """
        let server = try ScriptedServer { _ in .answer(status: 200, body: body) }
        let table = try await database(endpoint: server.endpoint).describeTable("t")
        #expect(!table.canBeUsed && table.identifier == "a-1")
        #expect(table.keys == TableKeys(partition: .init("v", .bytes)))
    }

    @Test func `a missing answer to a transaction that reads is an error`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: #"{"Responses":[{}]}"#) }
        let database = try database(endpoint: server.endpoint)
        let reads = [TransactionRead(table: "t", key: ["a": .null]), TransactionRead(table: "t", key: ["b": .null])]
        let error = await failure { () throws(DynamoDBError) in try await database.transactGet(reads) }
        guard case .malformed = error else { throw Unexpected(error) }
    }
}
