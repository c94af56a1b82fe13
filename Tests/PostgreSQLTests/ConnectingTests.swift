// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import PostgreSQL
import PostgreSQLServer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct ConnectingTests {
    @Test func `nobody listens`() async throws {
        let reason = try #require(await refusal("postgresql://u:secret@127.0.0.1:1/d"))
        #expect(reason.contains("127.0.0.1:1/d") && reason.contains("Connection refused"), "\(reason)")
        #expect(!reason.contains("secret") && !reason.contains("\n"))
    }

    @Test func `wrong password, unknown user, unknown database`() async throws {
        let server = try await PostgreSQLServer.shared()
        let place = "@127.0.0.1:\(server.port)"
        let cases = [
            ("chamber:secret\(place)/postgres", "password authentication failed for user \"chamber\""),
            ("chamber\(place)/postgres", "no password supplied"),
            ("nobody-known:secret\(place)/postgres", "password authentication failed for user \"nobody-known\""),
        ]
        for (location, words) in cases {
            let reason = try #require(await refusal("postgresql://\(location)?sslmode=disable"))
            #expect(reason.contains(words) && !reason.contains("secret"), "\(reason)")
        }
        let reason = try #require(await refusal(server.url("not-there")))
        #expect(reason.contains("database \"not-there\" does not exist"), "\(reason)")
    }

    @Test func `a name that cannot be resolved`() async throws {
        let reason = try #require(await refusal("postgresql://u@no-such-host.invalid/d"))
        #expect(reason.contains("the name no-such-host.invalid"), "\(reason)")
        let address = try PostgreSQLSettings(url: "postgresql://u@[::1]/d", applicationName: "t", forceIPv4: true)
        let error = await #expect(throws: PostgreSQLError.self) {
            try await blocking { _ = try PostgreSQLConnection(address) }
        }
        #expect("\(error as Any)".contains("only IPv4"))
    }

    @Test func `the first host that takes us is used, and each refusal is told where none does`() async throws {
        let server = try await PostgreSQLServer.shared()
        // Something that accepts connections and never says a word.
        let silent = try SilentListener()
        let list = "127.0.0.1:1,127.0.0.1:\(silent.port),127.0.0.1"
        let user =
            "chamber:\(PostgreSQLServer.password.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"
        #expect(
            try await refusal("postgresql://\(user)@\(list):\(server.port)/postgres?sslmode=disable&connect_timeout=2")
                == nil
        )
        let reason = try #require(
            await refusal("postgresql://u@127.0.0.1:1,127.0.0.1:\(silent.port)/d", timeout: .milliseconds(300))
        )
        #expect(reason.contains("Connection refused") && reason.contains("did not answer in time"), "\(reason)")
    }

    @Test func `a Unix socket needs no TLS, and says who asks`() async throws {
        let server = try await PostgreSQLServer.shared()
        try await connected(server.administratorURL()) { connection in
            let table = try connection.ask("SELECT current_user::text, current_setting('application_name')")
            #expect(table.text(0, 0) == "postgres" && table.text(0, 1) == "tests")
        }
        try await connected(server.administratorURL() + "?application_name=other&currentSchema=%22a%20b%22,c") {
            connection in
            let table = try connection.ask("SELECT current_setting('application_name'), current_setting('search_path')")
            #expect(table.text(0, 0) == "other" && table.text(0, 1) == "\"a b\",c")
        }
    }

    @Test func `JDBC's form reaches the same server`() async throws {
        let server = try await PostgreSQLServer.shared()
        let password = PostgreSQLServer.password.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let url = "jdbc:postgresql://localhost:\(server.port)/postgres?ssl=false&user=chamber&password="
        for written in [password, password.replacing("%20", with: "+")] {
            try await connected(url + written) { connection in
                let user = try connection.ask("SELECT current_user::text").text(0, 0)
                #expect(user == "chamber")
            }
        }
    }

    @Test func `the environment and the home folder have no say`() async throws {
        let server = try await PostgreSQLServer.shared()
        let (good, port) = (server.url("postgres"), server.port)
        let folder = try TemporaryFolder()
        try folder.write(Data("*:*:*:*:\(PostgreSQLServer.password)\n".utf8), to: "passwords")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.file("passwords"))
        let passwords = folder.file("passwords")
        await #expect(processExitsWith: .success) {
            [good = good as String, port = port as Int, passwords = passwords as String] in
            let hostile = [
                "PGHOST": "203.0.113.1", "PGHOSTADDR": "203.0.113.1", "PGPORT": "1", "PGDATABASE": "other",
                "PGUSER": "other", "PGPASSWORD": PostgreSQLServer.password, "PGPASSFILE": passwords,
                "PGOPTIONS": "-c nonsense=1", "PGSSLMODE": "disable", "PGREQUIREPEER": "nobody",
                "PGTARGETSESSIONATTRS": "read-only", "PGCLIENTENCODING": "LATIN1", "PGAPPNAME": "other",
                "PGCHANNELBINDING": "require", "PGSSLROOTCERT": "/nowhere", "PGCONNECT_TIMEOUT": "1",
                "PGGSSENCMODE": "require", "PGSSLCERT": "/dev/zero", "PGSSLKEY": "/dev/zero",
                "PGSSLMINPROTOCOLVERSION": "nonsense", "PGKRBSRVNAME": "x", "PGSSLCRL": "/dev/zero",
            ]
            for (name, value) in hostile as [String: String] { unsafe setenv(name, value, 1) }
            try await connected(good) { connection in
                let table = try connection.ask("SELECT current_setting('client_encoding'), current_database()::text")
                precondition(table.text(0, 0) == "UTF8" && table.text(0, 1) == "postgres")
            }
            // Neither PGPASSWORD nor the file of passwords nor PGSSLMODE fills in what the URL leaves out.
            let noPassword = try await refusal("postgresql://chamber@127.0.0.1:\(port)/postgres?sslmode=disable")
            precondition(noPassword?.contains("no password supplied") == true, "\(noPassword ?? "taken")")
            let noMode = try await refusal("postgresql://chamber@127.0.0.1:\(port)/postgres")
            precondition(noMode?.contains("does not support SSL") == true, "\(noMode ?? "taken")")
            unsafe setenv("PGSERVICE", "other", 1)
            do {
                _ = try await refusal(good)
                preconditionFailure("PGSERVICE was overlooked")
            } catch { precondition("\(error)".contains("PGSERVICE"), "\(error)") }
        }
    }

    @Test func `what cannot be written to is refused`() async throws {
        let server = try await PostgreSQLServer.started(settings: ["default_transaction_read_only": "on"])
        let reason = try #require(await refusal(server.url("postgres")))
        #expect(reason.contains("session is read-only") && reason.contains("only the primary"), "\(reason)")

        // A standby, made of a backup.
        await server.stop()
        let copy = try await server.copyData(to: "standby")
        try Data().write(to: URL(filePath: copy + "/standby.signal"))
        try await server.restoreData(from: copy)
        try await server.start()
        let standby = try #require(await refusal(server.url("postgres")))
        #expect(standby.contains("only the primary"), "\(standby)")
    }
}

/// A port that takes connections and never answers.
final class SilentListener: Sendable {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                let bound = unsafe bind(descriptor, pointer, length)
                return bound == 0 && listen(descriptor, 8) == 0 ? unsafe getsockname(descriptor, pointer, &length) : -1
            }
        }
        try #require(code == 0)
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
}
