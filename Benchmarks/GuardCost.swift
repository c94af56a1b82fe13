// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Foundation
internal import TestSupport

/// What authentication, TLS and the audit file cost a signature: bursts of one root on several servers in turn, each guarded
/// in another way and one not at all, so that all see the same second of the machine. The second after the bursts counts too:
/// in it the audit files are synced and their heads anchored.
struct GuardCost {
    private let options: Options
    private let folder: WorkFolder
    private static let warmUp = 3
    /// For each round of the options: single bursts differ by a half where others use the machine, and what is asked here is
    /// a twentieth.
    private static let more = 5

    init(_ options: Options, _ folder: WorkFolder) {
        self.options = options
        self.folder = folder
    }

    func measure(_ report: inout Report) throws(BenchmarkFailure) {
        let keys = try KeySet(count: options.keys, folder: folder.path("guarded-keys"))
        var sides: [Side] = []
        defer { for side in sides { side.server.stop() } }
        for guards in Guards.all { sides.append(try Side(guards, keys, self)) }
        var requests = try Requests(keys)
        var measures = sides.map { _ in [Measure]() }
        for round in 0..<options.rounds * Self.more + Self.warmUp {
            let body = try requests.body(epoch: requests.nextEpoch(), variant: 0)
            let before = sides.map(\.server.cpuNanoseconds)
            var latencies = sides.map { _ in [Double]() }
            // None is always the first.
            for turn in sides.indices {
                let number = (turn + round) % sides.count
                latencies[number] = try sides[number].burst(requests, body)
            }
            usleep(1_200_000)
            guard round >= Self.warmUp else { continue }
            for (number, side) in sides.enumerated() {
                let cpu = Double(side.server.cpuNanoseconds - before[number]) / Double(options.keys)
                measures[number].append(Measure(cpu: cpu, p99: latencies[number].quantile(0.99)))
            }
        }
        for (guards, own) in zip(Guards.all, measures) {
            report.add("\(guards.name): CPU of the server", own.map(\.cpu).median / 1000, "µs/signature")
            if guards.any {
                let ratios = zip(own, measures[0]).map { $0.cpu / $1.cpu }
                report.add("  by that without", ratios.median, "", digits: 3, atMost: guards.limit)
            }
            report.add("  burst of \(options.keys): p99", own.map(\.p99).median / 1e6, "ms")
        }
    }

    private struct Measure {
        /// Nanoseconds for each signature.
        let cpu: Double
        let p99: Double
    }

    /// What stands between a caller and the keys.
    private struct Guards {
        let name: String
        let limit: Double?
        var authentication = false
        var tls = false
        var audit = false
        var any: Bool { authentication || tls || audit }

        static let all = [
            Guards(name: "no guards", limit: nil),
            Guards(name: "audit file", limit: 1.1, audit: true),
            Guards(name: "authentication", limit: nil, authentication: true),
            Guards(name: "TLS", limit: nil, tls: true),
            Guards(name: "all three", limit: 1.15, authentication: true, tls: true, audit: true),
        ]
    }

    private struct Side {
        let server: Server
        private let clients: LoadClient
        private let keys: Int
        /// A header field with the token, where one is asked for.
        private let authorization: [UInt8]

        init(_ guards: Guards, _ keys: KeySet, _ cost: GuardCost) throws(BenchmarkFailure) {
            self.keys = cost.options.keys
            let certificates = try attempt("making certificates") {
                let made = try TestCertificates()
                try made.makeAuthority("authority")
                try made.make("server", by: "authority", names: ["IP:127.0.0.1"])
                return made
            }
            var settings: [String] = []
            if guards.audit {
                let path = cost.folder.path("audit-\(UInt32.random(in: .min ... .max)).log")
                settings.append("audit:\n  path: \(path)")
            }
            if guards.authentication { settings.append("auth:\n  mode: enforced") }
            if guards.tls {
                settings.append(
                    """
                    tls:
                      mode: file
                      listen_port: 0
                      file:
                        cert_path: \(certificates.certificate("server"))
                        key_path: \(certificates.key("server"))
                    """
                )
            }
            server = try Server(
                cost.options.binary,
                folder: cost.folder,
                keys: keys.folder,
                network: keys.network,
                settings: settings.joined(separator: "\n")
            )
            do throws(BenchmarkFailure) {
                let url = guards.tls ? "https://127.0.0.1:\(server.port)" : "http://127.0.0.1:\(server.port)"
                let authority = guards.tls ? ["--ca-cert", certificates.certificate("authority")] : []
                let operate = Operate(cost, server, ["--signer-url", url] + authority)
                let token = guards.authentication ? try operate.token(for: keys) : nil
                authorization = token.map { Array("Authorization: Bearer \($0)\r\n".utf8) } ?? []
                clients = try LoadClient(port: server.port, connections: cost.options.keys, speaksTLS: guards.tls)
            } catch {
                server.stop()
                throw error
            }
        }

        /// One signature for each key; how long each took, in nanoseconds.
        func burst(_ requests: Requests, _ body: Requests.Body) throws(BenchmarkFailure) -> [Double] {
            try clients.burst((0..<keys).map { requests.request(key: $0, body, fields: authorization) }).latencies
        }
    }

    /// The operator's commands, as a stranger would give them.
    private struct Operate {
        private struct Made: Decodable { let token: String }
        private let cost: GuardCost
        private let server: Server
        private let reach: [String]

        init(_ cost: GuardCost, _ server: Server, _ reach: [String]) {
            self.cost = cost
            self.server = server
            self.reach = reach
        }

        /// A token that may sign with each of the keys, from this address, as a validator client's would be.
        func token(for keys: KeySet) throws(BenchmarkFailure) -> String {
            let root = try made(["generate-root-token", "-c", server.configuration, "--json"])
            let path = cost.folder.path("policy-\(server.port).json")
            let names = keys.keys.map { #""\#($0.publicKey)""# }.joined(separator: ",")
            try attempt("writing \(path)") {
                try """
                {"name":"load","rules":[{"effect":"allow","scopes":["sign"],"keys":[\(names)],"source_cidrs":["127.0.0.0/8"]}]}
                """.write(toFile: path, atomically: false, encoding: .utf8)
            }
            let shown = ["--auth-token", "env:BENCH_ROOT_TOKEN"] + reach
            _ = try run(["auth", "policies", "apply", path] + shown, root)
            return try made(["auth", "tokens", "create", "--name", "load", "--policy", "load", "--json"] + shown, root)
        }

        private func made(_ arguments: [String], _ root: String? = nil) throws(BenchmarkFailure) -> String {
            let output = try run(arguments, root)
            return try attempt("reading what \(arguments[0]) answered") {
                try JSONDecoder().decode(Made.self, from: Data(output.utf8)).token
            }
        }

        private func run(_ arguments: [String], _ root: String?) throws(BenchmarkFailure) -> String {
            let output = cost.folder.path("operator-\(UInt32.random(in: .min ... .max)).txt")
            if let root { unsafe setenv("BENCH_ROOT_TOKEN", root, 1) }
            let process = try Server.start([cost.options.binary, "operator"] + arguments, output: output)
            var status: Int32 = 0
            unsafe waitpid(process, &status, 0)
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            guard status == 0 else { throw BenchmarkFailure("operator \(arguments[0]) failed: \(text)") }
            return text
        }
    }
}
