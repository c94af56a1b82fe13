// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// The memory that all request bodies together may take, so that many large bodies end in 503 and not in a killed process.
final class BodyBudget: Sendable {
    private let free: Atomic<Int>

    init(_ bytes: Int) { free = Atomic(bytes) }

    /// Takes `bytes` if they are free.
    func take(_ bytes: Int) -> Bool {
        if free.subtract(bytes, ordering: .relaxed).newValue >= 0 { return true }
        free.add(bytes, ordering: .relaxed)
        return false
    }

    func give(back bytes: Int) {
        if bytes > 0 { free.add(bytes, ordering: .relaxed) }
    }
}
