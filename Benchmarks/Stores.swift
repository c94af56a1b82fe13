// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import Foundation
internal import PostgreSQL
internal import PostgreSQLServer
internal import SlashingProtection
internal import TestSupport

/// What each kind of record costs: the same bursts through the whole signer, and the record alone with 64 callers. Beside
/// PostgreSQL stands what a signer does that sends seven statements for each attestation, on the same database.
struct Stores {
    private static let callers = 64
    private static let seconds: UInt64 = 3

    /// How much one kind of record is asked for.
    private struct Load {
        var keys: Int
        var callers = Stores.callers
        var warmUps = 3
        var rounds: Int
        /// For the 99th percentile of a burst, in milliseconds.
        var target: Double?
    }

    private let options: Options
    private let folder: WorkFolder
    private let keys: KeySet

    init(_ options: Options, _ folder: WorkFolder) throws(BenchmarkFailure) {
        self.options = options
        self.folder = folder
        keys = try KeySet(count: options.keys, folder: folder.path("store-keys"))
    }

    func measure(_ report: inout Report) async throws(BenchmarkFailure) {
        let database = try await Database.started()
        var load = Load(keys: options.keys, rounds: options.rounds)
        try measure("noop", record: "backend: noop", load, { 0 }, &report)
        let file = folder.path("stores.sqlite")
        let sqlite = "backend: sqlite\n  path: \(file)\n  create_if_missing: true"
        try measure("SQLite", record: sqlite, load, { 0 }, &report)
        let url = try await database.make("bench_signer")
        let floor = "\n  floor:\n    path: \(folder.path("stores-floor.sqlite"))"
        let record = "backend: postgres\n  url: \"\(url)\"\n  create_if_missing: true\(floor)"
        load.target = 120
        let with = try measure("PostgreSQL", record: record, load, { database.cpuNanoseconds }, &report)
        let unfloored = record.replacing("path: ", with: "enabled: false # ")
        var unheard = Report()
        let without = try measure("without", record: unfloored, load, { database.cpuNanoseconds }, &unheard)
        report.add(
            "  its floor: p99 \(Report.text(without.p99, 1)) ms without, CPU more by",
            (with.cpu - without.cpu) / 1000,
            "µs/signature"
        )
        try await measureDynamoDB(&report)
        try await compare(database, &report)
    }

    /// The server that stands in for DynamoDB is slow and does one thing at a time: its figures show what the signer
    /// spends, and nothing of the service. More at once would only wait longer than a signer does.
    private func measureDynamoDB(_ report: inout Report) async throws(BenchmarkFailure) {
        guard MotoServer.isPresent else { return report.note("DynamoDB was left out: scripts/bootstrap --test first") }
        let server: MotoServer
        do { server = try await MotoServer.shared } catch { throw BenchmarkFailure("moto: \(error)") }
        unsafe setenv("AWS_ACCESS_KEY_ID", "bench", 1)
        unsafe setenv("AWS_SECRET_ACCESS_KEY", "bench", 1)
        let record = """
            backend: dynamodb
              table: bench
              region: eu-central-1
              endpoint: \(server.endpoint)
              create_if_missing: true
              floor:
                path: \(folder.path("stores-dynamodb-floor.sqlite"))
            """
        let load = Load(keys: min(options.keys, 64), warmUps: 1, rounds: min(options.rounds, 4))
        let time = { Clock.process(server.processIdentifier) }
        do throws(BenchmarkFailure) {
            try measure("DynamoDB on moto", record: record, load, time, &report)
        } catch {
            report.note("DynamoDB on moto: it was too slow for the signer: \(error)")
        }
    }

    /// The bursts of `Bursts` over one kind of record. Gives the p99 of a burst in milliseconds and the CPU of a signature in
    /// nanoseconds.
    @discardableResult
    private func measure(
        _ name: String,
        record: String,
        _ load: Load,
        _ databaseTime: () -> UInt64,
        _ report: inout Report
    ) throws(BenchmarkFailure) -> (p99: Double, cpu: Double) {
        let server = try Server(
            options.binary,
            folder: folder,
            keys: keys.folder,
            network: keys.network,
            record: record
        )
        defer { server.stop() }
        var requests = try Requests(keys)
        let clients = try LoadClient(port: server.port, connections: load.keys)
        var latencies: [[Double]] = []
        var spent: [Double] = []
        var spentBySigner: [Double] = []
        for round in 0..<load.rounds + load.warmUps {
            let body = try requests.body(epoch: requests.nextEpoch(), variant: 0)
            let before = (signer: server.cpuNanoseconds, database: databaseTime())
            let result = try clients.burst((0..<load.keys).map { requests.request(key: $0, body) })
            // What was put off counts too.
            usleep(300_000)
            let signer = server.cpuNanoseconds - before.signer
            guard round >= load.warmUps else { continue }
            latencies.append(result.latencies)
            spentBySigner.append(Double(signer) / Double(load.keys))
            spent.append(Double(signer + databaseTime() - before.database) / Double(load.keys))
        }
        let p99 = latencies.map { $0.quantile(0.99) }.median / 1e6
        report.add("\(name): CPU of signer and database", spent.median / 1000, "µs/signature")
        report.add("  CPU of the signer alone", spentBySigner.median / 1000, "µs/signature")
        report.add("  burst of \(load.keys): p50", latencies.map { $0.quantile(0.5) }.median / 1e6, "ms")
        report.add("  burst of \(load.keys): p99", p99, "ms", atMost: load.target)
        let rate = try throughput(server, load.callers, &requests)
        report.add("  \(load.callers) connections", rate, "signatures/s", digits: 0)
        return (p99, spent.median)
    }

    private func throughput(
        _ server: Server,
        _ callers: Int,
        _ requests: inout Requests
    ) throws(BenchmarkFailure) -> Double {
        let clients = try LoadClient(port: server.port, connections: callers)
        let made = requests
        var all = made
        var bodies: [Requests.Body] = []
        var turns = [Int](repeating: 0, count: callers)
        let began = Clock.monotonic
        let answered = try clients.keepBusy(for: Self.seconds * 1_000_000_000) { key throws(BenchmarkFailure) in
            if turns[key] == bodies.count { bodies.append(try all.body(epoch: all.nextEpoch(), variant: 0)) }
            defer { turns[key] += 1 }
            return all.request(key: key, bodies[turns[key]])
        }
        requests = all
        return Double(answered) / (Double(Clock.monotonic - began) / 1e9)
    }

    // MARK: The record alone

    private func compare(_ database: Database, _ report: inout Report) async throws(BenchmarkFailure) {
        let url = try await database.make("bench_record")
        let records = keys.keys.map { RecordIdentity($0.publicKey) }
        guard let root = keys.network.genesisValidatorsRoot else { throw BenchmarkFailure("a network without a root") }
        let settings = try PostgreSQLStore.Settings(url: url, root: root)
        let store = try opened(settings)
        let began = Clock.monotonic
        let cpu = database.cpuNanoseconds
        let decided = await callers { caller in
            var count = 0
            var epoch: UInt64 = 1_000
            while Clock.monotonic < began + Self.seconds * 1_000_000_000 {
                epoch += 1
                let batch = DutyBatch(
                    duty: .attestation(source: Epoch(epoch - 1), target: Epoch(epoch)),
                    signingRoot: SigningRoot(Bytes()),
                    genesisValidatorsRoot: root,
                    records: [records[caller]]
                )
                if await store.decide(batch) == [.recorded] { count += 1 }
            }
            return count
        }
        let ours = Double(decided) / (Double(Clock.monotonic - began) / 1e9)
        report.add("PostgreSQL record alone, \(Self.callers) callers", ours, "records/s", digits: 0)
        let spent = Double(database.cpuNanoseconds - cpu) / Double(max(1, decided))
        report.add("  CPU of the database", spent / 1000, "µs/record")
        await store.close()
        let theirs = try await SevenStatements(settings, records).rate(callers: Self.callers, seconds: Self.seconds)
        report.add("  seven statements for each, \(Self.callers) sessions", theirs, "records/s", digits: 0)
        report.add("  ours over seven statements", ours / theirs, "", digits: 1, atLeast: 4)
    }

    private func opened(_ settings: PostgreSQLStore.Settings) throws(BenchmarkFailure) -> PostgreSQLStore {
        do throws(StoreError) { return try PostgreSQLStore(settings) } catch { throw BenchmarkFailure("\(error)") }
    }

    private func callers(_ body: @escaping @Sendable (Int) async -> Int) async -> Int {
        await withTaskGroup(of: Int.self) { group in
            for caller in 0..<Self.callers { group.addTask { await body(caller) } }
            return await group.reduce(0, +)
        }
    }
}

extension PostgreSQLStore.Settings {
    fileprivate init(url: String, root: Root) throws(BenchmarkFailure) {
        do throws(PostgreSQLError) {
            self.init(
                connection: try PostgreSQLSettings(url: url, applicationName: "bench"),
                genesisValidatorsRoot: root,
                createIfMissing: true
            )
        } catch {
            throw BenchmarkFailure("\(error)")
        }
    }
}

/// A PostgreSQL server of the benchmark's own.
struct Database {
    let server: PostgreSQLServer

    static func started() async throws(BenchmarkFailure) -> Database {
        do {
            return Database(server: try await PostgreSQLServer.started(settings: ["max_connections": "200"]))
        } catch {
            throw BenchmarkFailure("PostgreSQL could not be started: \(error)")
        }
    }

    func make(_ name: String) async throws(BenchmarkFailure) -> String {
        do { return try await server.createDatabase(name) } catch { throw BenchmarkFailure("\(error)") }
    }

    /// CPU time of the server and all of its processes, those that have ended included.
    var cpuNanoseconds: UInt64 {
        guard let file = FileManager.default.contents(atPath: server.folder + "/data/postmaster.pid"),
            let line = String(decoding: file, as: UTF8.self).split(separator: "\n").first, let postmaster = pid_t(line)
        else { return 0 }
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let ticks = processes.compactMap { pid_t($0) }.map { Self.ticks($0, of: postmaster) }.reduce(0, +)
        return ticks * 1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// utime and stime of a child, for the postmaster also those of its ended children (proc(5), `/proc/pid/stat`).
    private static func ticks(_ process: pid_t, of postmaster: pid_t) -> UInt64 {
        guard let file = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return 0 }
        // The name in parentheses may hold blanks.
        let fields = String(decoding: file, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 15, process == postmaster || pid_t(fields[1]) == postmaster else { return 0 }
        let counted = process == postmaster ? fields[11...14] : fields[11...12]
        return counted.compactMap { UInt64($0) }.reduce(0, +)
    }
}

/// A signer that has the database check one attestation a transaction, in seven round trips: begin, lock, enabled and
/// watermarks, the same target, surrounding and surrounded, insert, commit.
private struct SevenStatements {
    private let settings: PostgreSQLStore.Settings
    private let records: [RecordIdentity]

    init(_ settings: PostgreSQLStore.Settings, _ records: [RecordIdentity]) {
        self.settings = settings
        self.records = records
    }

    /// Transactions a second, each caller with a session and a validator of its own.
    func rate(callers: Int, seconds: UInt64) async throws(BenchmarkFailure) -> Double {
        let counts = Counts(sessions: callers)
        await withTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                var settings = settings
                settings.connection.connectTimeout = .seconds(30)
                let key = records[caller].publicKey.bytes.array
                group.addTask { [settings] in await Self.onThread { Self.run(settings, key, seconds, counts) } }
            }
        }
        let rate = Double(counts.total) / Double(seconds)
        guard counts.failure == nil else { throw BenchmarkFailure("seven statements: \(counts.failure ?? "")") }
        return rate
    }

    private static func onThread(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                body()
                continuation.resume()
            }
        }
    }

    private static func run(
        _ settings: PostgreSQLStore.Settings,
        _ key: [UInt8],
        _ seconds: UInt64,
        _ counts: Counts
    ) {
        do throws(PostgreSQLError) {
            var session = try PostgreSQLConnection(settings.connection)
            let found = try session.run(
                [PostgreSQLStatement("SELECT id FROM validators WHERE public_key = $1", [.bytes(key)])],
                within: .seconds(5)
            )
            guard let id = found[0].int32(0, 0) else { return }
            var epoch: Int64 = 1_000_000
            let began = counts.waitForAll()
            while Clock.monotonic < began + seconds * 1_000_000_000 {
                epoch += 1
                for statement in statements(id, source: epoch - 1, target: epoch) {
                    _ = try session.run([statement], within: .seconds(5))
                }
                counts.add()
            }
        } catch {
            counts.fail("\(error)")
            _ = counts.waitForAll()
        }
    }

    private static func statements(_ id: Int32, source: Int64, target: Int64) -> [PostgreSQLStatement] {
        [
            PostgreSQLStatement("BEGIN ISOLATION LEVEL READ COMMITTED"),
            PostgreSQLStatement("SELECT pg_advisory_xact_lock(1, $1) IS NULL", [.int32(id)]),
            PostgreSQLStatement(
                "SELECT enabled, w.source_epoch, w.target_epoch FROM validators v "
                    + "LEFT JOIN low_watermarks w ON w.validator_id = v.id WHERE v.id = $1",
                [.int32(id)]
            ),
            PostgreSQLStatement(
                "SELECT 1 FROM signed_attestations WHERE validator_id = $1 AND target_epoch = $2",
                [.int32(id), .int64(target)]
            ),
            PostgreSQLStatement(
                "SELECT 1 FROM signed_attestations WHERE validator_id = $1 AND (source_epoch < $2 AND target_epoch > $3 "
                    + "OR source_epoch > $2 AND target_epoch < $3 AND target_epoch > $2) LIMIT 1",
                [.int32(id), .int64(source), .int64(target)]
            ),
            PostgreSQLStatement(
                "INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root) "
                    + "VALUES ($1, $2, $3, $4)",
                [.int32(id), .int64(source), .int64(target), .bytes([UInt8](repeating: 7, count: 32))]
            ), PostgreSQLStatement("COMMIT"),
        ]
    }
}

/// What the sessions together have done.
private final class Counts: @unchecked Sendable {
    // Sound: the fields are only touched under the lock.
    private let lock = NSCondition()
    private var missing: Int
    private var began: UInt64 = 0
    private var count = 0
    private var firstFailure: String?

    init(sessions: Int) { missing = sessions }

    /// When the last session was ready.
    func waitForAll() -> UInt64 {
        lock.withLock {
            missing -= 1
            if missing == 0 { began = Clock.monotonic }
            lock.broadcast()
            while missing > 0 { lock.wait() }
            return began
        }
    }

    var total: Int { lock.withLock { count } }
    var failure: String? { lock.withLock { firstFailure } }
    func add() { lock.withLock { count += 1 } }
    func fail(_ text: String) { lock.withLock { firstFailure = firstFailure ?? text } }
}
