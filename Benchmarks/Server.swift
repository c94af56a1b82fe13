// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Foundation

/// The real binary with a configuration of its own: a durable SQLite record, the audit log as it is by default, written
/// to a file.
final class Server {
    let process: pid_t
    let port: UInt16
    /// The path of its configuration.
    let configuration: String
    /// The path of what it says.
    let log: String
    /// When the process was started.
    let began: UInt64
    /// From the start of the process until it said that it listens, in seconds.
    let readyAfter: Double

    /// - Parameter record: the lines of `anti_slashing`, two blanks before all but the first; nil for SQLite.
    /// - Parameter sources: the lines of `key_sources`, like those; nil for files in the folder `keys`.
    /// - Parameter settings: further lines of the configuration, whole sections.
    init(
        _ binary: String,
        folder: WorkFolder,
        keys: String,
        network: Network,
        record: String? = nil,
        sources: String? = nil,
        settings: String = ""
    ) throws(BenchmarkFailure) {
        let name = "server-\(UInt32.random(in: .min ... .max))"
        let configuration = folder.path("\(name).yaml")
        self.configuration = configuration
        let log = folder.path("\(name).log")
        self.log = log
        let sqlite = "backend: sqlite\n  path: \(folder.path("\(name).sqlite"))\n  create_if_missing: true"
        let files = "filesystem:\n    paths: [\"\(keys)\"]"
        try attempt("writing \(configuration)") {
            try """
            network: \(network.name)
            server:
              listen_port: 0
              admin_socket: \(folder.path("\(name).sock"))
            metrics:
              listen_port: 0
            key_sources:
              \(sources ?? files)
            anti_slashing:
              \(record ?? sqlite)
            \(settings)
            """.write(toFile: configuration, atomically: false, encoding: .utf8)
        }
        began = Clock.monotonic
        process = try Self.start([binary, "server", "-c", configuration], output: log)
        do throws(BenchmarkFailure) {
            port = try Self.waitForPort(log, process)
        } catch {
            kill(process, SIGKILL)
            throw error
        }
        readyAfter = Double(Clock.monotonic - began) / 1e9
    }

    /// CPU time of the whole process.
    var cpuNanoseconds: UInt64 { Clock.process(process) }

    /// Resident memory in bytes (`VmRSS`).
    var residentBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first.map { $0 * 1024 } ?? 0
    }

    func stop() {
        kill(process, SIGTERM)
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
    }

    static func start(_ arguments: [String], output: String) throws(BenchmarkFailure) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        var process = pid_t()
        let code = unsafe posix_spawn(&process, arguments[0], &actions, nil, &pointers, environ)
        guard code == 0 else { throw BenchmarkFailure("\(arguments[0]) could not be started (error \(code))") }
        return process
    }

    /// The port that the log names when the signing server listens.
    private static func waitForPort(_ log: String, _ process: pid_t) throws(BenchmarkFailure) -> UInt16 {
        let end = Clock.monotonic + 120_000_000_000
        while Clock.monotonic < end {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            for line in text.split(separator: "\n") where line.contains("listening") && line.contains("port=signing") {
                let digits = line.reversed().prefix { $0.isNumber }.reversed()
                if let port = UInt16(String(digits)) { return port }
            }
            var status: Int32 = 0
            guard unsafe waitpid(process, &status, WNOHANG) == 0 else {
                throw BenchmarkFailure("the server ended at its start:\n\(text)")
            }
            usleep(2000)
        }
        throw BenchmarkFailure("the server did not listen within two minutes")
    }
}
