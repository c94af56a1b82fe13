// SPDX-License-Identifier: Apache-2.0
import Encoding
import SealedKeys
import Testing

/// Every backend passes the same tests.
@Suite(.timeLimit(.minutes(5))) struct SealedKeyStoreTests {
    private static func with(
        _ backend: KeyBackend,
        _ body: (any SealedKeyStore) async throws -> Void
    ) async throws {
        let place = try await KeyPlace(backend)
        let store = try await place.open()
        try await body(store)
        await store.close()
        withExtendedLifetime(place) {}
    }

    @Test(arguments: KeyBackend.present) func `a new store is empty`(backend: KeyBackend) async throws {
        try await Self.with(backend) { store in
            let (rows, cursor) = try await store.all()
            #expect(rows.isEmpty)
            #expect(try await store.changes(after: cursor) == .unchanged)
            #expect(try await store.entries(of: [key(1)]).isEmpty)
            #expect(try await store.page(after: nil, limit: 10, status: nil).isEmpty)
            let count = try await store.count()
            #expect(count.active == 0 && count.inactive == 0)
        }
    }

    @Test(arguments: KeyBackend.present)
    func `keys are made, changed, deleted and made again, each time with the next version`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            try await store.make([.put(1), .put(2, 1, .inactive)])
            try await store.make([.put(1, 2, .inactive)])
            try await store.make([.delete(2, 2)])
            #expect(try await store.entries(of: [key(2), key(9), key(1)]) == [.delete(2, 2), .put(1, 2, .inactive)])
            #expect(try await store.all().rows == [row(1, 2, .inactive)])
            try await store.make([.put(2, 3)])
            #expect(try await store.all().rows == [row(1, 2, .inactive), row(2, 3)])
            // A tombstone can be sealed anew.
            try await store.make([.delete(2, 4)])
            try await store.make([.delete(2, 5)])
            #expect(try await store.entries(of: [key(2)]) == [.delete(2, 5)])
        }
    }

    @Test(arguments: KeyBackend.present) func `all that a row holds comes back as it was`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            var full = row(1)
            full.name = "ö/'quoted\"; DROP TABLE entries; --"
            full.encryptedMnemonic = Array(0...255)
            full.createdAt = 0
            full.updatedAt = 4_000_000_000
            full.keyGeneration = 12_345_678_901
            var empty = row(2)
            (empty.secret, empty.encryptedMnemonic, empty.seal, empty.name) = ([], [], [], "")
            try await store.make([.standing(full), .standing(empty)])
            #expect(try await store.all().rows == [full, empty])
            #expect(try await store.entries(of: [key(1)]) == [.standing(full)])
            #expect(try await store.page(after: nil, limit: 2, status: .active) == [full, empty])
        }
    }

    @Test(arguments: KeyBackend.present)
    func `a change that does not follow on what stands there leaves it, and all others, as they are`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            try await store.make([.put(1), .put(2), .put(3)])
            try await store.make([.put(2, 2), .delete(3, 2)])
            let outcomes = try await store.apply([
                .put(1, 1, .active, "other"),  // it is there
                .put(2, 2, .active, "other"),  // somebody was faster
                .put(4),
                .put(2, 4),  // a version is left out
                .put(3, 1),  // it was there
                .delete(5, 2),  // it never was
                .put(3, 3),
                .delete(1, 2),
            ])
            #expect(
                outcomes == [
                    .conflict(.put(1)), .conflict(.put(2, 2)), .done, .conflict(.put(2, 2)),
                    .conflict(.delete(3, 2)), .conflict(nil), .done, .done,
                ]
            )
            #expect(try await store.all().rows == [row(2, 2), row(3, 3), row(4)])
            #expect(try await store.entries(of: [key(1)]) == [.delete(1, 2)])
        }
    }

    @Test(arguments: KeyBackend.present) func `a change that names what it replaces may leave versions out`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            try await store.make([.put(1), .put(2, 1, .inactive)])
            let cursor = try await store.all().cursor
            let changes = [
                SealedKeyChange(.put(1, 5, .inactive), over: 1), SealedKeyChange(.delete(2, 9), over: 1),
                SealedKeyChange(.put(3, 4), over: 0),
            ]
            #expect(try await store.apply(changes) == [.done, .done, .done])
            // They were done; another one in their place is not.
            #expect(try await store.apply(changes) == [.done, .done, .done])
            let late = [SealedKeyChange(.put(1, 6), over: 1), SealedKeyChange(.put(3, 5, .inactive), over: 0)]
            #expect(try await store.apply(late) == [.conflict(.put(1, 5, .inactive)), .conflict(.put(3, 4))])
            #expect(try await store.allChanges(after: cursor)?.entries == changes.map(\.entry))
            try await store.make([.put(2, 10)])
            #expect(try await store.all().rows == [row(1, 5, .inactive), row(2, 10), row(3, 4)])
            let count = try await store.count()
            #expect(count.active == 2 && count.inactive == 1)
        }
    }

    @Test(arguments: KeyBackend.present) func `what was done already counts as done, and is not a change`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            try await store.make([.put(1), .put(2)])
            try await store.make([.delete(2, 2), .put(1, 2)])
            let cursor = try await store.all().cursor
            try await store.make([.put(1, 2), .delete(2, 2)])
            #expect(try await store.allChanges(after: cursor)?.entries == [])
            #expect(try await store.apply([.put(1)]) == [.conflict(.put(1, 2))])
        }
    }

    @Test(arguments: KeyBackend.present) func `a key can be changed twice in one call`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            try await store.make([.put(1), .put(2), .put(1, 2), .delete(2, 2), .put(1, 3), .put(2, 3)])
            #expect(try await store.all().rows == [row(1, 3), row(2, 3)])
        }
    }

    @Test(arguments: KeyBackend.present) func `keys are loaded and counted by their status`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            try await store.make((0..<30).map { .put($0, 1, $0 % 3 == 0 ? .inactive : .active) })
            try await store.make([.delete(0, 2), .put(1, 2, .inactive), .put(3, 2)])
            #expect(try await store.all([]).rows.isEmpty)
            let active = try await store.all([.active]).rows
            let inactive = try await store.all([.inactive]).rows
            #expect(active.allSatisfy { $0.status == .active } && active.count == 20)
            #expect(inactive.allSatisfy { $0.status == .inactive } && inactive.count == 9)
            let count = try await store.count()
            #expect(count.active == 20 && count.inactive == 9)
        }
    }

    @Test(arguments: KeyBackend.present)
    func `who has come to a cursor is told what was changed after it, each key once and as it is now`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            try await store.make([.put(1), .put(2), .put(3)])
            let cursor = try await store.all().cursor
            #expect(try await store.changes(after: cursor) == .unchanged)
            try await store.make([.put(2, 2, .inactive)])
            try await store.make([.delete(3, 2), .put(4)])
            try await store.make([.put(2, 3), .put(1, 2)])
            guard case .changed(let entries, let next) = try await store.changes(after: cursor) else {
                Issue.record("nothing was told")
                return
            }
            #expect(
                entries.sorted { $0.publicKey < $1.publicKey } == [.put(1, 2), .put(2, 3), .delete(3, 2), .put(4)]
            )
            #expect(try await store.changes(after: next) == .unchanged)
            #expect(try await store.all().cursor == next)
        }
    }

    @Test(arguments: KeyBackend.present) func `many keys are written, told and read in parts`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            let cursor = try await store.all().cursor
            let total = backend.isFast ? 2_500 : 250
            let odd = total / 2
            try await store.make([.put(odd)])
            let all = (0..<total).map { SealedKeyEntry.put($0, 1, $0 % 5 == 0 ? .inactive : .active, "import") }
            let outcomes = try await store.apply(all)
            for (number, outcome) in outcomes.enumerated() {
                #expect(outcome == (number == odd ? .conflict(.put(odd)) : .done), "\(number)")
            }
            var wanted = all.compactMap(\.row)
            wanted[odd] = row(odd)
            #expect(try await store.allChanges(after: cursor)?.entries == wanted.map { .standing($0) })
            #expect(try await store.all().rows == wanted)
            #expect(try await store.all([.inactive]).rows == wanted.filter { $0.status == .inactive })
            #expect(try await store.entries(of: wanted.map(\.publicKey)) == wanted.map { .standing($0) })
        }
    }

    @Test(arguments: KeyBackend.present) func `pages follow each other in the order of the keys`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            let numbers = (0..<40).map { $0 * 7919 % 40 }
            try await store.make(numbers.map { .put($0, 1, $0 % 4 == 0 ? .inactive : .active) })
            try await store.make([.delete(7, 2), .delete(8, 2), .put(9, 2, .inactive)])
            let rows = try await store.all().rows
            for limit in [1, 7, 38, 39, 1_000] {
                #expect(try await store.pages(of: limit) == rows, "\(limit)")
                #expect(try await store.pages(of: limit, .inactive) == rows.filter { $0.status == .inactive })
            }
            // Behind a key that is not there any more.
            #expect(try await store.page(after: key(7), limit: 2, status: nil).map(\.publicKey) == [key(9), key(10)])
            #expect(try await store.page(after: key(39), limit: 2, status: nil).isEmpty)
            try await store.make([.put(8, 3), .delete(10, 2), .put(41)])
            let next = try await store.page(after: key(7), limit: 3, status: nil)
            #expect(next == [row(8, 3), row(9, 2, .inactive), row(11)])
            #expect(try await store.page(after: key(38), limit: 3, status: .active) == [row(39), row(41)])
        }
    }

    @Test(arguments: KeyBackend.present) func `a row of the largest size is kept, a larger one refused`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            var large = row(1)
            large.encryptedMnemonic = (0..<(SealedKeyLimits.body - large.secret.count - large.seal.count)).map {
                UInt8(truncatingIfNeeded: $0 &* 31)
            }
            var others = (2...12).map { number in
                var row = large
                row = SealedKeyRow(
                    publicKey: key(number),
                    version: 1,
                    status: .active,
                    createdAt: 0,
                    updatedAt: 0,
                    keyGeneration: 0,
                    secret: row.secret,
                    encryptedMnemonic: row.encryptedMnemonic,
                    seal: row.seal
                )
                return row
            }
            try await store.make([.standing(large)] + others.map { .standing($0) })
            #expect(try await store.all().rows == [large] + others)
            others[3].version = 2
            others[3].seal.append(0)
            await #expect(throws: SealedKeyError.tooLarge(key(5), limit: SealedKeyLimits.body)) {
                try await store.apply([.delete(1, 2), .standing(others[3])])
            }
            #expect(try await store.entries(of: [key(1)]) == [.standing(large)])
        }
    }

    @Test(arguments: KeyBackend.present) func `of many who change the same key one wins each time`(
        backend: KeyBackend
    ) async throws {
        try await Self.with(backend) { store in
            for version in UInt64(1)...5 {
                let outcomes = try await withThrowingTaskGroup(of: SealedKeyOutcome.self) { group in
                    for number in 0..<6 {
                        group.addTask { try await store.apply([.put(1, version, .active, "\(number)")])[0] }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(outcomes.count { $0 == .done } == 1)
            }
            #expect(try await store.all().rows.map(\.version) == [5])
        }
    }

    @Test(arguments: KeyBackend.present) func `what was changed is there when it is opened again`(
        backend: KeyBackend
    ) async throws {
        let place = try await KeyPlace(backend)
        var store = try await place.open()
        let cursor = try await store.all().cursor
        try await store.make([.put(1), .put(2)])
        try await store.make([.delete(2, 2)])
        await store.close()
        store = try await place.open()
        #expect(try await store.all().rows == [row(1)])
        #expect(try await store.allChanges(after: cursor)?.entries == [.put(1), .delete(2, 2)])
        await store.close()
    }

    @Test(arguments: KeyBackend.present) func `the cursor of another store, or of a later time, leads to a reload`(
        backend: KeyBackend
    ) async throws {
        let (here, there) = (try await KeyPlace(backend), try await KeyPlace(backend))
        let (store, other) = (try await here.open(), try await there.open())
        try await store.make([.put(1)])
        let cursor = try await store.all().cursor
        try await other.make([.put(1)])
        try await other.make([.put(1, 2)])
        #expect(try await other.changes(after: cursor) == .reload)
        await store.close()
        await other.close()
        withExtendedLifetime((here, there)) {}
    }

    @Test(arguments: KeyBackend.present) func `after it was closed it says so`(backend: KeyBackend) async throws {
        let place = try await KeyPlace(backend)
        let store = try await place.open()
        await store.close()
        await #expect(throws: SealedKeyError.self) { try await store.count() }
        await #expect(throws: SealedKeyError.self) { try await store.apply([.put(1)]) }
        await #expect(throws: SealedKeyError.self) { try await store.all() }
    }
}
