// SPDX-License-Identifier: Apache-2.0
import Consensus
import Signer
import Testing

struct LaneTests {
    @Test func `every type of request has a lane behind the reading`() {
        for type in OperationType.allCases { #expect(Lane(type) != .intake, "\(type)") }
    }

    @Test func `blocks and what they need go first, what has days goes last`() {
        #expect(Lane(.block) == .proposal && Lane(.blockV2) == .proposal && Lane(.randaoReveal) == .proposal)
        #expect(Lane(.attestation) == .attestation && Lane(.syncCommitteeMessage) == .attestation)
        #expect(Lane(.voluntaryExit) == .registration && Lane(.validatorRegistration) == .registration)
        #expect(Lane.allCases.map(\.rawValue) == Array(0..<Lane.allCases.count))
    }

    @Test func `the later the lane, the earlier it finds the house full`() {
        let lanes = SigningLanes(limit: 64, threads: 1)
        defer { lanes.stop() }
        func fill(_ lane: Lane) -> Int {
            var count = 0
            while lanes.enter(lane) { count += 1 }
            return count
        }
        #expect(fill(.registration) == 48)
        #expect(fill(.selection) == 4)
        #expect(fill(.aggregation) == 4)
        #expect(fill(.attestation) == 4)
        #expect(fill(.proposal) == 4)
        #expect(lanes.available == 0)
        for _ in 0..<64 { lanes.leave() }
        #expect(lanes.available == 64)
        #expect(fill(.proposal) == 64, "nothing is reserved from blocks")
    }

    @Test func `a house with one place serves every lane`() {
        let lanes = SigningLanes(limit: 1, threads: 1)
        defer { lanes.stop() }
        for lane in Lane.allCases where lane != .intake {
            #expect(lanes.enter(lane))
            #expect(!lanes.enter(lane))
            lanes.leave()
        }
    }
}
