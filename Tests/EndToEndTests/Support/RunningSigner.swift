// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import TestSupport
import Testing

/// A signer that serves.
final class RunningSigner: Sendable {
    let workplace: Workplace
    let process: ChildProcess
    let port: UInt16
    let metricsPort: UInt16?

    /// How many tests have signers that run at the same time.
    private static let places = SignerPlaces(8)

    /// Starts `server` and waits until every port is open.
    ///
    /// - Parameters:
    ///   - makesRecord: creates the record where there is none.
    ///   - wrapper: a program with its arguments that becomes the signer.
    static func start(
        in workplace: Workplace,
        _ options: [String] = [],
        environment: [String: String] = [:],
        makesRecord: Bool = true,
        through wrapper: [String] = []
    ) async throws -> RunningSigner {
        let process = try await launch(
            wrapper,
            ["server", "-c", workplace.configuration] + (makesRecord ? ["--anti-slashing-create-if-missing"] : [])
                + options,
            environment: Workplace.environment.merging(sandbox) { _, own in own }.merging(environment) { _, own in own
            },
            in: workplace
        )
        let ports = try await eventually("a signer that listens") { () -> [String: UInt16]? in
            let ports = LogLine.all(in: try process.output()).reduce(into: [String: UInt16]()) { ports, line in
                guard line.message == "listening", let name = line["port"], let address = line["address"] else {
                    return
                }
                ports[name] = UInt16(address.split(separator: ":").last ?? "") ?? 0
            }
            if ports["administration"] != nil || (options.contains("noop") && ports["metrics"] != nil) { return ports }
            guard process.isRunning else {
                throw TimedOut(description: "the signer ended: \(try process.output())\(try process.errors())")
            }
            return nil
        }
        return RunningSigner(
            workplace,
            process,
            port: try #require(ports["signing"]),
            metricsPort: ports["metrics"]
        )
    }

    /// CHAMBER_TEST_SANDBOX=required runs every signer of these tests in the sandbox.
    private static let sandbox: [String: String] = {
        guard let mode = ProcessInfo.processInfo.environment["CHAMBER_TEST_SANDBOX"] else { return [:] }
        return ["CONTAINMENT_SERVER__SECCOMP": mode, "CONTAINMENT_SERVER__LANDLOCK": mode]
    }()

    private static func launch(
        _ wrapper: [String],
        _ arguments: [String],
        environment: [String: String],
        in workplace: Workplace
    ) async throws -> ChildProcess {
        let (program, arguments) = Chamber.command(arguments, through: wrapper)
        let test = Test.current?.id
        await places.take(for: test)
        do {
            return try ChildProcess(
                program,
                arguments,
                environment: Chamber.environment(environment),
                in: workplace.folder.path,
                onExit: { places.giveBack(for: test) }
            )
        } catch {
            places.giveBack(for: test)
            throw error
        }
    }

    private init(_ workplace: Workplace, _ process: ChildProcess, port: UInt16, metricsPort: UInt16?) {
        self.workplace = workplace
        self.process = process
        self.port = port
        self.metricsPort = metricsPort
    }

    /// Ends it as an operator does.
    @discardableResult
    func stop() async -> Int32 {
        process.signal(SIGTERM)
        return await process.exitCode
    }

    /// Ends it as a power switch does.
    func kill() async {
        process.signal(SIGKILL)
        _ = await process.exitCode
    }

    func log() throws -> [LogLine] { LogLine.all(in: try process.output()) }

    // MARK: Requests

    func send(
        _ method: String,
        _ target: String,
        _ headers: [String] = [],
        body: String? = nil,
        host: String = "localhost"
    ) async throws -> HTTPAnswer {
        let port = port
        do {
            return try await onThread {
                try HTTPConnection(port: port).exchange(method, target, headers, body: body, host: host)
            }
        } catch {
            // What it said last tells more than a connection that was lost.
            let said = try process.errors() + process.output().suffix(2000)
            let state = process.isRunning ? "runs" : "has ended"
            throw HTTPConnection.Failure(description: "\(error); the signer \(state) and said last: \(said)")
        }
    }

    func get(_ target: String, _ headers: [String] = []) async throws -> HTTPAnswer {
        try await send("GET", target, headers)
    }

    /// Asks for a signature as a client that takes JSON.
    func sign(
        _ body: String,
        with key: String,
        accept: String? = "application/json"
    ) async throws -> HTTPAnswer {
        try await send("POST", "/api/v1/eth2/sign/\(key)", accept.map { ["Accept: \($0)"] } ?? [], body: body)
    }

    func sign(_ body: String, with key: TestKey) async throws -> HTTPAnswer {
        try await sign(body, with: key.publicKey)
    }

    /// The public keys that are loaded.
    func publicKeys() async throws -> Set<String> {
        let answer = try await get("/api/v1/eth2/publicKeys")
        return Set(try JSONDecoder().decode([String].self, from: Data(answer.body.utf8)))
    }

    func metrics() async throws -> String {
        let port = try #require(metricsPort)
        return try await onThread { try HTTPConnection(port: port).exchange("GET", "/metrics") }.body
    }
}

/// One line of a log in JSON.
struct LogLine: Sendable {
    let fields: [String: String]

    subscript(name: String) -> String? { fields[name] }
    var message: String { fields["message"] ?? "" }
    var level: String { fields["level"] ?? "" }
    var target: String { fields["target"] ?? "" }

    /// Whole lines only: the last may still be on its way.
    static func all(in text: String) -> [LogLine] {
        text.split(separator: "\n").compactMap { line in
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                return nil
            }
            return LogLine(fields: object.mapValues { "\($0)" })
        }
    }
}
