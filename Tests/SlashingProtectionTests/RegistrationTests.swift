// SPDX-License-Identifier: Apache-2.0
import Consensus
import SlashingProtection
import Testing

@Suite(.timeLimit(.minutes(1))) struct RegistrationTests {
    @Test func `raised watermarks count for validators that are registered and have not signed`() async throws {
        try await withStore { store async throws in
            let records = (0..<600).map { validator($0) }
            guard case .registered = try await store.administer(.register(records)) else {
                Issue.record("another answer than the task's")
                return
            }
            guard case .raised(let count) = try await store.administer(.raiseLowWatermarks(slot: 50, epoch: 5)) else {
                Issue.record("another answer than the task's")
                return
            }
            #expect(count == 600)
            #expect(await store.decideOne(.block(49)).refusal != nil)
            #expect(await store.decideOne(.block(51)) == .recorded)
            #expect(try await store.status().validators == 600)
        }
    }
}
