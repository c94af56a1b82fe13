// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Starting programs, one at a time. Foundation closes in a child what is open when it begins to start it; what another
/// thread opens in that moment the child keeps. Who then waits for the end of a pipe waits for a stranger: a `psql` for the
/// end of its input until a server ends that was started beside it.
package enum Spawning {
    /// How many have been started. A lock around nothing has no place of its own in memory, which the thread sanitizer
    /// takes for that of its neighbour.
    private static let count = Lock(0)

    /// Opens what a program is to have and runs it.
    package static func alone<Result>(_ body: () throws -> Result) rethrows -> Result {
        try count.withLock { count in
            count += 1
            return try body()
        }
    }
}
