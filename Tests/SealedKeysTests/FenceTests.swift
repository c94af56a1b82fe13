// SPDX-License-Identifier: Apache-2.0
import Concurrency
import DynamoDB
import PostgreSQLServer
import SQLite
import SealedKeys
import TestSupport
import Testing

/// What is brought under a master key that is on its way out.
@Suite(.timeLimit(.minutes(3))) struct FenceTests {
    /// An entry under the master key of some generation.
    private static func put(_ number: Int, _ version: UInt64 = 1, under generation: UInt64) -> SealedKeyEntry {
        var row = row(number, version)
        row.keyGeneration = generation
        return .standing(row)
    }

    private static func delete(_ number: Int, _ version: UInt64, under generation: UInt64) -> SealedKeyEntry {
        var tombstone = tombstone(number, version)
        tombstone.keyGeneration = generation
        return .deleted(tombstone)
    }

    @Test(arguments: KeyBackend.present)
    func `below the fence nothing is written, at it and above it all is`(backend: KeyBackend) async throws {
        let place = try await KeyPlace(backend)
        let store = try await place.open()
        try await store.make([Self.put(1, under: 3), Self.put(2, under: 3), Self.put(3, under: 3)])
        try await store.raiseFence(to: 4)
        let cursor = try await store.all().cursor
        let outcomes = try await store.apply([
            Self.put(4, under: 3),  // new
            Self.put(1, 2, under: 3),  // a change
            Self.delete(2, 2, under: 3),
            Self.put(3, under: 3),  // it came in time
            Self.put(3, 3, under: 3),  // it does not follow either
        ])
        #expect(
            outcomes == [.outdated, .outdated, .outdated, .done, .conflict(Self.put(3, under: 3))]
        )
        #expect(try await store.changes(after: cursor) == .unchanged)
        #expect(try await store.entries(of: [key(4)]).isEmpty)
        // Each is done or not for itself.
        #expect(
            try await store.apply([Self.put(1, 2, under: 4), Self.put(5, under: 3), Self.delete(2, 2, under: 5)])
                == [.done, .outdated, .done]
        )
        #expect(try await store.all().rows.map(\.publicKey) == [key(1), key(3)])
        await store.close()
    }

    @Test(arguments: KeyBackend.present)
    func `the fence only goes forward, and is there when the store is opened again`(backend: KeyBackend) async throws {
        let place = try await KeyPlace(backend)
        var store = try await place.open()
        #expect(try await store.apply([Self.put(1, under: 0)]) == [.done])
        #expect(try await store.leastGeneration() == 0)
        for generation in [UInt64(5), 5, 3, 0] { try await store.raiseFence(to: generation) }
        #expect(try await store.leastGeneration() == 5)
        #expect(try await store.apply([Self.put(2, under: 4)]) == [.outdated])
        await store.close()
        store = try await place.open()
        #expect(try await store.apply([Self.put(2, under: 4), Self.put(3, under: 5)]) == [.outdated, .done])
        #expect(try await store.leastGeneration() == 5)
        await store.close()
    }

    /// What a rotation rests on: it reads the rows after it has raised the fence, and encrypts those anew.
    @Test(arguments: KeyBackend.shared)
    func `what is let in under the old key is there when the fence is up, and nothing comes after`(
        backend: KeyBackend
    ) async throws {
        let place = try await KeyPlace(backend)
        let stores = [try await place.open(), try await place.open()]
        let isUp = Lock(false)
        let seen = try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, store) in stores.enumerated() {
                group.addTask {
                    var next = number * 1_000
                    // One more after the fence is up: it has to be refused.
                    while true {
                        let last = isUp.withLock { $0 }
                        let outcome = try await store.apply([Self.put(next, under: 3)])[0]
                        #expect(outcome == .done || outcome == .outdated)
                        if last { return #expect(outcome == .outdated) }
                        next += 1
                    }
                }
            }
            let raising = try await place.open()
            while try await raising.all().rows.count < 5 {}
            // Two who change the header all the time may be in the way of a third for long.
            while await failure({ try await raising.raiseFence(to: 4) }) != nil {}
            let seen = try await raising.all().rows
            isUp.withLock { $0 = true }
            try await group.waitForAll()
            await raising.close()
            return seen
        }
        #expect(try await stores[0].all().rows == seen)
        for store in stores { await store.close() }
    }

    // MARK: Stores of before

    @Test func `a file of before has no fence yet`() async throws {
        let place = try await KeyPlace(.sqlite)
        var store = try await place.open()
        try await store.make([Self.put(1, under: 1)])
        await store.close()
        do {
            let file = try Connection(path: place.path, mode: .readWrite)
            try file.execute("ALTER TABLE header DROP COLUMN least_generation")
        }
        store = try await place.open()
        try await store.make([Self.put(2, under: 1)])
        try await store.raiseFence(to: 2)
        #expect(try await store.apply([Self.put(3, under: 1)]) == [.outdated])
        await store.close()
    }

    @Test func `tables of before have no fence yet; who may not give them one says what is to be run`() async throws {
        let place = try await KeyPlace(.postgres)
        let server = try #require(place.server)
        let first = try await place.openPostgreSQL()
        try await first.make([Self.put(1, under: 1)])
        await first.close()
        let role = "plain_\(place.name)"
        try await server.psql(
            """
            ALTER TABLE containment_chamber.sealed_keys_revision_v1 DROP COLUMN least_generation;
            CREATE ROLE \(role) LOGIN;
            GRANT USAGE ON SCHEMA containment_chamber TO \(role);
            GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA containment_chamber TO \(role);
            """,
            database: place.name
        )
        let failure = await failure { try await place.openPostgreSQL(role: role) }
        guard case .unusable(let reason)? = failure else { throw Unexpected("it was opened") }
        #expect(reason.contains("ALTER TABLE containment_chamber.sealed_keys_revision_v1 ADD COLUMN"))
        let owned = try await place.openPostgreSQL(createIfMissing: false)
        try await owned.make([Self.put(2, under: 1)])
        try await owned.raiseFence(to: 2)
        #expect(try await owned.apply([Self.put(3, under: 1)]) == [.outdated])
        await owned.close()
        let plain = try await place.openPostgreSQL(role: role)
        try await plain.raiseFence(to: 3)
        #expect(try await plain.apply([Self.put(3, under: 2), Self.put(3, under: 3)]) == [.outdated, .done])
        await plain.close()
    }

    @Test(.enabled(if: MotoServer.isPresent))
    func `the header of DynamoDB has the fence once there is one, and is refused where it cannot be read`() async throws
    {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB()
        let database = try await KeyPlace.database()
        let name: Item = ["public_key": .string("header")]
        #expect(try await database.getItem(table: place.name, key: name)?["least_generation"] == nil)
        try await store.raiseFence(to: 2)
        var header = try #require(try await database.getItem(table: place.name, key: name))
        #expect(header["least_generation"] == .number(2) && header["revision"] == .number(0))
        header["least_generation"] = .string("2")
        try await database.putItem(table: place.name, header)
        guard case .unusable? = await failure({ try await store.apply([Self.put(1, under: 3)]) }) else {
            throw Unexpected("it was changed")
        }
        await store.close()
    }
}
