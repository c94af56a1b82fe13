// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// `make bench`: starts the release binary itself, loads it over real sockets, and holds what it costs against what blst
/// costs in the same minute. Ratios of CPU time survive a noisy machine; latencies do not, so the load is printed beside
/// them.
@main
struct Benchmarks {
    static func main() async {
        // A server that dies must not end us with a signal.
        _ = signal(SIGPIPE, SIG_IGN)
        do throws(BenchmarkFailure) {
            let options = try Options(Array(CommandLine.arguments.dropFirst()))
            let report = try await run(options)
            print(options.isJSON ? report.json : report.table)
            exit(report.isMet || options.isReportOnly ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("bench: \(error)\n".utf8))
            exit(2)
        }
    }

    private static func run(_ options: Options) async throws(BenchmarkFailure) -> Report {
        let folder = try WorkFolder(in: options.folder)
        defer { folder.remove() }
        var report = Report()
        if options.runs(.sameRoot) || options.runs(.distinctRoots) || options.runs(.upcheck) {
            try measureLoad(options, folder, &report)
        }
        if options.runs(.stores) { try await Stores(options, folder).measure(&report) }
        if options.runs(.guards) { try GuardCost(options, folder).measure(&report) }
        if options.runs(.chamber) { try await Chambers(options, folder).measure(&report) }
        if options.runs(.timing) { try Timing().measure(&report) }
        if options.runs(.tools) { try await Tools(options, folder).measure(&report) }
        if options.runs(.startUp) { try StartUp(options, folder).measure(&report) }
        return report
    }

    /// Everything that needs a running server with the keys of a burst.
    private static func measureLoad(
        _ options: Options,
        _ folder: WorkFolder,
        _ report: inout Report
    ) throws(BenchmarkFailure) {
        let keys = try KeySet(count: options.keys, folder: folder.path("keys"))
        let server = try Server(options.binary, folder: folder, keys: keys.folder, network: keys.network)
        defer { server.stop() }
        let clients = try LoadClient(port: server.port, connections: options.keys)
        var bursts = Bursts(options: options, keys: keys, server: server, clients: clients)
        try bursts.warmUp()
        if options.runs(.sameRoot) || options.runs(.distinctRoots) { try bursts.measure(&report) }
        if options.runs(.sameRoot) { try bursts.measureThroughput(&report) }
        if options.runs(.upcheck) { try measureUpcheck(server, &report) }
    }

    /// The cheapest answer there is: what a request costs before anything is done for it.
    private static func measureUpcheck(_ server: Server, _ report: inout Report) throws(BenchmarkFailure) {
        let clients = try LoadClient(port: server.port, connections: 64)
        let request = Array("GET /upcheck HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)
        let cpu = server.cpuNanoseconds
        let began = Clock.monotonic
        var sent = 0
        let answered = try clients.keepBusy(for: 2_000_000_000) { _ in
            sent += 1
            return request
        }
        let seconds = Double(Clock.monotonic - began) / 1e9
        report.add("/upcheck, 64 connections", Double(answered) / seconds, "requests/s", digits: 0)
        report.add(
            "  CPU of the server",
            Double(server.cpuNanoseconds - cpu) / Double(answered) / 1000,
            "µs/request",
            digits: 1
        )
    }
}

/// What went wrong, in a sentence.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
