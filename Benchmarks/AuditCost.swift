// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// What an audit line costs: the bursts of one root on two servers in turn, one with an audit file and one without, so that
/// both see the same minute of the machine. The second after a burst counts too: in it the file is synced and its head
/// anchored.
struct AuditCost {
    private let options: Options
    private let folder: WorkFolder

    init(_ options: Options, _ folder: WorkFolder) {
        self.options = options
        self.folder = folder
    }

    func measure(_ report: inout Report) throws(BenchmarkFailure) {
        let keys = try KeySet(count: options.keys, folder: folder.path("audit-keys"))
        let plain = try Side(self, keys, settings: "")
        defer { plain.server.stop() }
        let path = folder.path("audit-\(UInt32.random(in: .min ... .max)).log")
        let audited = try Side(self, keys, settings: "audit:\n  path: \(path)")
        defer { audited.server.stop() }
        var requests = try Requests(keys)
        var ratios: [Double] = []
        var costs: (off: [Double], on: [Double]) = ([], [])
        var latencies: (off: [Double], on: [Double]) = ([], [])
        for round in 0..<options.rounds + 3 {
            let body = try requests.body(epoch: requests.nextEpoch(), variant: 0)
            let burst = (0..<options.keys).map { requests.request(key: $0, body) }
            // Neither is always the first.
            let on: Measure
            let off: Measure
            if round % 2 == 0 {
                (off, on) = (try plain.burst(burst), try audited.burst(burst))
            } else {
                on = try audited.burst(burst)
                off = try plain.burst(burst)
            }
            guard round >= 3 else { continue }
            costs.off.append(off.cpu)
            costs.on.append(on.cpu)
            latencies.off.append(off.p99)
            latencies.on.append(on.p99)
            ratios.append(on.cpu / off.cpu)
        }
        report.add("audit off: CPU of the server", costs.off.median / 1000, "µs/signature")
        report.add("audit on: CPU of the server", costs.on.median / 1000, "µs/signature")
        report.add("audit on / off, CPU", ratios.median, "", digits: 3, atMost: 1.1)
        report.add("  burst of \(options.keys): p99 without", latencies.off.median / 1e6, "ms")
        report.add("  burst of \(options.keys): p99 with", latencies.on.median / 1e6, "ms")
    }

    private struct Measure {
        let cpu: Double
        let p99: Double
    }

    private struct Side {
        let server: Server
        private let clients: LoadClient
        private let keys: Int

        init(_ cost: AuditCost, _ keys: KeySet, settings: String) throws(BenchmarkFailure) {
            self.keys = cost.options.keys
            server = try Server(
                cost.options.binary,
                folder: cost.folder,
                keys: keys.folder,
                network: keys.network,
                settings: settings
            )
            clients = try LoadClient(port: server.port, connections: cost.options.keys)
        }

        func burst(_ requests: [[UInt8]]) throws(BenchmarkFailure) -> Measure {
            let before = server.cpuNanoseconds
            let result = try clients.burst(requests)
            usleep(1_200_000)
            let cpu = Double(server.cpuNanoseconds - before) / Double(keys)
            return Measure(cpu: cpu, p99: result.latencies.quantile(0.99))
        }
    }
}
