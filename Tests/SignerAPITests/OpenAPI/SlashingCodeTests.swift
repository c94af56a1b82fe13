// SPDX-License-Identifier: Apache-2.0
import Consensus
import SignerAPI
import SlashingProtection
import Testing

@Suite struct SlashingCodeTests {
    private static func knows(_ refusal: Refusal) {
        switch refusal {
        case .otherNetwork, .disabled, .aheadOfClock, .beyondHighWatermark, .sourceAfterTarget, .notRecordable,
            .belowLowWatermark, .atLowWatermark, .doubleBlock, .doubleVote, .surroundedBy, .surrounds, .notCheckable:
            break
        }
    }

    @Test func `every refusal of slashing protection is listed with its status`() {
        let one = Epoch(1)
        let refusals: [Refusal] = [
            .otherNetwork(pinned: .zero, offered: .zero), .disabled, .aheadOfClock(duty: one, latest: one),
            .beyondHighWatermark(highest: 1), .sourceAfterTarget, .notRecordable(value: 1),
            .belowLowWatermark(lowest: 1), .atLowWatermark(lowest: 1), .doubleBlock(slot: 1),
            .doubleVote(target: one), .surroundedBy(source: one, target: one), .surrounds(source: one, target: one),
            .notCheckable(reason: "r"),
        ]
        for refusal in refusals {
            Self.knows(refusal)
            #expect(ErrorCodeTests.isListed(refusal.code, refusal.isUnsafe ? 412 : 503), "\(refusal)")
        }
    }
}
