// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import PostgreSQL
import PostgreSQLServer
import SealedKeys
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct PostgreSQLSealedKeysTests {
    @Test func `tables are made only where that is asked for`() async throws {
        let place = try await KeyPlace(.postgres)
        guard case .unusable(let reason)? = await failure({ try await place.openPostgreSQL(createIfMissing: false) })
        else { throw Unexpected("it was opened") }
        #expect(reason.contains("containment_chamber.sealed_keys_entries_v1") && reason.contains(place.name))
        let store = try await place.openPostgreSQL()
        try await store.make([.put(1)])
        await store.close()
        let again = try await place.openPostgreSQL(createIfMissing: false)
        #expect(try await again.all().rows == [row(1)])
        await again.close()
    }

    @Test func `instances that begin together make one store`() async throws {
        let place = try await KeyPlace(.postgres)
        let stores = try await withThrowingTaskGroup(of: PostgreSQLSealedKeys.self) { group in
            for _ in 0..<4 { group.addTask { try await place.openPostgreSQL() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let cursor = try await stores[0].all().cursor
        for store in stores {
            #expect(try await store.all().cursor == cursor)
            await store.close()
        }
    }

    @Test func `stores under several names know nothing of each other`() async throws {
        let place = try await KeyPlace(.postgres)
        let names = ["sealed_keys", "signer_state", "a", String(repeating: "b", count: 40)]
        for (number, name) in names.enumerated() {
            let store = try await place.openPostgreSQL(name)
            #expect(try await store.all().rows.isEmpty)
            try await store.make([.put(number)])
            await store.close()
        }
        for (number, name) in names.enumerated() {
            let store = try await place.openPostgreSQL(name, createIfMissing: false)
            #expect(try await store.all().rows == [row(number)])
            await store.close()
        }
    }

    @Test(arguments: [
        "", "Keys", "1keys", "_keys", "pg_keys", "keys-2", "keys.entries", "schlüssel", "k\"; DROP TABLE x; --", "k ",
        String(repeating: "k", count: 41),
    ])
    func `a name that could be anything else than a name is refused`(name: String) async throws {
        let settings = try PostgreSQLSettings(url: "postgresql://u:p@127.0.0.1:1/d", applicationName: "tests")
        let error = await failure { try PostgreSQLSealedKeys(settings, name: name, createIfMissing: true) }
        guard case .unusable(let reason) = error else { throw Unexpected("it was taken") }
        #expect(reason.contains("name of a table"))
    }

    @Test func `a role that may make nothing uses what was made for it`() async throws {
        let place = try await KeyPlace(.postgres)
        let server = try #require(place.server)
        await (try await place.openPostgreSQL()).close()
        let role = "plain_\(place.name)"
        try await server.psql(
            """
            CREATE ROLE \(role) LOGIN;
            GRANT USAGE ON SCHEMA containment_chamber TO \(role);
            GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA containment_chamber TO \(role);
            """,
            database: place.name
        )
        let url = server.administratorURL(place.name).replacing("postgres@", with: "\(role)@")
        let settings = try PostgreSQLSettings(url: url, applicationName: "tests")
        let store = try await Blocking.run(name: "opening") {
            Result { () throws(SealedKeyError) in try PostgreSQLSealedKeys(settings, createIfMissing: true) }
        }.get()
        try await store.make([.put(1)])
        try await store.make([.delete(1, 2)])
        try await server.psql(
            "REVOKE UPDATE ON ALL TABLES IN SCHEMA containment_chamber FROM \(role)",
            database: place.name
        )
        guard case .unusable(let reason)? = await failure({ try await store.apply([.put(1, 3)]) }) else {
            throw Unexpected("it was changed")
        }
        #expect(reason.contains("permission denied"))
        await store.close()
    }

    // MARK: Faults

    @Test func `a server that was started again shows to nobody who comes later`() async throws {
        let server = try await PostgreSQLServer.started()
        let place = try await KeyPlace(.postgres, server: server)
        let store = try await place.openPostgreSQL()
        try await store.make([.put(1)])
        let cursor = try await store.all().cursor
        for number in 2...3 {
            await server.stop(.immediate)
            try await server.start()
            try await store.make([.put(number)])
        }
        #expect(try await store.allChanges(after: cursor)?.entries == [.put(2), .put(3)])
        await store.close()
    }

    @Test func `while the server is away the reason is told, and nothing is lost or done twice when it is back`()
        async throws
    {
        let server = try await PostgreSQLServer.started()
        let place = try await KeyPlace(.postgres, server: server)
        let stores = [try await place.openPostgreSQL(), try await place.openPostgreSQL()]
        let seed = SeededGenerator.fromEnvironment()
        let failures = Condition(0)
        let isOver = Lock(false)
        let writing = Lock(stores.count)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, store) in stores.enumerated() {
                group.addTask {
                    // Each key belongs to one writer, who therefore knows what must come of each change.
                    var version: UInt64 = 0
                    while !isOver.withLock({ $0 }) || version < 20 {
                        version += 1
                        let changes = (0..<5).map { SealedKeyEntry.put(number * 100 + $0, version) }
                        try await Self.insist(store, changes, failures)
                    }
                    writing.withLock { $0 -= 1 }
                }
            }
            group.addTask {
                var follower = Follower()
                var isLast = false
                while true {
                    do {
                        if try await follower.step(stores[0]), isLast { break }
                    } catch let error as SealedKeyError {
                        guard case .unavailable = error else { throw error }
                        failures.withLock { $0 += 1 }
                    }
                    isLast = writing.withLock { $0 == 0 }
                }
                try await follower.catchUp(stores[0])
                #expect(follower.rows == (try await stores[1].all().rows), "CHAMBER_TEST_SEED=\(seed.seed)")
                #expect(follower.reloads == 0)
            }
            group.addTask {
                for mode in [PostgreSQLServer.StopMode.immediate, .fast, .immediate] {
                    await server.stop(mode)
                    // Somebody has met its absence.
                    let before = failures.withLock(wake: false) { $0 }
                    await Blocking.run(name: "waiting") { _ = failures.wait { $0 > before ? true : nil } }
                    try await server.start()
                    try await stores[0].insistOnReading()
                }
                isOver.withLock { $0 = true }
            }
            try await group.waitForAll()
        }
        let rows = try await stores[0].all().rows
        #expect(rows.count == 10 && rows.allSatisfy { $0.version >= 20 })
        for store in stores { await store.close() }
    }

    /// Asks for the same changes until they are done; nobody else touches these keys, so nothing but done can come of them.
    private static func insist(
        _ store: PostgreSQLSealedKeys,
        _ changes: [SealedKeyEntry],
        _ failures: Condition<Int>
    ) async throws {
        while true {
            do {
                #expect(try await store.apply(changes) == changes.map { _ in .done })
                return
            } catch {
                guard case .unavailable = error else { throw error }
                failures.withLock { $0 += 1 }
            }
        }
    }

    @Test func `a session that stands still on the revision holds up changes for a while, and no reader`() async throws
    {
        let place = try await KeyPlace(.postgres)
        let store = try await place.openPostgreSQL()
        try await store.make([.put(1)])
        let cursor = try await store.all().cursor
        let (isHeld, mayGo) = (Condition(false), Condition(false))
        let settings = try PostgreSQLSettings(
            url: #require(place.server).url(place.name),
            applicationName: "holder"
        )
        async let holder: Void = Blocking.run(name: "holder") {
            guard var connection = try? PostgreSQLConnection(settings) else { return }
            let lock = "SELECT 1 FROM containment_chamber.sealed_keys_revision_v1 FOR UPDATE"
            _ = try? connection.run([PostgreSQLStatement("BEGIN"), PostgreSQLStatement(lock)], within: .seconds(5))
            isHeld.withLock { $0 = true }
            _ = mayGo.wait { $0 ? true : nil }
        }
        await Blocking.run(name: "waiting") { _ = isHeld.wait { $0 ? true : nil } }
        async let refused = failure { try await store.apply([.put(2)]) }
        #expect(try await store.changes(after: cursor) == .unchanged)
        #expect(try await store.all().rows == [row(1)])
        guard case .unavailable(let reason) = await refused else { throw Unexpected("it was changed") }
        #expect(reason.contains("lock timeout"), "\(reason)")
        mayGo.withLock { $0 = true }
        await holder
        try await store.make([.put(2)])
        await store.close()
    }
}

extension SealedKeyStore {
    fileprivate func insistOnReading() async throws {
        while true {
            do {
                _ = try await count()
                return
            } catch SealedKeyError.unavailable {}
        }
    }
}
