// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding

/// The slot of an operator: every key signs once, all at the same time. Once as it is since Electra, with one root for
/// all, and once with a root for each. Between two bursts blst is measured for half a second, in which the server also
/// does what it put off (its log, its checkpoint), so that this counts too.
struct Bursts {
    private let options: Options
    private let keys: KeySet
    private let server: Server
    private let clients: LoadClient
    private var requests: Requests?
    private static let pause: UInt64 = 700_000_000

    init(options: Options, keys: KeySet, server: Server, clients: LoadClient) {
        self.options = options
        self.keys = keys
        self.server = server
        self.clients = clients
    }

    /// What one burst showed.
    private struct Measure {
        /// Nanoseconds of CPU for each signature.
        var cpu: Double
        var latencies: [Double]
        var blst: BlstTimes
    }

    mutating func warmUp() throws(BenchmarkFailure) {
        requests = try Requests(keys)
        for _ in 0..<3 { _ = try burst(distinct: false) }
        _ = BlstTimes.measure(nanoseconds: 100_000_000)
    }

    mutating func measure(_ report: inout Report) throws(BenchmarkFailure) {
        let loadBefore = MachineLoad.average
        var same: [Measure] = []
        var distinct: [Measure] = []
        for _ in 0..<options.rounds {
            if options.runs(.sameRoot) { same.append(try round(distinct: false)) }
            if options.runs(.distinctRoots) { distinct.append(try round(distinct: true)) }
        }
        let all = (same + distinct).map(\.blst)
        report.add("blst: hash to G2", all.map(\.hash).median / 1000, "µs CPU")
        report.add("blst: secret multiplication", all.map(\.multiplication).median / 1000, "µs CPU")
        report.add("  median of single calls", all.map(\.medianMultiplication).median / 1000, "µs CPU")
        report.add("blst: whole signature", all.map(\.signature).median / 1000, "µs CPU")
        if !same.isEmpty { reportSame(same, &report) }
        if !distinct.isEmpty { reportDistinct(distinct, &report) }
        report.note("load average \(loadBefore) before the bursts, \(MachineLoad.average) after them")
        report.note(
            "processors got by blst alone: \(Report.text(all.map(\.processorsGot).median, 2)); less than all means others work here"
        )
    }

    private func reportSame(_ same: [Measure], _ report: inout Report) {
        report.add("A same root: CPU of the server", same.map(\.cpu).median / 1000, "µs/signature")
        report.add(
            "A same root: CPU / multiplication",
            same.map { $0.cpu / $0.blst.multiplication }.median,
            "",
            digits: 3,
            atMost: 1.45
        )
        report.add("  burst of \(options.keys): p50", same.map { $0.latencies.quantile(0.5) }.median / 1e6, "ms")
        report.add(
            "  burst of \(options.keys): p99",
            same.map { $0.latencies.quantile(0.99) }.median / 1e6,
            "ms",
            atMost: 100
        )
        report.add(
            "  burst of \(options.keys): p99 of the worst round",
            same.map { $0.latencies.quantile(0.99) }.quantile(1) / 1e6,
            "ms"
        )
        let ideal = same.map { Double(options.keys) / $0.blst.limit * 1000 }.median
        report.add("  the same multiplications by blst alone", ideal, "ms")
    }

    private func reportDistinct(_ distinct: [Measure], _ report: inout Report) {
        report.add("B distinct roots: CPU of the server", distinct.map(\.cpu).median / 1000, "µs/signature")
        report.add(
            "B distinct roots: CPU / whole signature",
            distinct.map { $0.cpu / $0.blst.signature }.median,
            "",
            digits: 3,
            atMost: 1.25
        )
        report.add("  burst of \(options.keys): p99", distinct.map { $0.latencies.quantile(0.99) }.median / 1e6, "ms")
    }

    private mutating func round(distinct: Bool) throws(BenchmarkFailure) -> Measure {
        let before = server.cpuNanoseconds
        let latencies = try burst(distinct: distinct)
        let blst = BlstTimes.measure(nanoseconds: Self.pause)
        let cpu = Double(server.cpuNanoseconds - before) / Double(options.keys)
        return Measure(cpu: cpu, latencies: latencies, blst: blst)
    }

    /// One signature for each key; checks one of them.
    private mutating func burst(distinct: Bool) throws(BenchmarkFailure) -> [Double] {
        guard let epoch = requests?.nextEpoch(), let requests else { return [] }
        var bodies: [Requests.Body] = []
        for key in 0..<options.keys {
            if distinct || key == 0 {
                bodies.append(try requests.body(epoch: epoch, variant: UInt32(key)))
            } else {
                bodies.append(bodies[0])
            }
        }
        let result = try clients.burst(bodies.indices.map { requests.request(key: $0, bodies[$0]) })
        let checked = Int.random(in: 0..<options.keys)
        let expected = keys.keys[checked].sign(PreparedMessage(root: bodies[checked].root.bytes))
        guard result.bodies[checked].elementsEqual(#"{"signature":"\#(expected)"}"#.utf8) else {
            throw BenchmarkFailure(
                "another signature than blst's: \(String(decoding: result.bodies[checked], as: UTF8.self))"
            )
        }
        return result.latencies
    }

    /// All connections busy without a pause, each with the epochs one after the other.
    mutating func measureThroughput(_ report: inout Report) throws(BenchmarkFailure) {
        guard var requests else { return }
        var bodies: [Requests.Body] = []
        var turns = [Int](repeating: 0, count: options.keys)
        let before = BlstTimes.measure(nanoseconds: 300_000_000)
        let cpu = server.cpuNanoseconds
        let began = Clock.monotonic
        let answered = try clients.keepBusy(for: 3_000_000_000) { key throws(BenchmarkFailure) in
            if turns[key] == bodies.count {
                bodies.append(try requests.body(epoch: requests.nextEpoch(), variant: 0))
            }
            defer { turns[key] += 1 }
            return requests.request(key: key, bodies[turns[key]])
        }
        let seconds = Double(Clock.monotonic - began) / 1e9
        let after = BlstTimes.measure(nanoseconds: 700_000_000)
        let spent = Double(server.cpuNanoseconds - cpu) / Double(answered)
        self.requests = requests
        report.add("sustained, same roots", Double(answered) / seconds, "signatures/s", digits: 0)
        report.add("  limit: multiplications of blst alone", (before.limit + after.limit) / 2, "1/s", digits: 0)
        report.add("  CPU / multiplication", spent * 2 / (before.multiplication + after.multiplication), "", digits: 3)
    }
}
