// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Hardening
import TestSupport
import Testing

/// What can be done from inside the sandbox, tried by a program that goes into it.
@Suite(.timeLimit(.minutes(2)))
struct SandboxTests {
    enum Ending: Equatable {
        /// The error number that the attempt came back with.
        case answered(Int32)
        case killed(by: Int32)
        case ended(code: Int32, said: String)
    }

    private static func attempt(_ arguments: String...) async throws -> Ending {
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "SandboxProbe")
        let result = await Blocking.run(name: "probe") { Result { try run(program, arguments) } }
        return try result.get()
    }

    private static func run(_ program: URL, _ arguments: [String]) throws -> Ending {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let pipe = try Spawning.alone {
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            return pipe
        }
        let said = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        process.waitUntilExit()
        if process.terminationReason == .uncaughtSignal { return .killed(by: process.terminationStatus) }
        guard process.terminationStatus == 0, let number = Int32(said) else {
            return .ended(code: process.terminationStatus, said: said)
        }
        return .answered(number)
    }

    // MARK: System calls

    @Test(arguments: [
        "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "bpf", "init_module", "kexec_load",
        "perf_event_open", "userfaultfd", "unshare", "setns", "mount", "chroot", "clock_settime",
    ])
    func `what only an intruder tries ends the process`(call: String) async throws {
        #expect(try await Self.attempt("calls", call) == .killed(by: SIGSYS))
    }

    @Test(arguments: [
        ("keyctl", EPERM), ("kill", EPERM), ("listen", EPERM), ("executable-memory", EPERM),
        ("memory-made-code", EPERM), ("setrlimit", ENOSYS), ("dumpable", ENOSYS), ("io_uring_setup", ENOSYS),
        ("seccomp", ENOSYS), ("clone3", ENOSYS), ("fork", ENOSYS), ("namespace", ENOSYS), ("packets", ENOSYS),
        ("kernel-crypto", ENOSYS), ("netlink-other", ENOSYS), ("terminal-input", ENOSYS),
    ])
    func `everything else that is not needed is refused`(call: String, code: Int32) async throws {
        #expect(try await Self.attempt("calls", call) == .answered(code))
    }

    @Test func `no new listener is bound`() async throws {
        let folder = try TemporaryFolder()
        #expect(try await Self.attempt("calls", "bind", "0") == .answered(EPERM))
        #expect(try await Self.attempt("calls", "unix-listener", folder.file("socket")) == .answered(EPERM))
        #expect(try folder.names.isEmpty)
    }

    @Test(arguments: ["thread", "memory", "secret-memory", "limit-asked"])
    func `what a signer needs is allowed`(call: String) async throws {
        #expect(try await Self.attempt("calls", call) == .answered(0))
    }

    @Test func `names are looked up, files are written and renamed`() async throws {
        let folder = try TemporaryFolder()
        #expect(try await Self.attempt("calls", "look-up", "localhost") == .answered(0))
        #expect(try await Self.attempt("calls", "rename", folder.file("a")) == .answered(0))
        // Refused by nobody but the peer.
        #expect(try await Self.attempt("calls", "connect", "1") == .answered(ECONNREFUSED))
    }

    @Test func `a crash still ends the process`() async throws {
        #expect(try await Self.attempt("calls", "abort") == .killed(by: SIGABRT))
    }

    // MARK: Files and ports

    static let hasLandlock = Landlock.version >= 4

    @Test(.enabled(if: hasLandlock, "this kernel's Landlock does not know TCP ports"))
    func `only named folders are read`() async throws {
        let (named, other) = (try TemporaryFolder(), try TemporaryFolder())
        for folder in [named, other] { try folder.write(Data("x".utf8), to: "file") }
        let rules = ["files", "--read", named.path, "--"]
        func ask(_ attempt: String, _ path: String) async throws -> Ending {
            try await Self.attempt(rules[0], rules[1], rules[2], rules[3], attempt, path)
        }
        #expect(try await ask("read", named.file("file")) == .answered(0))
        #expect(try await ask("read", other.file("file")) == .answered(EACCES))
        #expect(try await ask("read", "/etc/passwd") == .answered(EACCES))
        #expect(try await ask("write", named.file("file")) == .answered(EACCES))
        #expect(try await ask("create", named.file("new")) == .answered(EACCES))
        #expect(try await ask("remove", named.file("file")) == .answered(EACCES))
        #expect(try await ask("run", "/bin/true") == .answered(EACCES))
        #expect(try named.names == ["file"])
    }

    @Test(.enabled(if: hasLandlock, "this kernel's Landlock does not know TCP ports"))
    func `only named folders are written, with files and sockets and nothing else`() async throws {
        let (named, other) = (try TemporaryFolder(), try TemporaryFolder())
        try other.write(Data("x".utf8), to: "file")
        func ask(_ attempt: String, _ path: String) async throws -> Ending {
            try await Self.attempt("files", "--write", named.path, "--", attempt, path)
        }
        #expect(try await ask("create", named.file("a")) == .answered(0))
        #expect(try await ask("write", named.file("a")) == .answered(0))
        #expect(try await ask("rename", named.file("b")) == .answered(0))
        #expect(try await ask("unix-listener", named.file("socket")) == .answered(0))
        #expect(try await ask("remove", named.file("a")) == .answered(0))
        #expect(try await ask("folder", named.file("folder")) == .answered(EACCES))
        #expect(try await ask("link", named.file("link")) == .answered(EACCES))
        #expect(try await ask("create", other.file("a")) == .answered(EACCES))
        #expect(try await ask("remove", other.file("file")) == .answered(EACCES))
    }

    @Test(.enabled(if: hasLandlock, "this kernel's Landlock does not know TCP ports"))
    func `only named ports are bound and called`() async throws {
        #expect(try await Self.attempt("files", "--bind", "0", "--", "bind", "0") == .answered(0))
        #expect(try await Self.attempt("files", "--bind", "0", "--", "bind", "61234") == .answered(EACCES))
        #expect(try await Self.attempt("files", "--call", "1", "--", "connect", "1") == .answered(ECONNREFUSED))
        #expect(try await Self.attempt("files", "--call", "2", "--", "connect", "1") == .answered(EACCES))
    }

    @Test(.enabled(if: hasLandlock, "this kernel's Landlock does not know TCP ports"))
    func `a path that is not there is no obstacle`() async throws {
        let ending = try await Self.attempt("files", "--read", "/nowhere/at/all", "--", "read", "/etc/passwd")
        #expect(ending == .answered(EACCES))
    }
}

/// Which libraries are opened before no code can be mapped any more.
@Suite struct LoadableLibraryTests {
    @Test func `the services of all databases are named once, without what is built in`() {
        let names = LoadableLibraries.names(
            in: """
                # passwd: nothing
                passwd:         files systemd
                hosts:          files mymachines [!UNAVAIL=return] dns myhostname # sss
                group: files systemd sss

                netgroup:
                """
        )
        #expect(names == ["systemd", "mymachines", "myhostname", "sss"])
    }
}
