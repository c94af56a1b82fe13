// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A thread of our own, for work that blocks: database handles, deadlines, the writer of the slashing record.
package final class Thread: @unchecked Sendable {
    // Sound: `handle` is written once in `init` before anyone else sees the object, and joined at most once.
    private let handle: pthread_t
    private let joined = Lock(false)

    /// Starts at once. `name` is what `top -H` shows, 15 bytes at most. `stackSize` in bytes.
    package init(name: String, stackSize: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void) {
        let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, stackSize)
        var handle = pthread_t()
        let code = unsafe pthread_create(
            &handle,
            &attributes,
            { pointer in
                guard let pointer = unsafe pointer else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue()
                unsafe chamber_set_thread_name(start.name)
                start.body()
                return nil
            },
            start.toOpaque()
        )
        unsafe pthread_attr_destroy(&attributes)
        precondition(code == 0, "a thread for \(name) could not be created (error \(code))")
        self.handle = handle
    }

    /// A thread that nobody joined goes on by itself and leaves nothing behind when it ends.
    deinit {
        if !joined.withLock({ $0 }) { pthread_detach(handle) }
    }

    /// Waits until the body has returned. Blocks: never from a task.
    package func join() {
        let first = joined.withLock { done in
            defer { done = true }
            return !done
        }
        if first { _ = pthread_join(handle, nil) }
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}

/// Work that blocks, away from the shared pool.
package enum Blocking {
    /// Runs `body` on a thread of its own; the task waits without holding a thread.
    ///
    /// The result goes through a lock, not through the continuation: where a thread ends before its task waits, the thread
    /// sanitizer does not see what the runtime's atomics order, and takes everything behind the result for a race.
    package static func run<Result: Sendable>(
        name: String,
        stackSize: Int = 512 * 1024,
        _ body: @escaping @Sendable () -> Result
    ) async -> Result {
        let outcome = Lock<Result?>(nil)
        await withCheckedContinuation { continuation in
            _ = Thread(name: name, stackSize: stackSize) {
                let result = body()
                outcome.withLock { $0 = result }
                continuation.resume()
            }
        }
        guard let result = outcome.withLock({ $0 }) else { preconditionFailure("a thread ended without its result") }
        return result
    }
}
