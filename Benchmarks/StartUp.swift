// SPDX-License-Identifier: Apache-2.0

/// How long 10,000 keys take until the port listens, and the memory they are in then.
struct StartUp {
    private static let keys = 10_000
    private static let repetitions = 3
    private let options: Options
    private let folder: WorkFolder

    init(_ options: Options, _ folder: WorkFolder) {
        self.options = options
        self.folder = folder
    }

    func measure(_ report: inout Report) throws(BenchmarkFailure) {
        let keys = try KeySet(count: Self.keys, folder: folder.path("many-keys"), isKept: false)
        var seconds: [Double] = []
        var cpu: [Double] = []
        var memory: [Double] = []
        for _ in 0..<Self.repetitions {
            let server = try Server(options.binary, folder: folder, keys: keys.folder, network: keys.network)
            seconds.append(server.readyAfter)
            cpu.append(Double(server.cpuNanoseconds) / 1e9)
            memory.append(Double(server.residentBytes) / 1e6)
            server.stop()
        }
        report.add("start-up with 10,000 raw keys", seconds.median, "s", digits: 2, atMost: 3)
        report.add("  CPU until then", cpu.median, "s", digits: 2)
        report.add("  resident memory then", memory.quantile(1), "MB", digits: 0, atMost: 150)
    }
}
