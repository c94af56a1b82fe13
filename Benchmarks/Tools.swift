// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Foundation
internal import PostgreSQLServer

/// What the history tools take for a large operator: 4,400 validators, once with the 250 epochs that Web3Signer keeps, once
/// with a week.
struct Tools {
    private let options: Options
    private let folder: WorkFolder
    private let network: Network

    init(_ options: Options, _ folder: WorkFolder) throws(BenchmarkFailure) {
        self.options = options
        self.folder = folder
        guard let network = Network.allNamed.first(where: { $0.name == "hoodi" }) else {
            throw BenchmarkFailure("there is no network hoodi")
        }
        self.network = network
    }

    func measure(_ report: inout Report) async throws(BenchmarkFailure) {
        let database = try await Database.started()
        guard let root = network.genesisValidatorsRoot else { throw BenchmarkFailure("a network without a root") }
        for (name, epochs) in [("250 epochs", UInt64(250)), ("a week", 1_575)] {
            let history = HistoryGenerator(validators: 4_400, epochs: epochs, root: root)
            let file = folder.path("history.json")
            try history.write(to: file)
            report.note(
                "\(name): 4400 validators, \(history.attestations) attestations, \(history.blocks) blocks, "
                    + "\(Self.size(of: file) >> 20) MB; seconds of the clock, peak of the tool's memory"
            )
            let url = try await database.make("bench_tools_\(epochs)")
            let copy = try await database.make("bench_copy_\(epochs)")
            let isShort = epochs == 250
            let sqliteLimits: Set<String> = isShort ? Self.allSteps : ["import", "export"]
            try measure(
                "SQLite, \(name)",
                sqlite("first-\(epochs)"),
                sqlite("second-\(epochs)"),
                file,
                sqliteLimits,
                &report
            )
            try measure(
                "PostgreSQL, \(name)",
                postgreSQL(url),
                postgreSQL(copy),
                file,
                isShort ? Self.allSteps : [],
                &report
            )
            try? FileManager.default.removeItem(atPath: file)
        }
    }

    private func sqlite(_ name: String) -> String { "backend: sqlite\n  path: \(folder.path("\(name).sqlite"))" }

    private func postgreSQL(_ url: String) -> String {
        "backend: postgres\n  url: \"\(url)\"\n  floor:\n    enabled: false"
    }

    private static let allSteps: Set<String> = [
        "import", "import again", "export", "verify", "verify against the file", "copy",
    ]

    /// - Parameter limited: the steps that must end within a minute.
    private func measure(
        _ name: String,
        _ record: String,
        _ copy: String,
        _ file: String,
        _ limited: Set<String>,
        _ report: inout Report
    ) throws(BenchmarkFailure) {
        let first = try configuration("first", record)
        let second = try configuration("second", copy)
        for path in [first, second] { _ = try run(["init", "-c", path]) }
        let out = folder.path("export.json")
        let steps = [
            ("import", ["import", "-c", first, "--from", file, "--json"]),
            ("import again", ["import", "-c", first, "--from", file, "--json"]),
            ("export", ["export", "-c", first, "--to", out]), ("verify", ["verify", "-c", first]),
            ("verify against the file", ["verify", "-c", first, "--against", file]),
            ("copy", ["copy", "--from-config", first, "--to-config", second]),
        ]
        for (step, arguments) in steps {
            let used = try run(arguments)
            report.add("\(name): \(step)", used.seconds, "s", atMost: limited.contains(step) ? 60 : nil)
            report.add("  CPU of the tool", used.cpu, "s")
            report.add("  peak memory", Double(used.peak) / 1_048_576, "MB", digits: 0, atMost: 200)
        }
        guard Self.size(of: out) == Self.size(of: file) else {
            throw BenchmarkFailure("an export differs from the file")
        }
        for name in [out]
            + ["first", "second"].flatMap({ name in
                ["250", "1575"].flatMap { epochs in
                    ["", "-wal", ".lock"].map { folder.path("\(name)-\(epochs).sqlite\($0)") }
                }
            })
        { try? FileManager.default.removeItem(atPath: name) }
    }

    private func configuration(_ name: String, _ record: String) throws(BenchmarkFailure) -> String {
        let path = folder.path("tools-\(name).yaml")
        try attempt("writing \(path)") {
            try "network: \(network.name)\nanti_slashing:\n  \(record)\n"
                .write(toFile: path, atomically: false, encoding: .utf8)
        }
        return path
    }

    private static func size(of path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }

    private struct Used {
        let seconds: Double
        let cpu: Double
        let peak: Int
    }

    /// Runs a command to its end; its report goes to a file that nobody reads.
    private func run(_ arguments: [String]) throws(BenchmarkFailure) -> Used {
        let began = Clock.monotonic
        let process = try Server.start(
            [options.binary, "anti-slashing"] + arguments,
            output: folder.path("tools.log")
        )
        var status: Int32 = 0
        var usage = rusage()
        guard unsafe wait4(process, &status, 0, &usage) == process, status == 0 else {
            let log = (try? String(contentsOfFile: folder.path("tools.log"), encoding: .utf8)) ?? ""
            throw BenchmarkFailure("\(arguments.prefix(1)) ended with status \(status >> 8): \(log.suffix(500))")
        }
        let cpu = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
        return Used(seconds: Double(Clock.monotonic - began) / 1e9, cpu: cpu, peak: usage.ru_maxrss * 1024)
    }
}
