// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Signals as a stream of values. They are blocked in every thread and taken by one that waits for them, so no code runs
/// in a signal handler.
package enum Signals {
    package enum Signal: Sendable {
        /// SIGTERM
        case terminate
        /// SIGINT
        case interrupt
        /// SIGHUP
        case hangUp
    }

    /// Blocks the signals in this thread and all it starts. Call it on the main thread, before any other thread. The
    /// main thread must not be the one that drains the main queue: libdispatch has it wait with all signals let through.
    /// A broken pipe and a limit on the size of files (RLIMIT_FSIZE) become errors of the write.
    package static func blockAll() {
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGXFSZ, SIG_IGN)
        var set = watched()
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// What arrives, for as long as the process lives. Once only.
    package static func stream() -> AsyncStream<Signal> {
        AsyncStream { continuation in
            _ = Thread(name: "signals", stackSize: 128 * 1024) {
                while true {
                    var set = watched()
                    var number: Int32 = 0
                    guard unsafe sigwait(&set, &number) == 0 else { continue }
                    switch number {
                    case SIGTERM: continuation.yield(.terminate)
                    case SIGINT: continuation.yield(.interrupt)
                    case SIGHUP: continuation.yield(.hangUp)
                    default: break
                    }
                }
            }
        }
    }

    private static func watched() -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&set, number) }
        return set
    }
}
