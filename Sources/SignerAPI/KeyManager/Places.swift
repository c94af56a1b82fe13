// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// How many may do something at a time.
final class Places: Sendable {
    private let limit: Int
    private let taken = Lock(0)

    init(_ limit: Int) { self.limit = limit }

    func enter() -> Bool {
        taken.withLock { taken in
            guard taken < limit else { return false }
            taken += 1
            return true
        }
    }

    func leave() { taken.withLock { $0 -= 1 } }
}
