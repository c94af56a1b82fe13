// SPDX-License-Identifier: Apache-2.0
package import Concurrency
package import Consensus

/// How urgent a duty is. A later lane waits for an earlier one; nothing is reserved while nobody needs it.
package enum Lane: Int, CaseIterable, Sendable {
    /// Reading requests: short, and it tells the lane.
    case intake
    /// Blocks and what they need: late means no block.
    case proposal
    /// Attestations and sync committee messages: late means less income.
    case attestation
    case aggregation
    /// Selection proofs are for slots to come.
    case selection
    /// Registrations and exits have minutes or days.
    case registration

    package init(_ operation: OperationType) {
        self =
            switch operation {
            case .block, .blockV2, .randaoReveal, .executionPayloadBid, .executionPayloadEnvelope: .proposal
            case .attestation, .syncCommitteeMessage, .payloadAttestationMessage: .attestation
            case .aggregateAndProof, .aggregateAndProofV2, .syncCommitteeContributionAndProof: .aggregation
            case .aggregationSlot, .syncCommitteeSelectionProof, .proposerPreferences: .selection
            case .validatorRegistration, .voluntaryExit, .deposit, .builderRequestAuth: .registration
            }
    }
}

/// The threads that sign, by lane, and the bound on what may be under way. What does not fit is refused at once.
package final class SigningLanes: Sendable {
    /// Requests under way at most, over all lanes.
    package let limit: Int
    private let pool: LaneExecutor
    private struct Load {
        var underWay = 0
        var gauge = LoadGauge()
    }
    private let load = Lock(Load())
    /// Told by the thread of the sockets, which answers everything, also what is not signed.
    package let sockets = Starvation()

    package init(limit: Int, threads: Int = Processors.available) {
        precondition(limit > 0, "a signer that may do nothing at a time")
        self.limit = limit
        pool = LaneExecutor(lanes: Lane.allCases.count, threads: threads, name: "sign")
    }

    package func executor(_ lane: Lane) -> LaneExecutor.Lane { pool.lanes[lane.rawValue] }

    /// How many more requests fit.
    package var available: Int { limit - load.withLock { $0.underWay } }

    /// Takes a place, or says that there is none. The later the lane, the earlier it finds the house full: the last
    /// sixteenths of the limit stay for the lanes before it. Where more comes than can be done in time, and goes on coming,
    /// only blocks find a place beyond what can (`LoadGauge`).
    package func enter(_ lane: Lane) -> Bool {
        let bound = max(1, limit - limit / 16 * (lane.rawValue - Lane.proposal.rawValue))
        let now = MonotonicClock.nanoseconds
        return load.withLock { load in
            guard load.underWay < bound else { return false }
            if lane != .proposal, load.gauge.isTooMuch(underWay: load.underWay, at: now, isStarving: sockets.isNow) {
                return false
            }
            load.underWay += 1
            return true
        }
    }

    /// Whether a duty of a later lane than the blocks' would find no place: then it need not be read to be refused. To be
    /// asked once for each, since those that are let in may be paced (`LoadGauge`).
    package func turnsAwayUnread() -> Bool {
        let now = MonotonicClock.nanoseconds
        return load.withLock { load in
            load.underWay >= limit - limit / 16
                || load.gauge.isTooMuchUnread(underWay: load.underWay, at: now, isStarving: sockets.isNow)
        }
    }

    /// Whether something that comes to its turn only now gives way to what can still be in time; blocks never do.
    func isTooLate(_ lane: Lane, since began: UInt64) -> Bool {
        let now = MonotonicClock.nanoseconds
        return lane != .proposal && load.withLock { $0.gauge.isTooLate(waited: now &- began, at: now) }
    }

    /// - Parameter isDone: whether it was worked on: what gave way says nothing about how much can be done.
    package func leave(isDone: Bool = true) {
        let now = MonotonicClock.nanoseconds
        load.withLock { load in
            load.underWay -= 1
            if isDone { load.gauge.finished(left: load.underWay, at: now) }
        }
    }

    /// Ends the threads after what they have begun. Blocks: never from a task.
    package func stop() { pool.stop() }
}
