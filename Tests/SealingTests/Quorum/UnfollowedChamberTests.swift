// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Sealing
import SignerState
import TestSupport
import Testing

/// A chamber whose signer state is not looked at again (`signer_state.refresh_interval_seconds: 0`).
@Suite(.timeLimit(.minutes(2))) struct UnfollowedChamberTests {
    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }

    init() throws { place = try QuorumPlace() }

    @Test func `a registration ends with its time all the same`() async throws {
        let (chamber, _) = try await place.beginning()
        chamber.clock.withLock { $0 += RegistrationStage.lifetime }
        chamber.chamber.keepTime()
        await chamber.chamber.settle()
        #expect(chamber.chamber.status.state == .uninitialized)
        #expect(chamber.witness.lines.last == "uninitialized")
    }

    @Test func `shares are dropped when the time of the ceremony is over`() async throws {
        let chamber = try await place.registered()
        try await operators[0].unseal(chamber.chamber)
        #expect(chamber.chamber.status.unsealing?.names == [operators[0].name])
        chamber.clock.withLock { $0 += 1800 }
        chamber.chamber.keepTime()
        #expect(chamber.chamber.status.unsealing?.names == [] && chamber.chamber.status.state == .kmsUnsealed)
    }

    @Test func `keeping time reads nothing, and taking the seal back looks at what there is`() async throws {
        let waiting = try await place.started()
        let other = try await place.registered()
        #expect(await other.chamber.seal().problem == nil)
        waiting.chamber.keepTime()
        #expect(waiting.chamber.status.state == .uninitialized)
        try await waiting.chamber.unseal()
        #expect(waiting.chamber.status.state == .kmsUnsealed)
    }
}
