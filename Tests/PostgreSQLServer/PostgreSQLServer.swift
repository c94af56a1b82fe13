// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc

/// A real server for tests: its own data, a port of 127.0.0.1 and a Unix socket that stay the same when it is started
/// again. It syncs as in production. It ends with the test process, whatever ends that.
package final class PostgreSQLServer: Sendable {
    /// As the server tells them apart.
    package enum StopMode: Sendable {
        /// Waits for sessions to end.
        case smart
        /// Ends sessions.
        case fast
        /// Like a crash, but orderly: the next start recovers.
        case immediate
    }

    /// Who the databases belong to.
    package static let user = "chamber"
    package static let password = "pass word/'+%"

    package let port: Int
    /// What a test asks for can lie here; removed with the server.
    package let folder: String
    package let certificates: ServerCertificates?
    private let settings: [String: String]
    private let process = Lock<ServerProcess?>(nil)

    private var data: String { folder + "/data" }
    private var log: String { folder + "/log" }

    private init(folder: String, port: Int, certificates: ServerCertificates?, settings: [String: String]) {
        self.folder = folder
        self.port = port
        self.certificates = certificates
        self.settings = settings
    }

    deinit {
        process.withLock { $0 }?.killAll()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A server that runs; takes about a second, the first of a process two.
    ///
    /// - Parameters:
    ///   - tls: with certificates of an authority of its own. Sessions without TLS are served too.
    ///   - settings: further lines of the configuration.
    package static func started(tls: Bool = false, settings: [String: String] = [:]) async throws -> PostgreSQLServer {
        let template = try await Self.template.value
        var failure: (any Error)?
        // Below the ports that the kernel gives to outgoing connections. Another process may have taken one.
        for _ in 0..<5 {
            let folder = ServerWatchdog.shared.folder + "/" + UUID().uuidString.prefix(8)
            try await Programs.run("/bin/mkdir", ["-m", "700", folder], in: "/")
            try await Programs.run("/bin/cp", ["-a", template, folder + "/data"], in: folder)
            let certificates = tls ? try await ServerCertificates.make(in: folder) : nil
            let port = Int.random(in: 20000..<32000)
            let server = PostgreSQLServer(folder: folder, port: port, certificates: certificates, settings: settings)
            do {
                try await server.start()
                return server
            } catch { failure = error }
        }
        throw failure ?? ServerFailure(description: "no port is free")
    }

    /// The one that tests share that do not disturb it: each makes databases of its own.
    package static func shared() async throws -> PostgreSQLServer { try await sharedServer.value }
    private static let sharedServer = Task { try await PostgreSQLServer.started() }

    /// What `initdb` makes, once for a process.
    private static let template = Task { () async throws -> String in
        let folder = ServerWatchdog.shared.folder
        let data = folder + "/template"
        try await eventually("the folder of the servers") { FileManager.default.fileExists(atPath: folder) }
        let options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--wal-segsize=1"]
        try await Programs.run(
            Programs.path("initdb"),
            ["--pgdata", data, "--no-sync"] + options,
            in: "/"
        )
        let password = PostgreSQLServer.password.replacing("'", with: "''")
        try await Programs.run(
            Programs.path("postgres"),
            ["--single", "-D", data, "postgres"],
            input: "CREATE ROLE \(PostgreSQLServer.user) LOGIN PASSWORD '\(password)'\n",
            in: "/"
        )
        let access = "local all,replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        try Data(access.utf8).write(to: URL(filePath: data + "/pg_hba.conf"))
        return data
    }

    // MARK: Life

    /// Starts and returns when sessions are accepted.
    package func start() async throws {
        var options = [
            "port": "\(port)", "listen_addresses": "127.0.0.1", "unix_socket_directories": folder,
            "shared_buffers": "16MB", "max_connections": "500", "min_wal_size": "2MB", "lc_messages": "C",
            // In files below the data, so that nothing is left in memory by one that was killed.
            "dynamic_shared_memory_type": "mmap",
        ]
        if let certificates {
            options["ssl"] = "on"
            options["ssl_cert_file"] = certificates.certificate
            options["ssl_key_file"] = certificates.key
            options["ssl_ca_file"] = certificates.authority
        }
        options.merge(settings) { _, own in own }
        let arguments = ["-D", data] + options.flatMap { ["-c", "\($0)=\($1)"] }
        let process = try ServerProcess(Programs.path("postgres"), arguments, log: log, in: folder)
        self.process.withLock { $0 = process }
        try await eventually("the server accepts sessions") {
            guard process.isRunning else {
                let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                throw ServerFailure(description: "the server ended at its start: \(text.suffix(1000))")
            }
            // Line 1 of `postmaster.pid` is the process, line 8 how far it is.
            let status = try? String(contentsOfFile: data + "/postmaster.pid", encoding: .utf8)
            let lines = (status ?? "").split(separator: "\n", omittingEmptySubsequences: false)
            guard lines.count > 7, lines[0] == "\(process.identifier)" else { return false }
            return lines[7].hasPrefix("ready")
        }
    }

    /// Stops and returns when it has ended; with `smart` that is when the last session has.
    package func stop(_ mode: StopMode = .fast) async {
        guard let process = process.withLock({ $0 }) else { return }
        resume()
        let signal =
            switch mode {
            case .smart: SIGTERM
            case .fast: SIGINT
            case .immediate: SIGQUIT
            }
        process.signal(signal)
        await process.end()
    }

    /// SIGKILL for all of its processes, as if the machine's memory had been lost; returns when they are gone.
    package func kill() async throws {
        guard let process = process.withLock({ $0 }) else { return }
        let children = process.killAll()
        await process.end()
        try await eventually("the server's processes are gone") { children.allSatisfy(ServerProcess.isGone) }
    }

    /// SIGSTOP for all of its processes: connections are still accepted by the kernel, and nothing answers.
    package func pause() {
        guard let process = process.withLock({ $0 }) else { return }
        process.signal(SIGSTOP)
        for child in process.children { Glibc.kill(child, SIGSTOP) }
    }

    /// SIGCONT for all of its processes.
    package func resume() {
        guard let process = process.withLock({ $0 }) else { return }
        for child in process.children { Glibc.kill(child, SIGCONT) }
        process.signal(SIGCONT)
    }

    package var isRunning: Bool { process.withLock { $0 }?.isRunning == true }

    // MARK: Content

    /// Makes a database that belongs to `user`; its URL, over TCP and without TLS.
    package func createDatabase(_ name: String) async throws -> String {
        try await psql("CREATE DATABASE \"\(name)\" OWNER \(Self.user)")
        return url(name)
    }

    /// The URL of a database for its owner.
    package func url(_ database: String, host: String = "127.0.0.1", parameters: String = "sslmode=disable") -> String {
        let password = Self.encoded(Self.password)
        return "postgresql://\(Self.user):\(password)@\(host):\(port)/\(Self.encoded(database))?\(parameters)"
    }

    /// The URL of a database for the administrator, over the Unix socket.
    package func administratorURL(_ database: String = "postgres") -> String {
        "postgresql://postgres@\(Self.encoded(folder)):\(port)/\(Self.encoded(database))"
    }

    /// Runs a script as the administrator; the rows, one a line with `|` between columns.
    @discardableResult
    package func psql(_ script: String, database: String = "postgres") async throws -> String {
        let options = [
            "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--no-password",
        ]
        let place = ["--host=\(folder)", "--port=\(port)", "--username=postgres", "--dbname=\(database)"]
        let text = try await Programs.run(
            Programs.path("psql"),
            options + place + ["--file=-"],
            input: script,
            folder: folder
        )
        return text.trimmingCharacters(in: .newlines)
    }

    /// `pg_terminate_backend` for every session but the one that does it.
    package func terminateBackends() async throws {
        try await psql(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
            """
        )
    }

    /// Copies the data of a stopped server into a new folder beside it; its path, for `restoreData`.
    package func copyData(to name: String) async throws -> String {
        precondition(!isRunning, "only the data of a stopped server can be copied")
        let copy = folder + "/" + name
        try await Programs.run("/bin/cp", ["-a", data, copy], in: folder)
        return copy
    }

    /// Puts a copy in the place of the data of a stopped server.
    package func restoreData(from copy: String) async throws {
        precondition(!isRunning, "only the data of a stopped server can be replaced")
        try await Programs.run("/bin/rm", ["-rf", data], in: folder)
        try await Programs.run("/bin/cp", ["-a", copy, data], in: folder)
    }

    /// A backup that can be restored, of a running server, by `pg_basebackup`; its path, for `restoreData`.
    package func backUp(to name: String) async throws -> String {
        let copy = folder + "/" + name
        let place = ["--host=\(folder)", "--port=\(port)", "--username=postgres"]
        try await Programs.run(
            Programs.path("pg_basebackup"),
            place + ["--pgdata=\(copy)", "--checkpoint=fast", "--no-sync"],
            in: folder
        )
        return copy
    }

    /// Roles, tables and rows of all databases, by `pg_dumpall`. Binary columns are hexadecimal in it.
    package func dump() async throws -> String {
        let place = ["--host=\(folder)", "--port=\(port)", "--username=postgres", "--no-password"]
        return try await Programs.run(Programs.path("pg_dumpall"), place, folder: folder)
    }

    /// What the server has said.
    package var messages: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                byte < 128 && (Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}

/// Asks until the answer is yes; an error after half a minute.
func eventually(_ what: String, _ ask: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(30)
    while try await !ask() {
        guard ContinuousClock.now < end else { throw ServerFailure(description: "waited in vain: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
