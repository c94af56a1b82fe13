// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Whether a thread that has to answer at once gets its processor. That thread tells; others, who only have to be done in
/// time, make room while it does not. Where processors are free nobody has to, however busy it is.
package final class Starvation: Sendable {
    /// What is shorter says nothing: any thread has to wait for a moment.
    private static let shortest: UInt64 = 4_000_000
    private let starved = Atomic(false)

    package init() {}

    package var isNow: Bool { starved.load(ordering: .relaxed) }

    /// The thread had something to do for so long, and the processor for so much of it; both in nanoseconds.
    package func worked(for time: UInt64, running: UInt64) {
        guard time >= Self.shortest else { return }
        starved.store(running < time / 10 * 7, ordering: .relaxed)
    }

    /// The thread has nothing to do.
    package func rested() { starved.store(false, ordering: .relaxed) }
}
