// SPDX-License-Identifier: Apache-2.0
import SignerState
import Testing

func row(_ name: String) -> StateRowName { StateRowName("policy", name) }
func change(_ name: String, _ expected: UInt64, _ body: String?) -> StateChange {
    StateChange(row(name), expecting: expected, body: body.map { Array($0.utf8) })
}

/// Every backend passes the same tests.
@Suite(.timeLimit(.minutes(5))) struct StateStoreTests {
    private static func with(_ kind: StateKind, _ body: (any StateStore) async throws -> Void) async throws {
        let place = try await StatePlace(kind)
        let store = try await place.open()
        try await body(store)
        await store.close()
        withExtendedLifetime(place) {}
    }

    private static func versions(_ store: any StateStore, after revision: UInt64 = 0) async throws -> [String: UInt64] {
        let rows = try await store.rows(after: revision).rows
        return Dictionary(uniqueKeysWithValues: rows.map { (($0.body == nil ? "-" : "") + $0.name.name, $0.version) })
    }

    private static func conflict(_ store: any StateStore, _ changes: [StateChange]) async throws -> StateRowName? {
        do {
            _ = try await store.apply(changes)
            return nil
        } catch StateError.conflict(let name) { return name }
    }

    @Test(arguments: StateKind.present) func `a new state is empty`(kind: StateKind) async throws {
        try await Self.with(kind) { store in
            let reading = try await store.rows(after: 0)
            #expect(reading == StateReading(revision: 0, rows: []))
        }
    }

    @Test(arguments: StateKind.present)
    func `rows are made, changed, deleted and made again, each time with the next version`(kind: StateKind) async throws
    {
        try await Self.with(kind) { store in
            #expect(try await store.apply([change("a", 0, "1"), change("b", 0, "2")]) == 1)
            #expect(try await store.apply([change("a", 1, "3")]) == 2)
            #expect(try await store.apply([change("b", 1, nil)]) == 3)
            #expect(try await Self.versions(store) == ["a": 2, "-b": 2])
            #expect(try await store.apply([change("b", 0, "4")]) == 4)
            #expect(try await Self.versions(store) == ["a": 2, "b": 3])
            let reading = try await store.rows(after: 0)
            #expect(reading.rows.map(\.body) == [Array("3".utf8), Array("4".utf8)])
            #expect(reading.rows.map(\.revision) == [2, 4])
        }
    }

    @Test(arguments: StateKind.present)
    func `a change that expects another version changes nothing, nor does what came with it`(
        kind: StateKind
    ) async throws {
        try await Self.with(kind) { store in
            try await store.apply([change("a", 0, "1"), change("gone", 0, "1")])
            try await store.apply([change("gone", 1, nil)])
            let before = try await store.rows(after: 0)
            for (name, expected) in [("a", 0), ("a", 2), ("new", 1), ("gone", 1), ("gone", 2)] as [(String, UInt64)] {
                let changes = [change("other", 0, "x"), change(name, expected, "y")]
                #expect(try await Self.conflict(store, changes) == row(name), "\(name) \(expected)")
            }
            #expect(try await store.rows(after: 0) == before)
        }
    }

    @Test(arguments: StateKind.present) func `who has seen a revision is told what came after it, and only that`(
        kind: StateKind
    ) async throws {
        try await Self.with(kind) { store in
            try await store.apply([change("a", 0, "1"), change("b", 0, "1"), change("c", 0, "1")])
            try await store.apply([change("b", 1, "2")])
            try await store.apply([change("c", 1, nil)])
            #expect(try await Self.versions(store, after: 1) == ["b": 2, "-c": 2])
            #expect(try await Self.versions(store, after: 2) == ["-c": 2])
            #expect(try await store.rows(after: 3) == StateReading(revision: 3, rows: []))
        }
    }

    @Test(arguments: StateKind.present) func `of many who change the same row one wins each time`(
        kind: StateKind
    ) async throws {
        try await Self.with(kind) { store in
            try await store.apply([change("a", 0, "0")])
            for version in UInt64(1)...10 {
                let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<8 {
                        group.addTask { try await Self.conflict(store, [change("a", version, "\(number)")]) == nil }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(wins == 1)
            }
            #expect(try await Self.versions(store) == ["a": 11])
        }
    }

    @Test(arguments: StateKind.present) func `large bodies and odd names come back as they were`(
        kind: StateKind
    ) async throws {
        try await Self.with(kind) { store in
            let body = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let name = StateRowName("token", "ö 'quoted\"; DROP TABLE rows; --")
            try await store.apply([StateChange(name, expecting: 0, body: body), change("empty", 0, "")])
            let rows = try await store.rows(after: 0).rows
            #expect(rows.first { $0.name == name }?.body == body)
            #expect(rows.first { $0.name == row("empty") }?.body == [])
        }
    }

    /// Two instances over the same state.
    @Test(arguments: StateKind.present.filter { $0 != .sqlite })
    func `whoever changes something last has seen what the other did`(kind: StateKind) async throws {
        let place = try await StatePlace(kind)
        async let first = place.open()
        async let second = place.open()
        let stores = [try await first, try await second]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    let store = stores[task % 2]
                    for _ in 0..<5 {
                        while true {
                            let now = try await store.rows(after: 0).rows.first { $0.name == row("sum") }
                            let sum = now?.body.map { Int(String(decoding: $0, as: UTF8.self)) ?? 0 } ?? 0
                            let changes = [change("sum", now?.version ?? 0, "\(sum + 1)")]
                            if try await Self.conflict(store, changes) == nil { break }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        for store in stores {
            let reading = try await store.rows(after: 0)
            #expect(reading.rows.first?.body == Array("20".utf8))
            #expect(reading.revision == 20)
            await store.close()
        }
    }

    @Test(arguments: StateKind.present) func `what was changed is there when it is opened again`(
        kind: StateKind
    ) async throws {
        let place = try await StatePlace(kind)
        var store = try await place.open()
        try await store.apply([change("a", 0, "1")])
        let before = try await store.rows(after: 0)
        await store.close()
        store = try await place.open()
        #expect(try await store.rows(after: 0) == before)
        await store.close()
    }
}
