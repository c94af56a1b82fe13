// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// The threads of a store. One that has ended is let go at once: lanes come and go with the load.
package final class LaneThreads: Sendable {
    private struct State: Sendable {
        var next = 0
        var running: [Int: Concurrency.Thread] = [:]
        /// Those that ended before `start` had put them down.
        var ended: Set<Int> = []
    }
    private let state = Lock(State())

    package init() {}

    /// Threads that have not ended.
    package var count: Int { state.withLock { $0.running.count } }

    /// Runs `body` on a thread of its own.
    package func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        let thread = Concurrency.Thread(name: name, stackSize: 2 * 1024 * 1024) { [state] in
            body()
            // Let go outside the lock: the last reference gives the thread back to the system.
            _ = state.withLock { state in
                let thread = state.running.removeValue(forKey: number)
                if thread == nil { state.ended.insert(number) }
                return thread
            }
        }
        state.withLock { state in
            if state.ended.remove(number) == nil { state.running[number] = thread }
        }
    }

    /// Waits until all have ended. Blocks: never from a task.
    package func join() {
        while let thread = state.withLock({ $0.running.values.first }) {
            thread.join()
        }
    }
}
