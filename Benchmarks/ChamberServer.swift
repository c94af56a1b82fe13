// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Foundation
internal import HTTPClient

/// A signer with a chamber, and what an operator asks of it.
struct ChamberServer {
    let server: Server
    private let root: String
    private let client = HTTPClient(timeout: .seconds(300))

    /// Makes the KMS keys, starts a signer over an empty store, initialises its chamber and stops it; the root token.
    static func initialize(
        _ options: Options,
        _ folder: WorkFolder,
        _ store: ChamberStore
    ) throws(BenchmarkFailure) -> String {
        var holders: [String] = []
        for number in 0..<3 {
            let path = folder.path("kms-\(store.name.prefix(4))-\(number).key")
            let said = try run(["operator", "local-key", path], options, folder)
            guard let name = said.split(separator: "\n").first(where: { $0.hasPrefix("local:") }) else {
                throw BenchmarkFailure("no KMS key was made: \(said)")
            }
            holders.append("\"\(name)\"")
        }
        let server = try start(options, folder, store)
        defer { server.stop() }
        let log = (try? String(contentsOfFile: server.log, encoding: .utf8)) ?? ""
        guard let setup = word(after: "setup_token=", in: log) else {
            throw BenchmarkFailure("no setup token is in the log")
        }
        let token = try run(
            ["operator", "generate-root-token", "-c", server.configuration, "--ttl", "6h", "--json"],
            options,
            folder
        )
        guard let root = token.firstMatch(of: /"token"\s*:\s*"([^"]+)"/)?.output.1 else {
            throw BenchmarkFailure("no root token was made: \(token)")
        }
        let body = "{\"kms_key_arns\":[\(holders.joined(separator: ","))],\"kms_threshold\":2}"
        let made = try ChamberServer(server: server, root: String(root))
            .send("POST", "/api/v1/chamber/init", body, token: setup)
        guard made.status == 201 else {
            throw BenchmarkFailure("init: \(made.status) \(String(decoding: made.body, as: UTF8.self))")
        }
        return String(root)
    }

    static func start(
        _ options: Options,
        _ folder: WorkFolder,
        _ store: ChamberStore
    ) throws(BenchmarkFailure) -> Server {
        try Server(
            options.binary,
            folder: folder,
            keys: "",
            network: KnownNetwork.hoodi.network,
            record: store.record,
            sources: store.sources,
            settings: store.settings
        )
    }

    init(server: Server, root: String) {
        self.server = server
        self.root = root
    }

    // MARK: Asking

    /// Waits until a key signs; the nanoseconds from a time on.
    func firstSignature(
        _ key: PublicKey,
        _ requests: inout Requests,
        since began: UInt64
    ) throws(BenchmarkFailure) -> UInt64 {
        let end = Clock.monotonic + 300_000_000_000
        var last = ""
        while Clock.monotonic < end {
            let body = try requests.body(epoch: requests.nextEpoch(), variant: 0)
            let answer = try send("POST", "/api/v1/eth2/sign/\(key)", body.bytes, token: nil)
            if answer.status == 200 { return Clock.monotonic - began }
            last = String(decoding: answer.body, as: UTF8.self)
            usleep(5000)
        }
        throw BenchmarkFailure("no signature within five minutes: \(last)")
    }

    func order(_ name: String, _ body: String = "{}") throws(BenchmarkFailure) {
        let answer = try send("POST", "/api/v1/chamber/\(name)", body)
        guard (200...202).contains(answer.status) else {
            throw BenchmarkFailure("\(name): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
    }

    /// How many keys sign.
    func loadedKeys() throws(BenchmarkFailure) -> Int {
        let answer = try send("GET", "/api/v1/eth2/publicKeys", nil)
        return (try? JSONDecoder().decode([String].self, from: Data(answer.body)))?.count ?? 0
    }

    struct Rotation: Decodable {
        struct MasterKey: Decodable { let generation: String }
        struct Progress: Decodable {
            let done: Int
            let total: Int
            let reason: String?
        }
        let master_key: MasterKey?
        let rotation: Progress?
    }

    func rotation() throws(BenchmarkFailure) -> Rotation {
        let answer = try send("GET", "/api/v1/chamber/status", nil)
        return try attempt("reading the status") { try JSONDecoder().decode(Rotation.self, from: Data(answer.body)) }
    }

    private func send(
        _ method: String,
        _ target: String,
        _ body: String?,
        token: String? = nil
    ) throws(BenchmarkFailure)
        -> HTTPClient.Answer
    {
        try send(method, target, body.map { Array($0.utf8) }, token: token ?? root)
    }

    private func send(
        _ method: String,
        _ target: String,
        _ body: [UInt8]?,
        token: String?
    ) throws(BenchmarkFailure)
        -> HTTPClient.Answer
    {
        var headers = ["Accept: application/json", "Content-Type: application/json"]
        if let token { headers.append("Authorization: Bearer \(token)") }
        let url = "http://127.0.0.1:\(server.port)\(target)"
        return try attempt("\(method) \(target)") { try client.send(method, url, headers: headers, body: body) }
    }

    // MARK: Commands

    /// What a command says.
    private static func run(
        _ arguments: [String],
        _ options: Options,
        _ folder: WorkFolder
    ) throws(BenchmarkFailure) -> String {
        let output = folder.path("command.log")
        let process = try Server.start([options.binary] + arguments, output: output)
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        let said = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        guard status == 0 else { throw BenchmarkFailure("\(arguments.joined(separator: " ")): \(said)") }
        return said
    }

    private static func word(after mark: String, in text: String) -> String? {
        guard let found = text.range(of: mark) else { return nil }
        return String(text[found.upperBound...].prefix { !$0.isWhitespace }).trimmingCharacters(in: ["\""])
    }
}
