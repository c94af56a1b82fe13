// SPDX-License-Identifier: Apache-2.0
import Consensus
import SlashingProtection
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct WatermarkTests {
    @Test(arguments: StoreKind.allCases) func `low watermarks only rise`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            _ = await store.decideOne(.block(5))
            #expect(try await store.raise(slot: 50, epoch: 5) == 1)
            #expect(try await store.raise(slot: 40, epoch: 4) == 0)
            #expect(await store.decideOne(.block(45)).refusal != nil)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a high watermark must lie above every low one, a low one not above the high one`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            _ = await store.decideOne(.block(50))
            _ = await store.decideOne(.attestation(5, 6))
            await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 50, epoch: 7) }
            await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 51, epoch: 6) }
            try await store.setHighWatermark(slot: 51, epoch: 7)
            await #expect(throws: StoreError.self) { try await store.raise(slot: 52) }
            await #expect(throws: StoreError.self) { try await store.raise(epoch: 8) }
            #expect(try await store.raise(slot: 51, epoch: 7) == 1)
            guard case .watermark(let mark) = try await store.administer(.highWatermark) else {
                throw UnexpectedAnswer()
            }
            #expect(mark == HighWatermark(slot: 51, epoch: 7))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a high watermark survives closing`(_ kind: StoreKind) async throws {
        let place = try await RecordPlace(kind)
        let first = try await place.open()
        try await first.setHighWatermark(slot: 10, epoch: 1)
        await first.close()
        let second = try await place.open()
        #expect(await second.decideOne(.block(10)) == .refused(.beyondHighWatermark(highest: 10)))
        #expect(try await second.status().highWatermarkSlot == "10")
        await second.close()
        try await place.remove()
    }

    @Test(arguments: StoreKind.allCases)
    func `a disabled validator is refused`(_ kind: StoreKind) async throws {
        let place = try await RecordPlace(kind)
        let first = try await place.open()
        #expect(await first.decideOne(.block(1)) == .recorded)
        await first.close()
        try await place.disable([validator(0)])
        let second = try await place.open()
        #expect(await second.decideOne(.block(1)) == .refused(.disabled))
        #expect(await second.decideOne(.attestation(0, 1)) == .refused(.disabled))
        #expect(try await second.status().disabled == 1)
        await second.close()
        try await place.remove()
    }
}
