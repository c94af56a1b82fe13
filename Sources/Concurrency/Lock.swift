// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A value that only one thread touches at a time. Over `pthread_mutex`: the thread sanitizer of this toolchain reports
/// false races on what `Synchronization.Mutex` guards, and a clean sanitizer run is worth more.
///
/// Never held across an `await`, never around anything that blocks. Public and inlinable, so that release builds
/// specialise it in the modules that use it.
@safe public final class Lock<State: ~Copyable>: @unchecked Sendable {
    // Sound: `state` is read and written only between lock and unlock of `mutex`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline var state: State

    /// Takes over the value.
    public init(_ state: consuming sending State) {
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
    @inlinable public func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body(&state)
    }

    @usableFromInline func lock() { unsafe pthread_mutex_lock(mutex) }

    @usableFromInline func unlock() { unsafe pthread_mutex_unlock(mutex) }
}
