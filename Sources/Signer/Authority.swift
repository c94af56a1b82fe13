// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import SlashingProtection

/// The generation of authority, and what is under way in each. Revoke, disable, delete and seal raise it and wait for
/// the older generations to end: when they answer, nothing they took away can still sign.
package final class Authority: Sendable {
    private struct State {
        var current: UInt64 = 1
        /// Requests under way, by the generation they began in.
        var underWay: [UInt64: Int] = [:]
        var waiting: [(below: UInt64, continuation: CheckedContinuation<Void, Never>)] = []

        /// Those who wait for nothing any more.
        mutating func takeReleased() -> [CheckedContinuation<Void, Never>] {
            guard !waiting.isEmpty else { return [] }
            let oldest = underWay.keys.min() ?? .max
            let released = waiting.filter { oldest >= $0.below }.map(\.continuation)
            waiting.removeAll { oldest >= $0.below }
            return released
        }
    }
    private let state = Lock(State())

    package init() {}

    /// Begins a request in the current generation. `leave` must follow.
    package func enter() -> AuthorityGeneration {
        state.withLock { state in
            state.underWay[state.current, default: 0] += 1
            return AuthorityGeneration(state.current)
        }
    }

    /// Ends what `enter` began.
    package func leave(_ generation: AuthorityGeneration) {
        let released = state.withLock { state in
            guard let count = state.underWay[generation.number] else {
                preconditionFailure("a request left a generation that it never entered")
            }
            state.underWay[generation.number] = count == 1 ? nil : count - 1
            return state.takeReleased()
        }
        for continuation in released { continuation.resume() }
    }

    package func isCurrent(_ generation: AuthorityGeneration) -> Bool {
        state.withLock { $0.current == generation.number }
    }

    /// Begins a new generation and waits until nothing of an older one is under way.
    package func raise() async {
        await withCheckedContinuation { continuation in
            let released = state.withLock { state in
                state.current += 1
                state.waiting.append((below: state.current, continuation: continuation))
                return state.takeReleased()
            }
            for continuation in released { continuation.resume() }
        }
    }
}
