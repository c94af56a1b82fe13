// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Testing

/// What progress lines say.
@Suite struct PaceTests {
    @Test func `a pace tells count, rate and time left`() {
        let pace = Pace(finished: 1_200, total: 4_400, elapsed: .seconds(10))
        #expect(pace.text("validators", per: "validators") == "1200 of 4400 validators, 120 validators/s, 26 s left")
        #expect(pace.remaining == .milliseconds(26_666))
    }

    @Test func `nothing is left to tell at the end, and nothing is known at the start`() {
        #expect(
            Pace(finished: 4, total: 4, elapsed: .seconds(8)).text("files", per: "files") == "4 of 4 files, 0.5 files/s"
        )
        #expect(Pace(finished: 0, total: 4, elapsed: .zero).text("files", per: "files") == "0 of 4 files, 0.0 files/s")
    }
}
