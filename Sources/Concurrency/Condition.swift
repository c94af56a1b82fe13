// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// State with a condition to wait for: a `Lock` whose holder may sleep until another thread changes the state.
/// Only for threads of our own; a task of the shared pool must never wait here (promise 6).
@safe package final class Condition<State: ~Copyable>: @unchecked Sendable {
    // Sound: `state` is touched only while `mutex` is held; waiting releases and retakes it.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let signal: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    package init(_ state: consuming sending State) {
        unsafe mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe signal = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        unsafe signal.initialize(to: pthread_cond_t())
        self.state = state
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        let code = unsafe pthread_mutex_init(mutex, nil) | pthread_cond_init(signal, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
        precondition(code == 0, "pthread_cond_init failed with \(code)")
    }

    deinit {
        unsafe pthread_cond_destroy(signal)
        unsafe signal.deallocate()
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Changes the state and wakes one waiter where `wake` says so.
    package func withLock<Result: ~Copyable, Failure: Error>(
        wake: Bool = true,
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer {
            if wake { unsafe pthread_cond_signal(signal) }
            unsafe pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Changes the state; where `body` returns true, wakes one waiter once the lock is free again, so that the waiter does
    /// not run into it. With nobody waiting, waking costs no call into the kernel.
    package func withLockThenWake(_ body: (inout State) -> Bool) {
        unsafe pthread_mutex_lock(mutex)
        let wake = body(&state)
        unsafe pthread_mutex_unlock(mutex)
        if wake { unsafe pthread_cond_signal(signal) }
    }

    /// Changes the state and wakes every waiter.
    package func broadcast<Failure: Error>(_ body: (inout State) throws(Failure) -> Void) throws(Failure) {
        unsafe pthread_mutex_lock(mutex)
        defer {
            unsafe pthread_cond_broadcast(signal)
            unsafe pthread_mutex_unlock(mutex)
        }
        try body(&state)
    }

    /// Sleeps until `body` returns a value, calling it after every change; nil once `timeout` has passed without one.
    package func wait<Result: ~Copyable>(
        timeout: Duration? = nil,
        until body: (inout State) -> Result?
    ) -> Result? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        var deadline = timespec()
        if let timeout {
            let total = MonotonicClock.nanoseconds &+ UInt64(clamping: timeout.nanoseconds)
            deadline.tv_sec = Int(total / 1_000_000_000)
            deadline.tv_nsec = Int(total % 1_000_000_000)
        }
        while true {
            if let result = body(&state) { return result }
            if timeout == nil {
                unsafe pthread_cond_wait(signal, mutex)
            } else if unsafe pthread_cond_timedwait(signal, mutex, &deadline) == ETIMEDOUT {
                return body(&state)
            }
        }
    }
}

/// Time that never steps: for deadlines and measurements, not for slots.
package enum MonotonicClock {
    /// Nanoseconds since an arbitrary start.
    package static var nanoseconds: UInt64 { chamber_monotonic_nanoseconds() }
}

/// The time of day.
package enum WallClock {
    /// Nanoseconds since 1970-01-01 UTC. Steps when the clock is set.
    package static var nanoseconds: UInt64 { chamber_realtime_nanoseconds() }
}

/// What the calling thread has used of the processors.
package enum ThreadClock {
    package static var nanoseconds: UInt64 { chamber_thread_cpu_nanoseconds() }
}

/// What this process has used of the processors.
package enum ProcessClock {
    /// CPU time of all threads, user and system, in nanoseconds.
    package static var cpuNanoseconds: UInt64 { chamber_process_cpu_nanoseconds() }
    /// The unit of times in `/proc`.
    package static var ticksPerSecond: Int { sysconf(Int32(_SC_CLK_TCK)) }
    /// The unit of memory in `/proc`, in bytes.
    package static var pageSize: Int { sysconf(Int32(_SC_PAGESIZE)) }
}

extension Duration {
    /// Whole nanoseconds; saturates far beyond any use.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product &+ attoseconds / 1_000_000_000
    }
}
