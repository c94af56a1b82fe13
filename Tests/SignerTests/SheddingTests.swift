// SPDX-License-Identifier: Apache-2.0
import Consensus
import Testing

@testable import Signer

/// What is refused without being read.
@Suite struct SheddingTests {
    @Test(arguments: OperationType.allCases)
    func `the types of the first lane are let through in every spelling, small ones of the others are not`(
        _ type: OperationType
    ) {
        for name in [type.name, type.name.lowercased()] {
            for text in [
                #"{"type":"\#(name)","signing_root":"0x01"}"#, #"{"fork_info":{}, "type" : "\#(name)"}"#,
                #"{"type":"\#(name)","attestation":{"beacon_block_root":"0x01"}}"#,
            ] {
                let isProposal = Lane(type) == .proposal
                #expect(UrgentBody.matches(Array(text.utf8)) == isProposal, "\(text)")
            }
        }
    }

    @Test func `a word within a text is no type`() {
        #expect(!UrgentBody.matches(Array(#"{"type":"DEPOSIT","note":"a randao block of execution_payload"}"#.utf8)))
        for text in [#""block"#, #"{"a":"b","type":"Randao"#, #"""execution_payload"#] {
            #expect(UrgentBody.matches(Array(text.utf8)), "\(text)")
            #expect(!UrgentBody.matches(Array(text.utf8.dropLast())), "\(text)")
        }
    }

    @Test func `large bodies are let through, for blocks can be whole`() {
        #expect(UrgentBody.matches([UInt8](repeating: 0x20, count: 2049)))
        #expect(!UrgentBody.matches([UInt8](repeating: 0x20, count: 2048)) && !UrgentBody.matches([]))
    }

    @Test func `requests are refused unread only while as much is under way as may be, and blocks never`() throws {
        let lanes = SigningLanes(limit: 32, threads: 1)
        #expect(!lanes.turnsAwayUnread())
        var taken = 0
        while lanes.enter(.attestation) { taken += 1 }
        #expect(taken > 0 && lanes.turnsAwayUnread())
        for _ in 0..<taken { lanes.leave() }
        #expect(!lanes.turnsAwayUnread())
        lanes.stop()
    }
}
