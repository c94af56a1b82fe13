// SPDX-License-Identifier: Apache-2.0
import Consensus
import Encoding
import SlashingProtection
import TestSupport
import Testing

/// Disabling and enabling, by two instances that share a record where the kind lets them.
@Suite(.timeLimit(.minutes(10))) struct EnablingTests {
    private static let here = instance(1)
    private static let there = instance(2)

    private static func instance(_ number: UInt8) -> FloorInstance {
        var bytes = Bytes<16>()
        bytes[0] = number
        return FloorInstance(identifier: bytes, name: "host-\(number):/floor")
    }

    @Test(arguments: StoreKind.allCases)
    func `of a disabled validator nothing is recorded any more, not even a repeat, and the others go on`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(1)) == .recorded)
            let report = try await store.disable([validator(0)], by: Self.here)
            #expect(report.changed == [validator(0).description] && report.refused.isEmpty)
            #expect(await store.decideOne(.block(1)) == .refused(.disabled))
            #expect(await store.decideOne(.attestation(0, 1)) == .refused(.disabled))
            #expect(await store.decideOne(.block(1, by: [validator(1)])) == .recorded)
            #expect(try await store.status().disabled == 1)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a validator that never signed can be disabled, and stays so`(_ kind: StoreKind) async throws {
        let place = try await RecordPlace(kind)
        let first = try await place.open()
        #expect(try await first.disable([validator(7)], by: Self.here).changed.count == 1)
        await first.close()
        let second = try await place.open()
        #expect(await second.decideOne(.block(1, by: [validator(7)])) == .refused(.disabled))
        #expect(try await second.disabled().map(\.record) == [validator(7)])
        await second.close()
        try await place.remove()
    }

    @Test(arguments: StoreKind.allCases)
    func `an import of history does not enable, an explicit import does, and the history counts`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            _ = await store.decideOne(.block(5))
            _ = try await store.disable([validator(0)], by: Self.there)
            try await store.take(Interchange(blocks: [RecordedBlock(9, root: 1)]))
            #expect(await store.decideOne(.block(20)) == .refused(.disabled))
            #expect(try await store.enable([validator(0)], .imported).changed == [validator(0).description])
            #expect(await store.decideOne(.block(9, root: 2)).refusal != nil)
            #expect(await store.decideOne(.block(20)) == .recorded)
            #expect(try await store.disabled().isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases.filter { $0 != .sqlite })
    func `only the instance that disabled a validator enables it`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            _ = try await store.disable([validator(0)], by: Self.here)
            // Whoever comes second changes nothing of whose it is.
            #expect(try await store.disable([validator(0)], by: Self.there).unchanged == [validator(0).description])
            #expect(try await store.disabled() == [DisabledValidator(validator(0), by: Self.here)])
            for ground in [EnablingGround.owner(Self.there), .owner(nil)] {
                let refused = try await store.enable([validator(0)], ground)
                #expect(refused.refused.map(\.publicKey) == [validator(0).description])
                #expect(refused.refused.allSatisfy { $0.reason.contains("host-1:/floor") })
                #expect(await store.decideOne(.block(1)) == .refused(.disabled))
            }
            #expect(try await store.enable([validator(0)], .owner(Self.here)).changed == [validator(0).description])
            #expect(await store.decideOne(.block(1)) == .recorded)
        }
    }

    @Test(arguments: StoreKind.allCases.filter { $0 != .sqlite })
    func `what was disabled without a name nobody owns`(_ kind: StoreKind) async throws {
        let place = try await RecordPlace(kind)
        let store = try await place.open()
        _ = await store.decideOne(.block(1))
        try await place.disable([validator(0)])
        #expect(try await store.enable([validator(0)], .owner(Self.here)).refused.count == 1)
        #expect(try await store.enable([validator(0)], .imported).changed.count == 1)
        #expect(await store.decideOne(.block(2)) == .recorded)
        await store.close()
        try await place.remove()
    }

    @Test(arguments: StoreKind.allCases.filter { $0 != .sqlite })
    func `what one store disables another sees, whoever it asks about`(_ kind: StoreKind) async throws {
        let place = try await RecordPlace(kind)
        let (one, other) = (try await place.open(), try await place.open())
        let keys = [validator(0), validator(1)]
        #expect(try await other.disabled(among: keys).isEmpty)
        _ = try await one.disable([validator(1)], by: Self.here)
        #expect(try await other.disabled(among: keys).map(\.record) == [validator(1)])
        #expect(try await other.disabled(among: [validator(0)]).isEmpty)
        _ = try await one.enable([validator(1)], .owner(Self.here))
        #expect(try await other.disabled(among: keys).isEmpty)
        await one.close()
        await other.close()
        try await place.remove()
    }

    @Test(arguments: StoreKind.allCases)
    func `messages that race with disabling are recorded before it or refused`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            let messages = kind.fewer(400, 40)
            let recorded = try await withThrowingTaskGroup(of: Int?.self) { group in
                for slot in 1...messages {
                    group.addTask { await store.decideOne(.block(UInt64(slot))) == .recorded ? slot : nil }
                    if slot == messages / 2 {
                        group.addTask {
                            _ = try await store.disable([validator(0)], by: Self.here)
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: [Int]()) { all, slot in if let slot { all.append(slot) } }
            }
            // What was let out stands in the history, which is what an export after the disabling gives away.
            let history = try await store.give(only: [validator(0)])
            let kept = Set(history.validators.flatMap(\.blocks).map { Int($0.slot.value) })
            #expect(Set(recorded).isSubset(of: kept))
            #expect(await store.decideOne(.block(UInt64(messages) + 1)) == .refused(.disabled))
        }
    }

    @Test func `a floored store disables in the name of its instance`() async throws {
        try await withStore(.postgres) { inner async throws in
            let folder = try TemporaryFolder()
            let floor = try SQLiteFloor(SQLiteFloor.Settings(path: folder.file("floor.sqlite"), name: "here"))
            let store = FlooredStore(inner: inner, floor: floor)
            try await store.start()
            _ = try await store.disable([validator(0)])
            #expect(try await store.disabled() == [DisabledValidator(validator(0), by: floor.instance)])
            #expect(try await store.enable([validator(0)], .owner(nil)).changed.count == 1)
            await floor.close()
        }
    }
}
