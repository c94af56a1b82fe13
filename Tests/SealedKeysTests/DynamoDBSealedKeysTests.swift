import AWS
import Concurrency
import DynamoDB
import Encoding
// SPDX-License-Identifier: Apache-2.0
import Foundation
import SealedKeys
import TestSupport
import Testing

@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(5))) struct DynamoDBSealedKeysTests {
    private static func refusal(_ table: String, endpoint: String? = nil) async throws -> SealedKeyError? {
        let database = try await KeyPlace.database(endpoint: endpoint)
        do throws(SealedKeyError) {
            _ = try await DynamoDBSealedKeys.open(database, table: table)
            return nil
        } catch { return error }
    }

    // MARK: The index

    /// Small rings, so that a part of what the index lacks is not named by the last changes either.
    @Test(arguments: [4, 4096]) func `an index that lags hides nothing and shows nothing that is gone`(
        changesKept: Int
    ) async throws {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB(changesKept: UInt64(changesKept))
        try await store.make((0..<40).map { .put($0, 1, $0 % 2 == 0 ? .active : .inactive) })
        try await MotoServer.shared.travel("lag", place.name, "index")

        // As many keys as before, all of them there in the index, one of them older.
        var changes: [SealedKeyEntry] = [.put(0, 2, .active, "rotated")]
        try await store.make(changes)
        try await Self.expect(store, changes)
        // As many keys as before, but not the same.
        changes += [.delete(2, 2), .put(50)]
        try await store.make(changes)
        try await Self.expect(store, changes)
        for number in 51..<55 { try await store.make([.put(number)]) }
        changes += (51..<55).map { .put($0) } + [.put(4, 2, .inactive), .put(5, 2), .delete(7, 2)]
        try await store.make(changes)
        try await Self.expect(store, changes)
        // Another instance, which begins with the index as it is.
        let other = try await place.openDynamoDB()
        try await Self.expect(other, changes)
        try await MotoServer.shared.travel("catch-up", place.name)
        try await Self.expect(other, changes)
    }

    /// Every way of reading shows the first forty keys with some changes.
    private static func expect(_ store: DynamoDBSealedKeys, _ changes: [SealedKeyEntry]) async throws {
        var rows = Dictionary(
            uniqueKeysWithValues: (0..<40).map { (key($0), row($0, 1, $0 % 2 == 0 ? .active : .inactive)) }
        )
        for change in changes { rows[change.publicKey] = change.row }
        let sorted = rows.values.sorted { $0.publicKey < $1.publicKey }
        for statuses in [[.active], [.inactive], [.active, .inactive]] as [Set<SealedKeyStatus>] {
            let (found, cursor) = try await store.all(statuses)
            #expect(found == sorted.filter { statuses.contains($0.status) })
            #expect(try await store.changes(after: cursor) == .unchanged)
        }
        #expect(try await store.pages(of: 9) == sorted)
        #expect(try await store.pages(of: 9, .active) == sorted.filter { $0.status == .active })
    }

    /// A scan may show a part of what the last transactions did.
    @Test func `what was changed last is not taken from a scan`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB()
        try await store.make((0..<40).map { .put($0, 1, $0 % 2 == 0 ? .active : .inactive) })
        for what in ["index", "scan"] { try await MotoServer.shared.travel("lag", place.name, what) }
        let changes: [SealedKeyEntry] = [.put(0, 2), .delete(1, 2), .put(2, 2, .inactive), .put(3, 2), .put(60)]
        for change in changes { try await store.make([change]) }
        try await Self.expect(store, changes)
        try await Self.expect(try await place.openDynamoDB(), changes)
    }

    @Test func `an index that shows everything is believed, and the table is not read`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let asked = Lock<[String]>([])
        let server = try await LossyServer { operation in
            asked.withLock { $0.append(operation) }
            return .nothing
        }
        let store = try await DynamoDBSealedKeys.open(
            KeyPlace.database(endpoint: server.server.endpoint),
            table: place.name,
            readers: 3
        )
        try await store.make((0..<40).map { .put($0) })
        asked.withLock { $0 = [] }
        let (rows, cursor) = try await store.all([.active])
        #expect(rows.count == 40)
        #expect(asked.withLock { $0.count { $0 == "Query" } == 16 && !$0.contains("Scan") })
        asked.withLock { $0 = [] }
        #expect(try await store.changes(after: cursor) == .unchanged)
        #expect(asked.withLock { $0 } == ["GetItem"])
    }

    // MARK: The ring of changes

    @Test func `who was away longer than changes are remembered loads again`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB(changesKept: 6)
        try await store.make([.put(1)])
        let cursor = try await store.all().cursor
        for version in UInt64(2)...7 { try await store.make([.put(1, version)]) }
        #expect(try await store.allChanges(after: cursor)?.entries == [.put(1, 7)])
        try await store.make([.put(1, 8)])
        #expect(try await store.changes(after: cursor) == .reload)
        #expect(try await store.all().rows == [row(1, 8)])
        // The page's own directory was behind as well.
        #expect(try await store.pages(of: 5) == [row(1, 8)])
        for version in UInt64(9)...20 { try await store.make([.put(1, version)]) }
        #expect(try await store.pages(of: 5) == [row(1, 20)])
    }

    @Test func `an item that somebody took away, or put back, does not pass unnoticed`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB()
        let database = try await KeyPlace.database()
        try await store.make([.put(1), .put(2)])
        let old = try #require(
            try await database.getItem(table: place.name, key: ["public_key": .string("\(key(1))")])
        )
        let cursor = try await store.all().cursor
        try await store.make([.put(1, 2), .put(2, 2)])
        try await database.putItem(table: place.name, old)
        let changes = try await store.allChanges(after: cursor)
        #expect(changes?.entries == [.put(1), .put(2, 2)], "it is told with the version that it has")
        #expect(try await store.all().rows == [row(1), row(2, 2)])
        #expect(try await store.apply([.put(1, 3)]) == [.conflict(.put(1))])

        try await database.transactWrite([
            .delete(table: place.name, key: ["public_key": .string("\(key(2))")])
        ])
        #expect(try await store.changes(after: cursor) == .reload)
        let (rows, next) = try await store.all()
        #expect(rows == [row(1)])

        try await store.make([.put(3)])
        try await database.transactWrite([.delete(table: place.name, key: ["public_key": .string("change#3")])])
        #expect(try await store.changes(after: next) == .reload)
        #expect(try await store.all().rows == [row(1), row(3)])
    }

    @Test func `an item that lacks something keeps no other from being read`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB()
        try await store.make([.put(1)])
        let database = try await KeyPlace.database()
        let shard: AttributeValue = .string("inactive#03")
        let lacking: Item = ["public_key": .string("\(key(2))"), "status_shard": shard]
        try await database.putItem(table: place.name, lacking)
        try await database.putItem(table: place.name, ["public_key": .string("0x1234"), "status_shard": shard])
        let (rows, _) = try await store.all()
        try #require(rows.count == 2)
        #expect(rows[0] == row(1) && rows[1].publicKey == key(2))
        #expect(rows[1].version == 0 && rows[1].status == .inactive && rows[1].seal == [])
        #expect(try await store.all([.active]).rows == [row(1)])
    }

    // MARK: Opening

    @Test func `instances that begin together make one store`() async throws {
        let place = try await KeyPlace(.dynamodb)
        async let first = place.openDynamoDB()
        async let second = place.openDynamoDB()
        let stores = [try await first, try await second]
        #expect(try await stores[0].all().cursor == (try await stores[1].all().cursor))
    }

    @Test func `a header that is gone is not made anew over keys that are there`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB()
        try await store.make([.put(1)])
        let database = try await KeyPlace.database()
        try await database.transactWrite([.delete(table: place.name, key: ["public_key": .string("header")])])
        for error in [try await Self.refusal(place.name), await failure { try await store.count() }] {
            guard case .unusable(let reason) = error else { throw Unexpected("\(error, default: "nothing")") }
            #expect(reason.contains(place.name) && reason.contains("header") && reason.contains("backup"))
        }
    }

    @Test func `a table that cannot hold the keys is named, with what it lacks`() async throws {
        let database = try await KeyPlace.database()
        let place = try await KeyPlace(.dynamodb)
        let status = TableKeys.Key("status_shard", .string)
        let key = TableKeys.Key("public_key", .string)
        let tables: [(name: String, keys: TableKeys, indexes: [TableIndex], said: String)] = [
            ("other-keys", TableKeys(partition: .init("id", .string)), [], "public_key"),
            ("sorted", TableKeys(partition: key, sort: .init("entry", .string)), [], "alone"),
            ("no-index", TableKeys(partition: key), [], "status-shard"),
            (
                "other-index", TableKeys(partition: key),
                [TableIndex("status-shard", keys: TableKeys(partition: status))], "sort key"
            ),
        ]
        for (name, keys, indexes, said) in tables {
            let name = "\(place.name)-\(name)"
            try await database.createTable(name, keys: keys, indexes: indexes)
            guard case .unusable(let reason) = try await Self.refusal(name) else { throw Unexpected(name) }
            #expect(reason.contains(name) && reason.contains(said), "\(reason)")
        }
        guard case .unusable(let missing) = try await Self.refusal("\(place.name)-missing") else {
            throw Unexpected("missing")
        }
        #expect(missing.contains("\(place.name)-missing does not exist"))
        try await MotoServer.shared.travel("replicate", place.name, "eu-west-1")
        guard case .unusable(let global) = try await Self.refusal(place.name) else { throw Unexpected("global") }
        #expect(global.contains("global table"))
    }

    // MARK: Failures

    @Test func `a table without capacity is told with its name and what to do`() async throws {
        let code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
        let said = #"{"__type":"\#(code)","message":"x"}"#
        let server = try ScriptedServer { _ in .answer(status: 400, body: said) }
        guard case .unavailable(let reason) = try await Self.refusal("small", endpoint: server.endpoint) else {
            throw Unexpected("it was opened")
        }
        for words in ["small", "ProvisionedThroughputExceededException", "PAY_PER_REQUEST", "max_concurrent_reads"] {
            #expect(reason.contains(words), "\(reason)")
        }
        #expect(server.requests.count > 1, "it was tried again")
        let page = try String(contentsOf: Vectors.packageRoot.appending(path: "docs/aws.md"), encoding: .utf8)
        #expect(page.contains("\n| `ProvisionedThroughputExceededException` | "))
    }

    @Test func `a role that may not do something is told to somebody`() async throws {
        let said = #"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"not authorized"}"#
        let server = try ScriptedServer { _ in .answer(status: 400, body: said) }
        guard case .unusable(let reason) = try await Self.refusal("closed", endpoint: server.endpoint) else {
            throw Unexpected("it was opened")
        }
        #expect(reason.contains("AccessDeniedException") && reason.contains("policy"))
    }

    @Test func `changes whose answers are lost are done once and answered as done`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let losing = Lock(false)
        let server = try await LossyServer { operation in
            // Every answer, so that the client gives up without knowing.
            operation == "TransactWriteItems" && losing.withLock { $0 } ? .answer : .nothing
        }
        let database = try await KeyPlace.database(endpoint: server.server.endpoint)
        let store = try await DynamoDBSealedKeys.open(database, table: place.name, readers: 4)
        try await store.make([.put(1), .put(2)])
        losing.withLock { $0 = true }
        #expect(try await store.apply([.put(1, 2), .put(2, 7), .put(3)]) == [.done, .conflict(.put(2)), .done])
        losing.withLock { $0 = false }
        #expect(try await store.all().rows == [row(1, 2), row(2), row(3)])
        #expect(try await store.count().active == 3)
    }

    @Test func `a table that was out of reach is used again when it is back`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let isCut = Lock(false)
        let server = try await LossyServer { _ in isCut.withLock { $0 } ? .request : .nothing }
        let database = try await KeyPlace.database(endpoint: server.server.endpoint)
        let store = try await DynamoDBSealedKeys.open(database, table: place.name, readers: 4)
        try await store.make([.put(1)])
        let cursor = try await store.all().cursor
        isCut.withLock { $0 = true }
        let errors = [
            await failure { try await store.changes(after: cursor) }, await failure { try await store.all() },
            await failure { try await store.apply([.put(2)]) },
        ]
        for error in errors {
            guard case .unavailable(let reason) = error else { throw Unexpected("\(error, default: "nothing")") }
            #expect(reason.contains(place.name))
        }
        isCut.withLock { $0 = false }
        try await store.make([.put(2)])
        #expect(try await store.allChanges(after: cursor)?.entries == [.put(2)])
    }
}

/// The error that a call has to end with.
func failure<Value>(_ body: () async throws -> Value) async -> SealedKeyError? {
    do {
        _ = try await body()
        return nil
    } catch { return error as? SealedKeyError }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
