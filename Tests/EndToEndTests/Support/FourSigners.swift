// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import PostgreSQLServer

/// Four signers with the same keys and 16 connections each, on one PostgreSQL.
final class FourSigners: Sendable {
    static let count = 4

    let server: PostgreSQLServer
    let keys: [TestKey]
    private let environment: [String: String]
    private let workplaces: [Workplace]
    private let signers: Lock<[RunningSigner]>

    static func start(keys: [TestKey]) async throws -> FourSigners {
        let server = try await PostgreSQLServer.started()
        let environment = [
            "CONTAINMENT_ANTI_SLASHING__BACKEND": "postgres",
            "CONTAINMENT_ANTI_SLASHING__URL": try await server.createDatabase("record"),
            "CONTAINMENT_ANTI_SLASHING__POOL_SIZE": "16",
        ]
        let workplaces = try (0..<count).map { _ in try Workplace(keys: keys) }
        // All at once: each finds an empty database.
        let signers = try await withThrowingTaskGroup(of: RunningSigner.self) { group in
            for workplace in workplaces {
                group.addTask { try await RunningSigner.start(in: workplace, environment: environment) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        return FourSigners(server, keys, environment, signers)
    }

    private init(
        _ server: PostgreSQLServer,
        _ keys: [TestKey],
        _ environment: [String: String],
        _ signers: [RunningSigner]
    ) {
        self.server = server
        self.keys = keys
        self.environment = environment
        workplaces = signers.map(\.workplace)
        self.signers = Lock(signers)
    }

    /// Where they listen now.
    var ports: [UInt16] { signers.withLock { $0.map(\.port) } }

    /// Kills one of them and starts it again, on another port.
    func replace(_ position: Int) async throws {
        await signers.withLock { $0[position] }.kill()
        let next = try await RunningSigner.start(in: workplaces[position], environment: environment)
        signers.withLock { $0[position] = next }
    }

    /// Ends them as an operator does; their exit codes.
    func stop() async -> [Int32] {
        var codes: [Int32] = []
        for signer in signers.withLock({ $0 }) { codes.append(await signer.stop()) }
        await server.stop()
        return codes
    }
}

/// A client with a connection to each signer that it keeps. Only on a thread of its own.
struct FourConnections {
    private let signers: FourSigners
    private var connections: [(port: UInt16, connection: HTTPConnection)?]

    init(_ signers: FourSigners) {
        self.signers = signers
        connections = Array(repeating: nil, count: FourSigners.count)
    }

    /// Sends a body to each signer that one is meant for, then waits for the answers; nil where a connection broke.
    mutating func exchange(_ bodies: [String?], key: TestKey) -> [HTTPAnswer?] {
        let ports = signers.ports
        for (position, body) in bodies.enumerated() {
            guard let body else { continue }
            do {
                if connections[position]?.port != ports[position] {
                    connections[position] = (ports[position], try HTTPConnection(port: ports[position]))
                }
                let head = "POST /api/v1/eth2/sign/\(key.publicKey) HTTP/1.1\r\nHost: localhost\r\n"
                try connections[position]?.connection.send(
                    head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
                )
            } catch { connections[position] = nil }
        }
        return bodies.indices.map { position in
            guard bodies[position] != nil, let connection = connections[position]?.connection else { return nil }
            if let answer = try? connection.answer() { return answer }
            connections[position] = nil
            return nil
        }
    }
}
