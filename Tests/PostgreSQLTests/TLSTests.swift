// SPDX-License-Identifier: Apache-2.0
import PostgreSQL
import PostgreSQLServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct TLSTests {
    private static let server = Task { try await PostgreSQLServer.started(tls: true) }

    private static func isEncrypted(_ url: String) async throws -> Bool? {
        try await connected(url) { connection in
            try connection.ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").bool(0, 0)
        }
    }

    @Test func `the authority of the URL is trusted, and the name is verified`() async throws {
        let server = try await Self.server.value
        let authority = try #require(server.certificates?.authority)
        let trust = "sslrootcert=\(authority)"
        #expect(try await Self.isEncrypted(server.url("postgres", host: "localhost", parameters: trust)) == true)
        #expect(try await Self.isEncrypted(server.url("postgres", parameters: "sslmode=verify-ca&\(trust)")) == true)
        #expect(try await Self.isEncrypted(server.url("postgres", parameters: "sslmode=require")) == true)
        #expect(try await Self.isEncrypted(server.url("postgres", parameters: "sslmode=disable")) == false)

        let reason = try #require(await refusal(server.url("postgres", parameters: trust)))
        #expect(reason.contains("does not match host name \"127.0.0.1\""), "\(reason)")
    }

    @Test func `a name is verified where only IPv4 addresses are looked up, too`() async throws {
        let server = try await Self.server.value
        let authority = try #require(server.certificates?.authority)
        let url = server.url("postgres", host: "localhost", parameters: "sslrootcert=\(authority)")
        let settings = try PostgreSQLSettings(url: url, applicationName: "tests", forceIPv4: true)
        let address = try await blocking {
            var connection = try PostgreSQLConnection(settings)
            return try connection.ask("SELECT host(inet_server_addr())").text(0, 0)
        }
        #expect(address == "127.0.0.1")
    }

    @Test(arguments: [
        "", "sslmode=verify-full", "sslmode=verify-ca", "sslrootcert=system", "sslmode=require&sslrootcert=system",
    ])
    func `an authority outside the distribution's bundle is refused`(parameters: String) async throws {
        let server = try await Self.server.value
        let reason = try #require(await refusal(server.url("postgres", parameters: parameters)))
        #expect(reason.contains("certificate verify failed") && reason.contains("sslrootcert"), "\(reason)")
    }

    @Test func `the wrong authority is refused`() async throws {
        let server = try await Self.server.value
        let strange = try #require(server.certificates?.strangeAuthority)
        let reason = try #require(await refusal(server.url("postgres", parameters: "sslrootcert=\(strange)")))
        #expect(reason.contains("certificate verify failed"), "\(reason)")
        let absent = try #require(await refusal(server.url("postgres", parameters: "sslrootcert=/not/there")))
        #expect(absent.contains("/not/there"), "\(absent)")
    }

    @Test func `a server without TLS is refused unless the URL allows it`() async throws {
        let server = try await PostgreSQLServer.shared()
        for parameters in ["", "sslmode=require", "sslmode=verify-ca"] {
            let reason = try #require(await refusal(server.url("postgres", parameters: parameters)))
            #expect(reason.contains("does not support SSL") && reason.contains("sslmode=disable"), "\(reason)")
        }
        #expect(try await Self.isEncrypted(server.url("postgres", parameters: "sslmode=prefer")) == false)
    }

    @Test func `a client certificate is shown`() async throws {
        let server = try await Self.server.value
        let certificates = try #require(server.certificates)
        let files = "sslcert=\(certificates.clientCertificate)&sslkey=\(certificates.clientKey)"
        let url = server.url(
            "postgres",
            host: "localhost",
            parameters: "sslrootcert=\(certificates.authority)&\(files)"
        )
        let subject = try await connected(url) { connection in
            try connection.ask("SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()").text(0, 0)
        }
        #expect(subject == "/CN=chamber")
        let absent = try #require(
            await refusal(server.url("postgres", parameters: "sslcert=/not/there&sslkey=/not/there"))
        )
        #expect(absent.contains("/not/there, cannot be read"), "\(absent)")
    }
}
