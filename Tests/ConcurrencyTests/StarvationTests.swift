// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Testing

@Suite struct StarvationTests {
    private static let millisecond: UInt64 = 1_000_000

    @Test func `a thread starves that waits for its processor while it has something to do`() {
        let starvation = Starvation()
        #expect(!starvation.isNow)
        starvation.worked(for: 20 * Self.millisecond, running: 6 * Self.millisecond)
        #expect(starvation.isNow)
        // A short round says nothing.
        starvation.worked(for: Self.millisecond, running: Self.millisecond)
        #expect(starvation.isNow)
        starvation.rested()
        #expect(!starvation.isNow)
    }

    @Test func `a thread that is busy and runs does not starve`() {
        let starvation = Starvation()
        starvation.worked(for: 20 * Self.millisecond, running: 6 * Self.millisecond)
        starvation.worked(for: 20 * Self.millisecond, running: 19 * Self.millisecond)
        #expect(!starvation.isNow)
        starvation.worked(for: 3 * Self.millisecond, running: 0)
        #expect(!starvation.isNow)
    }
}
