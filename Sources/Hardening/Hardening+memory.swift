// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

extension Hardening {
    /// Locks all memory of the process, now and later, page by page as it is touched (`MCL_ONFAULT`: whole stacks would
    /// take 334 MB for 32 threads), but only where nothing limits it. Under a finite limit without the capability,
    /// `MCL_FUTURE` would count every mapping in full and make a later allocation fail, which ends the process; then the
    /// limit is left to the memory of the keys, which locks itself and says so.
    static func lockMemory() -> HardeningReport.State {
        let limit = chamber_raise_locked_memory_limit()
        guard limit == .max || Capabilities.effective.contains(.lockMemory) else {
            return .partial(
                "only secrets are locked, up to \(limit / 1024) kB (RLIMIT_MEMLOCK); "
                    + "the rest may be swapped: raise the limit to unlimited or grant CAP_IPC_LOCK"
            )
        }
        guard chamber_lock_memory_on_fault() == 0 else {
            return .partial("only secrets are locked: mlockall failed with error \(errno)")
        }
        return .holds("locked")
    }
}

/// The capabilities of this process (capabilities(7)).
struct Capabilities: OptionSet {
    let rawValue: UInt64
    /// CAP_IPC_LOCK: no limit on locked memory.
    static let lockMemory = Self(rawValue: 1 << 14)

    /// None where `/proc` does not say.
    static var effective: Self {
        Self(rawValue: ThreadStatus.current?["CapEff"].flatMap { UInt64($0, radix: 16) } ?? 0)
    }

}
