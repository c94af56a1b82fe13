// SPDX-License-Identifier: Apache-2.0
import Foundation

/// PgBouncer before a server, in transaction mode with few connections of its own: two statements of a session may well
/// meet different sessions of the server.
package final class PgBouncer: Sendable {
    private let port: Int
    private let process: ServerProcess

    private init(port: Int, process: ServerProcess) {
        self.port = port
        self.process = process
    }

    /// Starts before a server; ends when the last holder lets go.
    package static func started(before server: PostgreSQLServer, connections: Int = 2) async throws -> PgBouncer {
        let folder = server.folder
        var failure: any Error = ServerFailure(description: "no port is free")
        for _ in 0..<5 {
            let port = Int.random(in: 20000..<32000)
            let password = PostgreSQLServer.password.replacing("'", with: "''")
            let text = """
                [databases]
                * = host=\(folder) port=\(server.port) user=\(PostgreSQLServer.user) password='\(password)'
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = \(port)
                unix_socket_dir =
                auth_type = any
                pool_mode = transaction
                default_pool_size = \(connections)
                max_client_conn = 200
                """
            let file = "\(folder)/pgbouncer-\(port).ini"
            let log = "\(folder)/pgbouncer-\(port).log"
            try Data(text.utf8).write(to: URL(filePath: file))
            let process = try ServerProcess("/usr/sbin/pgbouncer", [file], log: log, in: folder)
            do {
                try await eventually("PgBouncer listens") {
                    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                    guard process.isRunning else { throw ServerFailure(description: "PgBouncer ended: \(text)") }
                    return text.contains("process up")
                }
                return PgBouncer(port: port, process: process)
            } catch { failure = error }
        }
        throw failure
    }

    /// The URL of a database of the server, through here.
    package func url(_ database: String) -> String {
        "postgresql://\(PostgreSQLServer.user)@127.0.0.1:\(port)/\(PostgreSQLServer.encoded(database))?sslmode=disable"
    }
}
