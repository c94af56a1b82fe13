// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Foundation
import HTTPServer
import TestSupport
import Testing

/// One after another: making certificates holds a thread of the pool.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct TLSTests {
    /// An authority, a server's certificate, clients of all kinds, and a server that says who came.
    private struct Bench: Sendable {
        let certificates: TestCertificates
        let tls: TestTLS
        let handler = TestHandler { head in
            let certificate = head.certificate
            let names = certificate.map { [$0.commonName ?? "-"] + $0.names } ?? ["nobody"]
            let authorities = certificate.map { $0.authorities.count } ?? 0
            return .answer(.text(names.joined(separator: " ") + " \(authorities)"))
        }

        init(_ demand: ClientTrust.Demand = .none, knownClients: String? = nil, hasAuthority: Bool = true) throws {
            certificates = try TestCertificates()
            try certificates.makeAuthority("authority")
            try certificates.make("server", by: "authority", names: ["DNS:localhost"])
            let trust = try Self.trust(certificates, demand, knownClients: knownClients, hasAuthority: hasAuthority)
            tls = TestTLS(try certificates.identity("server", clients: trust))
        }

        static func trust(
            _ certificates: TestCertificates,
            _ demand: ClientTrust.Demand,
            knownClients: String? = nil,
            hasAuthority: Bool = true
        ) throws -> ClientTrust {
            guard demand != .none else { return ClientTrust() }
            return try ClientTrust(
                demand,
                authorities: hasAuthority ? try certificates.text("authority") : nil,
                knownClients: try knownClients.map { try KnownClients(parsing: $0) }
            )
        }

        func identity(_ name: String) -> (certificate: String, key: String) {
            (certificates.certificate(name), certificates.key(name))
        }

        /// What the server said to a client with this certificate; nil where it said nothing.
        func greeting(_ name: String?, priorities: String = "NORMAL") async throws -> String? {
            try await run { address in
                // In TLS 1.3 the client's handshake is over before the server has judged it.
                let client = try? RawClient(address, identity: name.map(identity), priorities: priorities)
                client?.send(.request("GET", "/"))
                return try client?.reply()?.body
            }
        }

        func run<Value: Sendable>(_ body: @escaping @Sendable (BoundAddress) throws -> Value) async throws -> Value {
            try await withServer(handler) {
                $0.tls = tls
            } _: {
                try body($0)
            }
        }
    }

    @Test(arguments: ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"])
    func `TLS 1 2 and 1 3 are spoken`(priorities: String) async throws {
        #expect(try await Bench().greeting(nil, priorities: priorities) == "nobody 0")
    }

    @Test(arguments: [
        "NORMAL:-VERS-ALL:+VERS-TLS1.1:%ALLOW_SMALL_RECORDS", "NORMAL:-VERS-ALL:+VERS-TLS1.0",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+3DES-CBC",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA",
        "NORMAL:-GROUP-ALL:+GROUP-FFDHE2048",
    ])
    func `old versions and weak ciphers are refused`(priorities: String) async throws {
        let bench = try Bench()
        #expect(try await bench.greeting(nil, priorities: priorities) == nil)
        #expect(bench.handler.admitted == 0)
    }

    @Test func `plain HTTP on the TLS port ends without an answer`() async throws {
        let bench = try Bench()
        let bytes = try await bench.run { address in
            let client = try RawClient(address, speaksTLS: false)
            client.send(.request("GET", "/"))
            return try client.bytesUntilClosed()
        }
        #expect(!bytes.contains("HTTP"))
        #expect(bench.handler.admitted == 0)
    }

    @Test func `the TLS of before is not renegotiated and no ticket is handed out`() async throws {
        let bench = try Bench()
        let (tickets, renegotiated) = try await bench.run { address in
            let command = ["s_client", "-connect", "\(address)", "-CAfile", "authority.crt", "-tls1_2"]
            let get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            let first = try bench.certificates.openssl(command + ["-sess_out", "session"], input: get)
            let second = try bench.certificates.openssl(command + ["-sess_in", "session"], input: get)
            return (first + second, try? bench.certificates.openssl(command, input: "R\n" + get))
        }
        #expect(tickets.contains("Verify return code: 0"))
        #expect(!tickets.contains("TLS session ticket:") && !tickets.contains("Reused,"))
        #expect(renegotiated?.contains("HTTP/1.1 200") != true)
    }

    @Test func `a handshake that does not end is cut`() async throws {
        let bench = try Bench()
        let handler = bench.handler
        let (silent, half) = try await withServer(handler) {
            $0.tls = bench.tls
            $0.deadlines.head = .milliseconds(300)
        } _: { address in
            let silent = try RawClient(address, speaksTLS: false)
            let half = try RawClient(address, speaksTLS: false)
            // The head of a record that never comes, and then a byte now and then.
            half.send([22, 3, 1, 2, 0, 1, 0, 1, 252])
            return (try silent.bytesUntilClosed(), try half.bytesUntilClosed())
        }
        #expect(silent.isEmpty && half.isEmpty)
        #expect(handler.admitted == 0)
    }

    // MARK: Clients

    @Test func `without a demand nobody is asked`() async throws {
        let bench = try Bench(.none)
        try bench.certificates.make("client", by: "authority")
        #expect(try await bench.greeting("client") == "nobody 0")
    }

    @Test func `a certificate of the authority says who its owner is`() async throws {
        let bench = try Bench(.required)
        try bench.certificates.make(
            "client",
            by: "authority",
            subject: "vc 1",
            names: ["DNS:VC-1.Example", "URI:spiffe://example/vc-1", "IP:192.0.2.7", "email:vc@example.org"],
            extensions: ["extendedKeyUsage=clientAuth"]
        )
        let names = "vc 1 DNS:vc-1.example URI:spiffe://example/vc-1 IP:192.0.2.7 email:vc@example.org 1"
        #expect(try await bench.greeting("client") == names)
        #expect(try await bench.greeting("client", priorities: "NORMAL:-VERS-ALL:+VERS-TLS1.2") == names)
        #expect(bench.tls.refusals.isEmpty)
    }

    @Test func `no certificate is refused where one is required, and taken where it is optional`() async throws {
        let strict = try Bench(.required)
        #expect(try await strict.greeting(nil) == nil)
        #expect(try await strict.greeting(nil, priorities: "NORMAL:-VERS-ALL:+VERS-TLS1.2") == nil)
        #expect(strict.tls.refusals == [.missing, .missing])
        #expect(strict.handler.admitted == 0)
        #expect(try await Bench(.optional).greeting(nil) == "nobody 0")
    }

    @Test(arguments: [ClientTrust.Demand.optional, .required], ["1.2", "1.3"])
    func `a certificate that does not hold is refused before a request`(
        demand: ClientTrust.Demand,
        version: String
    ) async throws {
        let bench = try Bench(demand)
        let certificates = bench.certificates
        try certificates.makeAuthority("strange")
        // Named like the good one.
        try certificates.makeAuthority("impostor", subject: "authority")
        try certificates.make("of-strange", by: "strange")
        try certificates.make("of-impostor", by: "impostor")
        try certificates.make("self")
        try certificates.make("expired", by: "authority", days: -1)
        try certificates.make("server-only", by: "authority", extensions: ["extendedKeyUsage=serverAuth"])
        try certificates.make("issued", by: "authority")
        try certificates.make("by-client", by: "issued")
        try certificates.make("weak", by: "authority", algorithm: ["rsa:1024"])
        let priorities = "NORMAL:%VERIFY_ALLOW_BROKEN:-VERS-ALL:+VERS-TLS\(version)"
        let expected: [(String, CertificateRefusal)] = [
            ("of-strange", .unknownIssuer), ("self", .unknownIssuer), ("expired", .expired),
            ("server-only", .notForClients), ("by-client", .unknownIssuer), ("weak", .weak),
        ]
        for (name, refusal) in expected {
            #expect(try await bench.greeting(name, priorities: priorities) == nil, "\(name)")
            #expect(bench.tls.refusals.last == refusal, "\(name)")
        }
        #expect(try await bench.greeting("of-impostor", priorities: priorities) == nil)
        #expect(bench.tls.refusals.count == expected.count + 1)
        #expect(bench.handler.admitted == 0)
    }

    @Test func `which authority vouches does not depend on its name`() async throws {
        let bench = try Bench()
        let certificates = bench.certificates
        try certificates.makeAuthority("twin", subject: "authority")
        try certificates.make("client", by: "twin")
        let both = try certificates.text("authority") + certificates.text("twin")
        let trust = try ClientTrust(.required, authorities: both, knownClients: nil)
        bench.tls.replace(try certificates.identity("server", clients: trust))
        #expect(try await bench.greeting("client") == "client 1")
    }

    @Test func `a known client is known by name and fingerprint together`() async throws {
        let certificates = try TestCertificates()
        try certificates.make("known", subject: "vc-1")
        try certificates.make("other", subject: "vc-1")
        try certificates.make("renamed", subject: "vc-2")
        try certificates.make("ended", subject: "vc-3", days: -1)
        let list = """
            # clients
            vc-1 \(try certificates.fingerprint("known"))

            vc-9 \(try certificates.fingerprint("renamed").lowercased().replacing(":", with: ""))
            vc-3 \(try certificates.fingerprint("ended"))
            """
        let bench = try Bench(.required, knownClients: list, hasAuthority: false)
        func greeting(_ name: String) async throws -> String? {
            try await bench.run { address in
                let pair = (certificates.certificate(name), certificates.key(name))
                let client = try? RawClient(address, identity: pair)
                client?.send(.request("GET", "/"))
                return try client?.reply()?.body
            }
        }
        #expect(try await greeting("known") == "vc-1 0")
        for (name, refusal) in [
            ("other", CertificateRefusal.unknownIssuer), ("renamed", .otherName), ("ended", .expired),
        ] {
            #expect(try await greeting(name) == nil, "\(name)")
            #expect(bench.tls.refusals.last == refusal, "\(name)")
        }
    }

    @Test(arguments: ["vc-1", "vc-1 aa:bb", "vc-1 \(String(repeating: "zz", count: 32))"])
    func `a line that is no known client is named`(line: String) {
        #expect { try KnownClients(parsing: "# first\n" + line) } throws: { ($0 as? KnownClients.Failure)?.line == 2 }
    }

    // MARK: Exchange

    @Test func `a new pair serves new connections and leaves open ones alone`() async throws {
        let bench = try Bench()
        let certificates = bench.certificates
        try certificates.make("second", by: "authority", names: ["DNS:second"])
        let second = try certificates.identity("second")
        let shown = try await bench.run { address in
            let client = try RawClient(address)
            client.send(.request("GET", "/"))
            let before = try client.reply()?.body
            bench.tls.replace(second)
            client.send(.request("GET", "/"))
            let after = try client.reply()?.body
            let seen = try certificates.openssl(["s_client", "-connect", "\(address)", "-CAfile", "authority.crt"])
            return (before, after, seen)
        }
        #expect(shown.0 == "nobody 0" && shown.1 == "nobody 0")
        #expect(shown.2.contains("subject=CN = second"))
    }

    @Test func `a client whose authority was taken away is refused at its next request`() async throws {
        let bench = try Bench(.required)
        let certificates = bench.certificates
        try certificates.makeAuthority("new")
        try certificates.make("client", by: "authority")
        let trust = try ClientTrust(.required, authorities: try certificates.text("new"), knownClients: nil)
        let identity = try certificates.identity("server", clients: trust)
        let replies = try await bench.run { address in
            let client = try RawClient(address, identity: bench.identity("client"))
            client.send(.request("GET", "/"))
            let before = try client.reply()
            bench.tls.replace(identity)
            client.send(.request("GET", "/"))
            return (before, try client.repliesUntilClosed())
        }
        #expect(replies.0?.status == 200)
        #expect(replies.1.map(\.status) == [403])
        #expect(replies.1.first?.body.contains("certificate_not_accepted") == true)
        #expect(bench.tls.refusals == [.unknownIssuer])
    }

    @Test func `a pair that does not fit is named`() throws {
        let certificates = try TestCertificates()
        try certificates.make("one")
        try certificates.make("two")
        func failure(_ certificate: [UInt8], _ key: [UInt8]) -> TLSIdentity.Failure? {
            do throws(TLSIdentity.Failure) {
                _ = try TLSIdentity(certificates: certificate, key: key.span, clients: ClientTrust())
                return nil
            } catch { return error }
        }
        let (one, two) = (try certificates.text("one"), try certificates.text("two"))
        let key = try certificates.keyText("one")
        try certificates.openssl(["pkey", "-in", "one.key", "-aes256", "-passout", "pass:x", "-out", "locked.key"])
        let locked = try certificates.keyText("locked")
        #expect(failure(one, key) == nil)
        #expect(failure(two, key) == .mismatch)
        for (certificate, key) in [(one, []), (one, Array("nonsense".utf8)), (one, locked), (one, one)] {
            guard case .key? = failure(certificate, key) else { Issue.record("a key that is none"); continue }
        }
        for certificate in [[], Array("nonsense".utf8), key, Array(one.dropLast(200))] {
            guard case .certificate? = failure(certificate, key) else { Issue.record("no certificate"); continue }
        }
        #expect("\(failure(one, locked).map { "\($0)" } ?? "")".contains("encrypted"))
    }

    @Test func `what is no authority is not taken for one`() throws {
        let certificates = try TestCertificates()
        try certificates.make("client")
        for text in [try certificates.text("client"), [], Array("nonsense".utf8)] {
            #expect(throws: ClientTrust.Failure.self) {
                try ClientTrust(.required, authorities: text, knownClients: nil)
            }
        }
    }
}
