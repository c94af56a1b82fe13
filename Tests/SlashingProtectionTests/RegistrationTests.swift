// SPDX-License-Identifier: Apache-2.0
import Consensus
import SlashingProtection
import Testing

@Suite(.timeLimit(.minutes(10))) struct RegistrationTests {
    @Test(arguments: StoreKind.allCases)
    func `raised watermarks count for validators that are registered and have not signed`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            let records = (0..<kind.fewer(600, 120)).map { validator($0) }
            guard case .registered = try await store.administer(.register(records)) else {
                Issue.record("another answer than the task's")
                return
            }
            guard case .raised(let count) = try await store.administer(.raiseLowWatermarks(slot: 50, epoch: 5)) else {
                Issue.record("another answer than the task's")
                return
            }
            #expect(count == records.count)
            #expect(await store.decideOne(.block(49)).refusal != nil)
            #expect(await store.decideOne(.block(51)) == .recorded)
            #expect(try await store.status().validators == records.count)
        }
    }

    @Test(arguments: StoreKind.allCases) func `raised watermarks count for validators that come later`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            guard case .raised(let count) = try await store.administer(.raiseLowWatermarks(slot: 50, epoch: 5)) else {
                Issue.record("another answer than the task's")
                return
            }
            #expect(count == 0)
            #expect(await store.decideOne(.block(50)).refusal != nil)
            #expect(await store.decideOne(.attestation(4, 9)).refusal != nil)
            #expect(await store.decideOne(.attestation(5, 9)) == .recorded)
            #expect(await store.decideOne(.block(51)) == .recorded)
            await #expect(throws: StoreError.self) {
                try await store.administer(.setHighWatermark(HighWatermark(slot: 50, epoch: 100)))
            }
        }
    }
}
