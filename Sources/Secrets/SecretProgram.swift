// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Runs a program whose output is a secret, and reads it from the pipe straight into secret memory.
package enum SecretProgram {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// There is no such program on the `PATH`.
        case notFound
        /// It could not be started, by the number in errno(3).
        case notStarted(code: Int32)
        /// It ended with this code; what it had to say stands on the standard error output.
        case ended(code: Int32)
        case timedOut
        case tooLong(limit: Int)

        package var description: String {
            switch self {
            case .notFound: "is not installed"
            case .notStarted(let code): "could not be started: \(unsafe String(cString: strerror(code)))"
            case .ended(let code): "ended with the exit code \(code)"
            case .timedOut: "gave no answer in time"
            case .tooLong(let limit): "answered more than \(limit) bytes"
            }
        }
    }

    /// Variables that a program may need. No others: secrets of ours may stand in the environment.
    private static let passedOn = [
        "PATH=", "HOME=", "USER=", "LOGNAME=", "LANG=", "LC_", "LD_LIBRARY_PATH=", "TERM=", "TMPDIR=",
        "XDG_RUNTIME_DIR=",
        "DBUS_SESSION_BUS_ADDRESS=", "PCSCLITE_CSOCK_NAME=", "PYTHONPATH=", "VIRTUAL_ENV=",
    ]

    /// What the program wrote to its standard output, at most `limit` bytes. Its standard error output is ours, so that it
    /// can ask for a touch.
    package static func output(
        of program: String,
        _ arguments: [String],
        patience: Duration,
        limit: Int
    ) throws(Failure) -> SecretBytes {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw .notStarted(code: errno) }
        let source = ends[0]
        defer { close(source) }
        for end in ends { _ = chamber_prepare_descriptor(end, 0) }
        let started = Result { () throws(Failure) in try start(program, arguments, output: ends[1]) }
        close(ends[1])
        let child = try started.get()
        let end = deadline(patience)
        var isOver = false
        defer { if !isOver { abandon(child) } }
        let taken = try read(source, until: end, limit: limit)
        let status = try wait(for: child, until: end)
        isOver = true
        guard status == 0 else { throw .ended(code: status) }
        return taken
    }

    /// Of one that does not answer, or says too much, nothing more is expected.
    private static func abandon(_ child: pid_t) {
        kill(child, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
    }

    private static func start(_ program: String, _ arguments: [String], output: Int32) throws(Failure) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        defer { for place in unsafe words.indices { unsafe free(words[place]) } }
        var variables = unsafe environment
        var child: pid_t = 0
        let code = unsafe posix_spawnp(&child, program, &actions, nil, &words, &variables)
        guard code == 0 else { throw code == ENOENT ? .notFound : .notStarted(code: code) }
        return child
    }

    /// Pointers into our own environment, ended by nil.
    private static var environment: [UnsafeMutablePointer<CChar>?] {
        var variables: [UnsafeMutablePointer<CChar>?] = unsafe []
        var place: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = unsafe environ
        while let variable = unsafe place.pointee {
            if passedOn.contains(where: { unsafe strncmp(variable, $0, $0.utf8.count) == 0 }) {
                unsafe variables.append(variable)
            }
            unsafe place += 1
        }
        return unsafe variables + [nil]
    }

    private static func deadline(_ patience: Duration) -> UInt64 {
        let (seconds, attoseconds) = patience.components
        let wait = UInt64(max(seconds, 0)) * 1_000_000_000 + UInt64(max(attoseconds, 0) / 1_000_000_000)
        return chamber_monotonic_nanoseconds() + wait
    }

    /// Reads to the end of the output.
    private static func read(_ source: Int32, until deadline: UInt64, limit: Int) throws(Failure) -> SecretBytes {
        var memory = SecretBytes(count: limit + 1) { _ in }
        var taken = 0
        while true {
            let now = chamber_monotonic_nanoseconds()
            guard now < deadline else { throw .timedOut }
            var waiting = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&waiting, 1, Int32(clamping: (deadline - now) / 1_000_000 + 1))
            if ready == 0 { throw .timedOut }
            guard ready > 0 else { continue }
            let place = taken
            let got = memory.withMutableBytes { target in
                unsafe target.withUnsafeMutableBytes { target in
                    unsafe Glibc.read(source, target.baseAddress.map { unsafe $0 + place }, target.count - place)
                }
            }
            if got == 0 { break }
            if got > 0 { taken += got } else if errno != EINTR { throw .notStarted(code: errno) }
            guard taken <= limit else { throw .tooLong(limit: limit) }
        }
        return SecretBytes(copying: memory.span.extracting(0..<taken))
    }

    /// Its exit code. One that has closed its output has ended, or is about to.
    private static func wait(for child: pid_t, until deadline: UInt64) throws(Failure) -> Int32 {
        var status: Int32 = 0
        while true {
            let ended = unsafe waitpid(child, &status, WNOHANG)
            if ended == child { break }
            guard ended == 0 || errno == EINTR else { throw .notStarted(code: errno) }
            guard chamber_monotonic_nanoseconds() < deadline else { throw .timedOut }
            usleep(5000)
        }
        // WIFEXITED and WEXITSTATUS are macros: the low seven bits are the signal, the next byte is the code.
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}
