// SPDX-License-Identifier: Apache-2.0
import Concurrency
import SignerState

/// A state whose process dies at a write, before or behind it: from then on nothing is read or written any more.
final class CutState: StateStore {
    /// Where it dies.
    struct Cut: Hashable, Sendable, CustomStringConvertible {
        let write: Int
        /// Whether that write still reaches the disk.
        let isWritten: Bool

        var description: String { "\(isWritten ? "behind" : "before") write \(write)" }

        /// Every place of a ceremony of so many writes.
        static func all(_ writes: Int) -> [Cut] {
            (1...writes).flatMap { [Cut(write: $0, isWritten: false), Cut(write: $0, isWritten: true)] }
        }
    }

    private let store: any StateStore
    private let cut: Cut
    private let writes = Lock(0)

    init(_ store: any StateStore, _ cut: Cut) {
        self.store = store
        self.cut = cut
    }

    private static let death = StateError.unavailable(reason: "the process ended")

    /// How many writes were tried. Below the cut, the ceremony has run through.
    var count: Int { writes.withLock { $0 } }
    var isReached: Bool { count >= cut.write }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        if isReached { throw Self.death }
        return try await store.rows(after: revision)
    }

    @discardableResult
    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let number = writes.withLock { writes in
            writes += 1
            return writes
        }
        guard number >= cut.write else { return try await store.apply(changes) }
        if number == cut.write, cut.isWritten { try await store.apply(changes) }
        throw Self.death
    }

    func close() async {}
}
