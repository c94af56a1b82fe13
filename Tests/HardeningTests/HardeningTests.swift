// SPDX-License-Identifier: Apache-2.0
import CLinux
import Foundation
import Hardening
import Testing

/// The value of a row of `/proc/thread-self/status`.
private func status(_ name: String) throws -> String {
    let text = try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
    let row = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + ":") })
    return row.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
}

/// Which of the signals of a crash have a handler, as `/proc/self/status` says.
private func caughtCrashSignals() throws -> UInt64 {
    try #require(UInt64(status("SigCgt"), radix: 16)) & crashSignals
}

/// QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV in the masks of `/proc/self/status`.
private let crashSignals = [3, 4, 5, 6, 7, 8, 11].reduce(UInt64(0)) { $0 | 1 << ($1 - 1) }

// All of this is of the whole process: each test asks a child.
@Suite(.timeLimit(.minutes(1))) struct HardeningTests {
    @Test func `what the report says holds is what the kernel says`() async {
        await #expect(processExitsWith: .success) {
            let report = Hardening.apply()
            #expect(report["dumps"] == .holds("not dumpable"))
            #expect(chamber_get_dumpable() == 0)
            // Of this thread; the test runner has others, and the report says so.
            #expect(try status("NoNewPrivs") == "1")
            #expect(report["privileges"]?.detail.contains("threads started before") == true)
            #expect(report["new files"]?.holds == true)
            #expect(try status("Umask") == "0077")
            #expect(report["core files"]?.holds == true)
            let limits = try String(contentsOfFile: "/proc/self/limits", encoding: .utf8)
            let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
            #expect(core.split(separator: " ")[4...5] == ["0", "0"])
        }
    }

    @Test func `a crash is no longer caught, whoever caught it before`() async {
        await #expect(processExitsWith: .success) {
            // As Swift's runtime does before `main` where its crash reports are on.
            for number in [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV] { signal(number) { _ in } }
            let before = try caughtCrashSignals()
            #expect(before == crashSignals)
            #expect(Hardening.disableBacktraces() == .holds("none"))
            let after = try caughtCrashSignals()
            #expect(after == 0)
        }
    }

    @Test func `a crash still ends the process`() async {
        await #expect(processExitsWith: .signal(SIGSEGV)) {
            _ = Hardening.apply()
            raise(SIGSEGV)
        }
    }

    @Test func `a reader that leaves does not end the process`() async {
        await #expect(processExitsWith: .success) {
            _ = Hardening.apply()
            raise(SIGPIPE)
        }
    }

    @Test func `files that are made are for their owner alone`() async {
        await #expect(processExitsWith: .success) {
            _ = Hardening.apply()
            let path = FileManager.default.temporaryDirectory.appending(path: "mask-\(UUID())").path()
            defer { try? FileManager.default.removeItem(atPath: path) }
            let descriptor = unsafe path.withCString { unsafe chamber_open($0, O_CREAT | O_WRONLY, 0o666) }
            close(descriptor)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func `all memory is locked, page by page, where nothing limits it`() async {
        await #expect(processExitsWith: .success) {
            guard Hardening.apply()["memory"] == .holds("locked") else { return }
            // A megabyte that is never touched is not resident: what is locked stays far below what is mapped.
            #expect(try status("VmLck") != "0 kB")
            let resident = try #require(Int(status("VmRSS").split(separator: " ")[0]))
            let mapped = try #require(Int(status("VmSize").split(separator: " ")[0]))
            #expect(resident < mapped)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give up its capabilities"))
    func `without the capability the limit is left to the secrets, and allocation goes on`() async {
        await #expect(processExitsWith: .success) {
            setLockedMemoryLimit(to: 8 << 20)
            #expect(setuid(65_534) == 0)
            let state = Hardening.apply()["memory"]
            guard case .partial(let detail) = state else {
                Issue.record("the memory is said to be \(String(describing: state))")
                return
            }
            #expect(detail.contains("8192 kB") && detail.contains("CAP_IPC_LOCK"))
            let locked = try status("VmLck")
            #expect(locked == "0 kB")
            #expect([UInt8](repeating: 1, count: 64 << 20).last == 1)
        }
    }

    @Test func `the limit on open files is raised, never lowered`() async {
        await #expect(processExitsWith: .success) {
            var before = rlimit()
            unsafe getrlimit(__rlimit_resource_t(7), &before)
            _ = Hardening.apply()
            var after = rlimit()
            unsafe getrlimit(__rlimit_resource_t(7), &after)
            #expect(after.rlim_cur >= before.rlim_cur)
            #expect(after.rlim_cur >= min(before.rlim_max, 65_536))
        }
    }

    @Test func `applying it twice changes nothing`() async {
        await #expect(processExitsWith: .success) {
            #expect(Hardening.apply() == Hardening.apply())
        }
    }

    @Test func `the line says what holds and shouts what does not`() async {
        await #expect(processExitsWith: .success) {
            let report = Hardening.apply()
            #expect(report.line.hasPrefix("crash reports: none; dumps: not dumpable; core files: none; "))
            #expect(report.holds || report.line.contains("NOT COMPLETE") || report.line.contains("NOT PROTECTED"))
            #expect(!report.line.contains("\n"))
        }
    }
}

private func setLockedMemoryLimit(to bytes: UInt) {
    var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
    unsafe setrlimit(__rlimit_resource_t(8), &limit)
}
