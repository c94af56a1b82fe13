// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// The processors this process may use.
package enum Processors {
    /// Their number: what the affinity mask allows (`sched_getaffinity`, so that a container's set counts), at least 1.
    package static var available: Int { max(1, Int(chamber_available_processors())) }
}
