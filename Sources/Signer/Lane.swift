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
    private let underWay = Lock(0)

    package init(limit: Int, threads: Int = Processors.available) {
        precondition(limit > 0, "a signer that may do nothing at a time")
        self.limit = limit
        pool = LaneExecutor(lanes: Lane.allCases.count, threads: threads, name: "sign")
    }

    package func executor(_ lane: Lane) -> LaneExecutor.Lane { pool.lanes[lane.rawValue] }

    /// How many more requests fit.
    package var available: Int { limit - underWay.withLock { $0 } }

    /// Takes a place, or says that there is none. The later the lane, the earlier it finds the house full: the last
    /// sixteenths of the limit stay for the lanes before it.
    package func enter(_ lane: Lane) -> Bool {
        let bound = max(1, limit - limit / 16 * (lane.rawValue - Lane.proposal.rawValue))
        return underWay.withLock { count in
            guard count < bound else { return false }
            count += 1
            return true
        }
    }

    package func leave() { underWay.withLock { $0 -= 1 } }

    /// Ends the threads after what they have begun. Blocks: never from a task.
    package func stop() { pool.stop() }
}
