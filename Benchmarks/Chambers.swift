// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Foundation
internal import PostgreSQLServer
internal import SealedKeys
internal import TestSupport

/// What many keys cost that lie encrypted in a store, 10,000 unless the options say otherwise: opening them, following their changes, encrypting them anew.
struct Chambers {
    /// Keys that sign while the rest is encrypted anew.
    private static let signing = 16
    /// Seconds of encrypting anew that are watched at most: what stands in for DynamoDB takes longer.
    private static let patience = 60.0
    private let options: Options
    private let folder: WorkFolder
    private var keyCount: Int { options.sealedKeys }

    init(_ options: Options, _ folder: WorkFolder) {
        self.options = options
        self.folder = folder
    }

    func measure(_ report: inout Report) async throws(BenchmarkFailure) {
        report.note("load average \(MachineLoad.average) before the chambers")
        try await measure(.sqlite(folder), &report) { _ in 3 }
        let database = try await Database.started()
        try await measure(.postgreSQL(database), &report) { _ in 3 }
        guard MotoServer.isPresent else {
            return report.note("DynamoDB was left out: scripts/bootstrap --test first")
        }
        try await measure(.dynamoDB(folder), &report) { 2 * $0 }
        report.note("load average \(MachineLoad.average) after the chambers")
    }

    /// - Parameter limit: of the seconds to the first signature, by those of the bare reading.
    private func measure(
        _ store: ChamberStore,
        _ report: inout Report,
        limit: (_ bareRead: Double) -> Double
    ) async throws(BenchmarkFailure) {
        let root = try ChamberServer.initialize(options, folder, store)
        let filling = try await ChamberFilling(store)
        let keys = try await store.keys()
        let began = Clock.monotonic
        let validators = try await filling.write(keyCount, to: keys)
        report.add("\(store.name): writing \(keyCount) encrypted keys", Self.seconds(since: began), "s", digits: 2)
        let bare = try await bareRead(keys)
        report.add("  bare reading of them", bare, "s", digits: 2)
        try await measureRefresh(keys, &report)
        await keys.close()

        var requests = try Requests([], on: KnownNetwork.hoodi.network)
        // The first opening of all gives every key its row in the record.
        let first = try start(store, root)
        let made = try first.firstSignature(validators[keyCount - 1], &requests, since: first.server.began)
        first.server.stop()
        report.add("  first start ever to first signature", Double(made) / 1e9, "s", digits: 2)

        let chamber = try start(store, root)
        defer { chamber.server.stop() }
        let server = chamber.server
        let started = try chamber.firstSignature(validators[keyCount - 1], &requests, since: server.began)
        report.add("  start to first signature", Double(started) / 1e9, "s", digits: 2, atMost: limit(bare))
        report.add("  CPU until then", Double(server.cpuNanoseconds) / 1e9, "s", digits: 2)
        guard try chamber.loadedKeys() == keyCount else { throw BenchmarkFailure("\(store.name): keys are missing") }
        report.add("  resident memory then", Double(server.residentBytes) / 1e6, "MB", digits: 0)

        try measureUnsealing(chamber, validators[keyCount - 1], limit(bare), &requests, &report)
        let idle = server.cpuNanoseconds
        usleep(5_000_000)
        report.add(
            "  CPU of following an unchanged store",
            Double(server.cpuNanoseconds - idle) / 5e6,
            "ms/s",
            digits: 2
        )
        try measureRekeying(chamber, Array(validators.prefix(Self.signing)), &requests, &report)
    }

    /// The median of three, with the CPU of that one: on a busy machine that tells more.
    private func measureUnsealing(
        _ chamber: ChamberServer,
        _ key: PublicKey,
        _ limit: Double,
        _ requests: inout Requests,
        _ report: inout Report
    ) throws(BenchmarkFailure) {
        var (seconds, cpu): ([Double], [Double]) = ([], [])
        for _ in 0..<3 {
            try chamber.order("seal")
            let (began, before) = (Clock.monotonic, chamber.server.cpuNanoseconds)
            try chamber.order("unseal")
            seconds.append(Double(try chamber.firstSignature(key, &requests, since: began)) / 1e9)
            cpu.append(Double(chamber.server.cpuNanoseconds - before) / 1e9)
        }
        report.add("  unseal to first signature", seconds.median, "s", digits: 2, atMost: limit)
        report.add("  CPU until then", cpu.median, "s", digits: 2)
    }

    private func start(_ store: ChamberStore, _ root: String) throws(BenchmarkFailure) -> ChamberServer {
        ChamberServer(server: try ChamberServer.start(options, folder, store), root: root)
    }

    private static func seconds(since began: UInt64) -> Double { Double(Clock.monotonic - began) / 1e9 }

    // MARK: Reading

    /// Everything that an opening reads, with nothing done to it; the median of three.
    private func bareRead(_ keys: any SealedKeyStore) async throws(BenchmarkFailure) -> Double {
        var seconds: [Double] = []
        for _ in 0..<3 {
            let began = Clock.monotonic
            var count = 0
            _ = try await attempt("reading the keys") { try await keys.load([.active]) { count += $0.count } }
            guard count == keyCount else { throw BenchmarkFailure("\(count) keys were read") }
            seconds.append(Self.seconds(since: began))
        }
        return seconds.median
    }

    /// What an instance does every second where nothing was changed: it is told so, and gets no row to decrypt.
    private func measureRefresh(_ keys: any SealedKeyStore, _ report: inout Report) async throws(BenchmarkFailure) {
        let cursor = try await attempt("reading the keys") { try await keys.load([.active]) { _ in } }
        var times: [Double] = []
        for _ in 0..<50 {
            let began = Clock.monotonic
            let changes = try await attempt("asking for changes") { try await keys.changes(after: cursor) }
            guard changes == .unchanged else { throw BenchmarkFailure("an unchanged store tells of changes") }
            times.append(Self.seconds(since: began) * 1000)
        }
        report.add("  refresh of an unchanged store, no row told", times.median, "ms", digits: 2)
    }

    // MARK: Encrypting anew

    /// Everything under a next master key, while some keys sign in bursts.
    private func measureRekeying(
        _ chamber: ChamberServer,
        _ signers: [PublicKey],
        _ requests: inout Requests,
        _ report: inout Report
    ) throws(BenchmarkFailure) {
        var bursts = try Requests(signers, on: KnownNetwork.hoodi.network)
        // What was signed while waiting for the first signature had other keys.
        let clients = try LoadClient(port: chamber.server.port, connections: signers.count)
        var quiet: [Double] = []
        for _ in 0..<60 { quiet += try Self.burst(clients, &bursts, signers.count) }
        let began = Clock.monotonic
        try chamber.order("rotate", #"{"kind":"master_key"}"#)
        var busy: [Double] = []
        var asked = began
        var isDone = false
        var done = 0
        while !isDone, Self.seconds(since: began) < Self.patience {
            busy += try Self.burst(clients, &bursts, signers.count)
            guard Clock.monotonic - asked > 200_000_000 else { continue }
            asked = Clock.monotonic
            let state = try chamber.rotation()
            if let reason = state.rotation?.reason { throw BenchmarkFailure("encrypting anew: \(reason)") }
            done = max(done, state.rotation?.done ?? 0)
            isDone = state.master_key?.generation == "2" && state.rotation == nil
        }
        let seconds = Self.seconds(since: began)
        if isDone {
            done = keyCount
        } else {
            report.note(
                "encrypting anew was not over after \(Int(Self.patience)) seconds: its rate is that of its begin"
            )
        }
        report.add("  all keys encrypted anew", Double(done) / seconds, "rows/s", digits: 0)
        report.add("  burst of \(signers.count) meanwhile: p99", busy.quantile(0.99) / 1e6, "ms")
        report.add("  the same before: p99", quiet.quantile(0.99) / 1e6, "ms")
        guard try chamber.loadedKeys() == keyCount else { throw BenchmarkFailure("keys are missing afterwards") }
        // The store that comes next may take minutes.
        FileHandle.standardError.write(Data("bench: so far\n\(report.table)\n".utf8))
    }

    private static func burst(
        _ clients: LoadClient,
        _ requests: inout Requests,
        _ count: Int
    ) throws(BenchmarkFailure) -> [Double] {
        let body = try requests.body(epoch: requests.nextEpoch(), variant: 0)
        let (made, all) = (requests, 0..<count)
        let latencies = try clients.burst(all.map { made.request(key: $0, body) }).latencies
        usleep(30_000)
        return latencies
    }
}
