// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import CWipingHeap
internal import Glibc

/// What a process that will hold keys takes away from itself. Apply it first in `main`: before a thread starts (a file
/// mask and limits are the process's own, but stacks are locked as they come), before a file is made and before a secret
/// exists.
///
/// Nothing here is fatal: under some container runtimes single protections cannot be had. Each is read back from the
/// kernel after it was asked for, and the report says what holds.
package enum Hardening {
    /// Applies everything that this process is allowed to.
    package static func apply() -> HardeningReport {
        var report = HardeningReport()
        report.add("crash reports", disableBacktraces())
        report.add("dumps", forbidDumps())
        report.add("core files", forbidCoreFiles())
        report.add("privileges", forbidNewPrivileges())
        report.add("new files", restrictNewFiles())
        report.add("memory", lockMemory())
        report.add("freed memory", wipeFreedMemory())
        report.add("open files", raiseOpenFilesLimit())
        // A client or a log reader that leaves is an error of one write, not the end of the process.
        if chamber_ignore_broken_pipes() != 0 { report.add("broken pipes", .missing("SIGPIPE ends the process")) }
        return report
    }

    /// Ends the crash reports of Swift's runtime, which print the registers and the memory they point to.
    ///
    /// The runtime reads `SWIFT_BACKTRACE` before `main` and installs its signal handlers there and then, so that setting
    /// the variable later changes nothing. Instead of starting the program a second time with another environment, this
    /// gives the signals back their default action: whatever the environment says, a crash then ends the process
    /// silently. Before this call a crash is still reported; there is no secret yet.
    package static func disableBacktraces() -> HardeningReport.State {
        guard chamber_reset_crash_signals() == 0, chamber_caught_crash_signals() == 0 else {
            return .missing("a crash prints registers and memory; set SWIFT_BACKTRACE=enable=no")
        }
        return .holds("none")
    }

    /// `PR_SET_DUMPABLE`: no core dump even where `core_pattern` is a pipe (which ignores the limit on core files), and no
    /// other process of this user may attach or read the memory.
    private static func forbidDumps() -> HardeningReport.State {
        guard chamber_set_not_dumpable() == 0, chamber_get_dumpable() == 0 else {
            return .missing("other processes of this user can read the memory")
        }
        return .holds("not dumpable")
    }

    private static func forbidCoreFiles() -> HardeningReport.State {
        guard chamber_forbid_core_files() == 0, chamber_core_files_forbidden() != 0 else {
            return .missing("a crash can write the memory to a file")
        }
        return .holds("none")
    }

    /// `PR_SET_NO_NEW_PRIVS` is of the calling thread and of those it starts: the reason why this comes first in `main`.
    private static func forbidNewPrivileges() -> HardeningReport.State {
        guard chamber_set_no_new_privileges() == 0, chamber_get_no_new_privileges() == 1 else {
            return .missing("a program that is started may gain privileges")
        }
        let others = ThreadStatus.all.count { $0["NoNewPrivs"] != "1" }
        return others == 0 ? .holds("no new ones") : .partial("\(others) threads started before may gain new ones")
    }

    private static func restrictNewFiles() -> HardeningReport.State {
        _ = chamber_set_umask(0o077)
        guard chamber_set_umask(0o077) == 0o077 else { return .missing("files can be readable by others") }
        return .holds("0600")
    }

    /// The program is linked with a heap that overwrites what is given back (`CWipingHeap`). Another heap that was loaded
    /// with `LD_PRELOAD` is left alone.
    private static func wipeFreedMemory() -> HardeningReport.State {
        guard chamber_heap_is_wiped() != 0 else {
            return .missing("what is given back keeps its contents; start without another heap (LD_PRELOAD)")
        }
        return .holds("wiped")
    }

    /// Enough for a connection of every client beside the files of keys and database.
    private static let openFiles: UInt64 = 65_536

    private static func raiseOpenFilesLimit() -> HardeningReport.State {
        let limit = chamber_raise_open_files_limit(openFiles)
        return limit >= 1024 ? .holds("\(limit)") : .partial("only \(limit) allowed (RLIMIT_NOFILE)")
    }
}
