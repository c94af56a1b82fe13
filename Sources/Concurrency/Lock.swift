// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A value that only one thread touches at a time. Over `pthread_mutex`: the thread sanitizer of this toolchain reports
/// false races on what `Synchronization.Mutex` guards, and a clean sanitizer run is worth more.
///
/// Never held across an `await`, never around anything that blocks.
@safe package final class Lock<State: ~Copyable>: @unchecked Sendable {
    // Sound: `state` is read and written only between lock and unlock of `mutex`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var state: State

    package init(_ state: consuming sending State) {
        unsafe mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        self.state = state
        let code = unsafe pthread_mutex_init(mutex, nil)
        precondition(code == 0, "pthread_mutex_init failed with \(code)")
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Runs `body` with the state; returns what it returns.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
