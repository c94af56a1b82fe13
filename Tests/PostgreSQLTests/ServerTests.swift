// SPDX-License-Identifier: Apache-2.0
import Foundation
import PostgreSQL
import PostgreSQLServer
import Testing

/// The server of the tests does what its other users rely on.
@Suite(.timeLimit(.minutes(5))) struct ServerTests {
    @Test func `it syncs as in production`() async throws {
        let server = try await PostgreSQLServer.shared()
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            #expect(try await server.psql("SHOW \(setting)") == "on")
        }
    }

    @Test func `what was committed outlives SIGKILL, and a restored copy takes it back`() async throws {
        let server = try await PostgreSQLServer.started()
        let url = try await server.createDatabase("d")
        func insert() async throws {
            try await connected(url) { connection in
                _ = try connection.ask("CREATE TABLE IF NOT EXISTS t (n int8)")
                _ = try connection.ask("INSERT INTO t VALUES (1)")
            }
        }
        func count() async throws -> Int64? {
            try await connected(url) { try $0.ask("SELECT count(*) FROM t").int64(0, 0) }
        }
        try await insert()
        let backup = try await server.backUp(to: "backup")
        try await insert()
        await server.stop()
        let copy = try await server.copyData(to: "copy")
        try await server.start()
        try await insert()
        try await server.kill()
        try await server.start()
        #expect(try await count() == 3)

        await server.stop(.immediate)
        try await server.restoreData(from: copy)
        try await server.start()
        #expect(try await count() == 2)

        await server.stop()
        try await server.restoreData(from: backup)
        try await server.start()
        #expect(try await count() == 1)
    }

    @Test func `several run side by side, and a folder goes with its server`() async throws {
        let folder: String
        do {
            async let first = PostgreSQLServer.started()
            async let second = PostgreSQLServer.started()
            let (one, other) = try await (first, second)
            #expect(one.port != other.port && one.folder != other.folder)
            folder = one.folder
            _ = try await (one.psql("SELECT 1"), other.psql("SELECT 1"))
            await one.stop()
        }
        #expect(!FileManager.default.fileExists(atPath: folder))
    }
}
