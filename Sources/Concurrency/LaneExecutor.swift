// SPDX-License-Identifier: Apache-2.0

/// A pool of threads with lanes of falling urgency: a job of a later lane starts only when no earlier lane has one
/// waiting; inside a lane the first come is the first served. Nothing is reserved: whatever waits may use every thread.
/// A running job is never interrupted, so a job should be short (a signature, not a key derivation).
///
/// Later lanes can wait for ever under load from earlier ones; who admits work bounds it.
///
///     let pool = LaneExecutor(lanes: 5)
///     Task(executorPreference: pool.lanes[0]) { … }
package final class LaneExecutor: Sendable {
    /// One lane as a place to run tasks. Use it with `Task(executorPreference:)` or `withTaskExecutorPreference`.
    package let lanes: [Lane]
    private let queue: Queue
    private let threads: [Thread]

    /// Starts the threads. `name` is what `top -H` shows, with the number of the thread behind it.
    package init(lanes count: Int, threads threadCount: Int = Processors.available, name: String = "lane") {
        precondition(count > 0 && threadCount > 0, "a pool needs at least one lane and one thread")
        let queue = Queue(lanes: count, workers: threadCount)
        let lanes = (0..<count).map { Lane(number: $0, queue: queue) }
        self.queue = queue
        self.lanes = lanes
        // Address space only: pages of a stack are taken when they are touched. A JSON body may be nested 512 deep.
        threads = (0..<threadCount).map { number in
            Thread(name: "\(name)-\(number)", stackSize: 2 * 1024 * 1024) {
                while let (job, lane) = queue.next() {
                    unsafe job.runSynchronously(on: lanes[lane].asUnownedTaskExecutor())
                }
            }
        }
    }

    /// How many jobs can run at the same time.
    package var threadCount: Int { threads.count }

    deinit { queue.stop() }

    /// Runs what waits and what that adds, then ends the threads and waits for them. What is enqueued afterwards (a task
    /// that slept across the stop) runs on the shared pool, so that nothing hangs. Blocks: never from a task.
    package func stop() {
        queue.stop()
        for thread in threads { thread.join() }
    }

    /// A lane of a pool. Keeps the queue alive, not the threads.
    package final class Lane: TaskExecutor {
        /// 0 is the most urgent.
        package let number: Int
        private let queue: Queue

        fileprivate init(number: Int, queue: Queue) {
            self.number = number
            self.queue = queue
        }

        package func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            if !queue.append(job, lane: number) { globalConcurrentExecutor.enqueue(job) }
        }
    }
}

extension LaneExecutor {
    /// What waits.
    fileprivate final class Queue: Sendable {
        private struct State {
            var lanes: [Fifo]
            /// Threads that will look at the lanes again.
            var workers: Int
            var isStopping = false
        }
        private let state: Condition<State>

        init(lanes: Int, workers: Int) {
            state = Condition(State(lanes: Array(repeating: Fifo(), count: lanes), workers: workers))
        }

        /// False when no thread is left to run the job.
        func append(_ job: UnownedJob, lane: Int) -> Bool {
            var accepted = false
            state.withLockThenWake { state in
                guard state.workers > 0 else { return false }
                accepted = true
                state.lanes[lane].append(job)
                return true
            }
            return accepted
        }

        /// The most urgent job and its lane; sleeps while there is none; nil when the pool has stopped.
        func next() -> (job: UnownedJob, lane: Int)? {
            let found: (UnownedJob, Int)?? = state.wait { state in
                for lane in state.lanes.indices {
                    if let job = state.lanes[lane].popFirst() { return .some((job, lane)) }
                }
                guard state.isStopping else { return nil }
                state.workers -= 1
                return .some(nil)
            }
            return found ?? nil
        }

        func stop() {
            state.broadcast { $0.isStopping = true }
        }
    }

    /// A queue over an array: what was taken stays in front until it is worth moving the rest.
    private struct Fifo {
        private var jobs: [UnownedJob] = []
        private var head = 0

        mutating func append(_ job: UnownedJob) { jobs.append(job) }

        mutating func popFirst() -> UnownedJob? {
            guard head < jobs.count else { return nil }
            let job = jobs[head]
            head += 1
            if head == jobs.count {
                jobs.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 256, head * 2 >= jobs.count {
                jobs.removeFirst(head)
                head = 0
            }
            return job
        }
    }
}
