// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Testing

@Suite(.timeLimit(.minutes(1))) struct LaneExecutorTests {
    @Test func `a job of an earlier lane runs before all that wait in later lanes`() async {
        let pool = LaneExecutor(lanes: 3, threads: 1)
        let order = Lock<[Int]>([])
        let tasks = pool.whileBlocked {
            [2, 1, 2, 0, 1, 0].map { lane in
                Task(executorPreference: pool.lanes[lane]) { order.withLock { $0.append(lane) } }
            }
        }
        for task in tasks { await task.value }
        #expect(order.withLock { $0 } == [0, 0, 1, 1, 2, 2])
        pool.stop()
    }

    @Test func `inside a lane the first come is the first served, whatever the priority of the task`() async {
        let pool = LaneExecutor(lanes: 1, threads: 1)
        let order = Lock<[Int]>([])
        let priorities: [TaskPriority] = [.background, .high, .low, .medium]
        let tasks = pool.whileBlocked {
            (0..<1000).map { number in
                Task(executorPreference: pool.lanes[0], priority: priorities[number % 4]) {
                    order.withLock { $0.append(number) }
                }
            }
        }
        for task in tasks { await task.value }
        #expect(order.withLock { $0 } == Array(0..<1000))
        pool.stop()
    }

    @Test func `a task that was suspended goes back to its own lane`() async {
        let pool = LaneExecutor(lanes: 2, threads: 1)
        let order = Lock<[String]>([])
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let late = Task(executorPreference: pool.lanes[1]) {
            for await _ in gate { break }
            order.withLock { $0.append("late") }
        }
        let early = pool.whileBlocked {
            opener.yield()
            return Task(executorPreference: pool.lanes[0]) { order.withLock { $0.append("early") } }
        }
        await early.value
        await late.value
        #expect(order.withLock { $0 } == ["early", "late"])
        pool.stop()
    }

    @Test func `a lane can be preferred for a part of a task`() async {
        let pool = LaneExecutor(lanes: 1, threads: 1, name: "here")
        let name = await withTaskExecutorPreference(pool.lanes[0]) { await currentThreadName() }
        #expect(name == "here-0")
        pool.stop()
    }

    @Test func `every thread takes from every lane, so that nothing is reserved`() async {
        let pool = LaneExecutor(lanes: 4, threads: 3)
        let together = Condition(0)
        // Three jobs of the last lane meet: only possible where three threads run them at the same time.
        let tasks = (0..<3).map { _ in
            Task(executorPreference: pool.lanes[3]) {
                together.broadcast { $0 += 1 }
                return together.wait(timeout: .seconds(30)) { $0 >= 3 ? true : nil }
            }
        }
        for task in tasks { #expect(await task.value == true) }
        pool.stop()
    }

    @Test func `stopping runs what waits and what that adds`() async {
        let pool = LaneExecutor(lanes: 2, threads: 2)
        let count = Lock(0)
        pool.whileBlocked {
            for number in 0..<100 {
                Task(executorPreference: pool.lanes[number % 2]) {
                    for _ in 0..<10 {
                        await Task.yield()
                        count.withLock { $0 += 1 }
                    }
                }
            }
        }
        pool.stop()
        #expect(count.withLock { $0 } == 1000)
    }

    @Test func `a task for a pool that has stopped runs elsewhere instead of never`() async {
        let pool = LaneExecutor(lanes: 1, threads: 1, name: "stopped")
        let lane = pool.lanes[0]
        pool.stop()
        let name = await Task(executorPreference: lane) { await currentThreadName() }.value
        #expect(name != "stopped-0")
        pool.stop()
    }

    @Test func `a pool that is dropped without a stop ends its threads`() async {
        var pool: LaneExecutor? = LaneExecutor(lanes: 1, threads: 1, name: "dropped")
        let lane = pool?.lanes[0]
        pool = nil
        // Runs, on whichever side of the end of the thread it falls.
        #expect(await Task(executorPreference: lane) { 7 }.value == 7)
    }

    @Test func `jobs from many tasks over many lanes all run once`() async {
        let pool = LaneExecutor(lanes: 5, threads: 4)
        let sum = Lock(0)
        await withTaskGroup(of: Void.self) { group in
            for producer in 0..<8 {
                group.addTask {
                    for number in 0..<500 {
                        await Task(executorPreference: pool.lanes[(producer + number) % 5]) {
                            await Task.yield()
                            sum.withLock { $0 += number }
                        }.value
                    }
                }
            }
        }
        #expect(sum.withLock { $0 } == 8 * (0..<500).reduce(0, +))
        pool.stop()
    }
}

extension LaneExecutor {
    /// Runs `body` while every thread of the pool is held by a job, so that what it enqueues waits.
    @discardableResult
    fileprivate func whileBlocked<Result>(_ body: () -> Result) -> Result {
        let gate = Condition((held: 0, isOpen: false))
        let threads = threadCount
        for _ in 0..<threads {
            Task(executorPreference: lanes[0]) {
                gate.broadcast { $0.held += 1 }
                _ = gate.wait { $0.isOpen ? true : nil }
            }
        }
        _ = gate.wait { $0.held == threads ? true : nil }
        defer { gate.broadcast { $0.isOpen = true } }
        return body()
    }
}
