// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Testing

@Suite(.timeLimit(.minutes(1))) struct LockTests {
    @Test func `changes of many threads do not get lost`() {
        let counter = Lock(0)
        let threads = (0..<4).map { number in
            Thread(name: "counter-\(number)") {
                for _ in 0..<20_000 { counter.withLock { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(counter.withLock { $0 } == 80_000)
    }

    @Test func `what the body throws arrives typed, and the lock is free afterwards`() {
        struct Refused: Error, Equatable {}
        let lock = Lock(1)
        #expect(throws: Refused()) { try lock.withLock { (_: inout Int) throws(Refused) in throw Refused() } }
        #expect(lock.withLock { $0 } == 1)
    }

    @Test func `a noncopyable state stays inside`() {
        struct Owner: ~Copyable { var value = 1 }
        let lock = Lock(Owner())
        lock.withLock { $0.value += 1 }
        #expect(lock.withLock { $0.value } == 2)
    }
}

@Suite(.timeLimit(.minutes(1))) struct ConditionTests {
    @Test func `a waiter sees the change it waits for`() {
        let mailbox = Condition<[Int]>([])
        let seen = Lock<[Int]>([])
        let reader = Thread(name: "reader") {
            for _ in 0..<100 {
                guard let value = mailbox.wait(until: { $0.isEmpty ? nil : $0.removeFirst() }) else { return }
                seen.withLock { $0.append(value) }
            }
        }
        for number in 0..<100 { mailbox.withLock { $0.append(number) } }
        reader.join()
        #expect(seen.withLock { $0 } == Array(0..<100))
    }

    @Test func `a wait without a change ends with nil at its timeout`() {
        let condition = Condition(false)
        #expect(condition.wait(timeout: .milliseconds(1)) { $0 ? true : nil } == nil)
        #expect(condition.wait(timeout: .zero) { $0 ? true : nil } == nil)
    }

    @Test func `a state that already fits is answered even with no time left`() {
        let condition = Condition(3)
        #expect(condition.wait(timeout: .zero) { $0 } == 3)
        #expect(condition.wait(timeout: .seconds(-1)) { $0 } == 3)
    }

    @Test func `a broadcast wakes every waiter`() {
        let state = Condition((waiting: 0, isOpen: false))
        let threads = (0..<5).map { number in
            Thread(name: "waiter-\(number)") {
                state.broadcast { $0.waiting += 1 }
                _ = state.wait { $0.isOpen ? true : nil }
            }
        }
        _ = state.wait { $0.waiting == 5 ? true : nil }
        state.broadcast { $0.isOpen = true }
        for thread in threads { thread.join() }
    }

    @Test func `waking after the lock reaches a waiter`() {
        let state = Condition(0)
        let waiter = Thread(name: "waiter") { _ = state.wait { $0 == 2 ? true : nil } }
        state.withLockThenWake { state in
            state = 1
            return false
        }
        state.withLockThenWake { state in
            state = 2
            return true
        }
        waiter.join()
    }
}

@Suite struct DurationTests {
    @Test(
        arguments: [
            (Duration.zero, 0), (.nanoseconds(1), 1), (.milliseconds(-2), -2_000_000), (.seconds(3), 3_000_000_000),
        ] as [(Duration, Int64)]
    ) func `whole nanoseconds of a duration`(duration: Duration, nanoseconds: Int64) {
        #expect(duration.nanoseconds == nanoseconds)
    }

    @Test func `a duration beyond any use saturates`() {
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.seconds(Int64.min).nanoseconds == .min)
    }
}
