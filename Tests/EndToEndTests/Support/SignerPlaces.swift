// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Testing

/// Lets the signers of some tests run at a time. A test waits for its first one only: tests that have one and wait for a
/// second would wait for each other.
final class SignerPlaces: Sendable {
    private struct State {
        /// Below zero where tests have more than one.
        var free: Int
        var waiting: [(test: Test.ID?, continuation: CheckedContinuation<Void, Never>)] = []
        var running: [Test.ID: Int] = [:]

        mutating func begin(_ test: Test.ID?) {
            free -= 1
            if let test { running[test, default: 0] += 1 }
        }
    }
    private let state: Lock<State>

    init(_ count: Int) { state = Lock(State(free: count)) }

    /// Waits for a place. `giveBack` must follow.
    func take(for test: Test.ID?) async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 || test.map({ state.running[$0] != nil }) ?? false else {
                    state.waiting.append((test, continuation))
                    return false
                }
                state.begin(test)
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    func giveBack(for test: Test.ID?) {
        let next = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.free += 1
            if let test, let count = state.running[test] { state.running[test] = count == 1 ? nil : count - 1 }
            guard state.free > 0, let first = state.waiting.first else { return [] }
            // With its others, which must not wait any more now that it has one.
            let chosen = state.waiting.indices.filter {
                $0 == 0 || first.test != nil && state.waiting[$0].test == first.test
            }
            let continuations = chosen.map { state.waiting[$0].continuation }
            for place in chosen.reversed() {
                state.waiting.remove(at: place)
                state.begin(first.test)
            }
            return continuations
        }
        for continuation in next { continuation.resume() }
    }
}
