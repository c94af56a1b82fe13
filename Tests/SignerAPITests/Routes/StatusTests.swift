// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Signer
import SignerAPI
import SlashingProtection
import Testing

/// The one switch from outcomes to statuses.
@Suite struct StatusTests {
    static let outcomes: [(SigningOutcome, Int)] = [
        (.signed(Signature(Bytes()), isRepeat: false), 200), (.signed(Signature(Bytes()), isRepeat: true), 200),
        (.malformed(code: "malformed_request", reason: "r"), 400),
        (.rootMismatch(claimed: SigningRoot(Bytes()), computed: SigningRoot(Bytes())), 400),
        (.otherNetwork(configured: .zero, offered: .zero), 403), (.unknownKey, 404),
        (.slashable(.doubleVote(target: Epoch(1))), 412), (.slashable(.disabled), 412),
        (.slashable(.otherNetwork(pinned: .zero, offered: .zero)), 412),
        (.slashable(.aheadOfClock(duty: Epoch(2), latest: Epoch(1))), 412), (.protectionUnavailable(reason: "r"), 503),
        (.overloaded, 503), (.sealed(reason: "r"), 503), (.withdrawn, 503), (.abandoned, 503), (.canary, 403),
        (.auditUnavailable(reason: "r"), 503),
    ]

    @Test(arguments: outcomes)
    func `an outcome has its status`(outcome: SigningOutcome, status: Int) {
        #expect(outcome.status(Compatibility()) == status)
    }

    @Test(arguments: outcomes)
    func `the switches for Web3Signer's clients move two statuses and no other`(outcome: SigningOutcome, status: Int) {
        var compatibility = Compatibility()
        compatibility.signingRootMismatchStatus = 500
        compatibility.wrongNetworkStatus = 412
        let expected =
            switch outcome {
            case .rootMismatch: 500
            case .otherNetwork: 412
            default: status
            }
        #expect(outcome.status(compatibility) == expected)
    }

    @Test(arguments: outcomes)
    func `every refusal has a stable code and a sentence, a signature has none`(outcome: SigningOutcome, status: Int) {
        #expect(outcome.code.wholeMatch(of: /[a-z_]+/) != nil)
        #expect((outcome.reason == nil) == (status == 200))
        #expect(outcome.reason?.isEmpty != true)
    }
}
