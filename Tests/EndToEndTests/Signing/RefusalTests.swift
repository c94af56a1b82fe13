// SPDX-License-Identifier: Apache-2.0
import Testing

/// Every refusal that a user of the signing port can meet, but for those of slashing protection.
@Suite(.sharedSigner("server: {max_body_bytes: 65536}"), .timeLimit(.minutes(8)))
struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let body: String
        let code: String

        init(_ name: String, _ body: String, code: String = "malformed_request") {
            testDescription = name
            self.body = body
            self.code = code
        }
    }

    static let unreadable: [Case] = [
        Case("nothing", ""),
        Case("not JSON", "signature please"),
        Case("half an object", #"{"type":"RANDAO_REVEAL","#),
        Case("something behind the object", SigningBody.randaoReveal(epoch: 1) + "{}"),
        Case("a list", "[]"),
        Case("a number", "7"),
        Case("null", "null"),
        Case("no type", "{}"),
        Case("a type that nobody knows", #"{"type":"TRANSFER"}"#, code: "unknown_type"),
        Case("a type that is no text", #"{"type":7}"#),
        Case("no fork_info", #"{"type":"RANDAO_REVEAL","randao_reveal":{"epoch":"1"}}"#),
        Case("no message", SigningBody.randaoReveal(epoch: 1).replacing("randao_reveal", with: "other")),
        Case("a negative number", SigningBody.randaoReveal(epoch: 1).replacing(#""1"}"#, with: #"-1}"#)),
        Case("a fraction", SigningBody.randaoReveal(epoch: 1).replacing(#""1"}"#, with: #"1.5}"#)),
        Case(
            "too large a number",
            SigningBody.randaoReveal(epoch: 1).replacing(#""1"}"#, with: #""18446744073709551616"}"#)
        ),
        Case(
            "a root of 33 bytes",
            SigningBody.attestation(source: 1, target: 2, block: "0x" + String(repeating: "a", count: 66))
        ),
        Case("a root that is no hexadecimal", SigningBody.attestation(source: 1, target: 2, block: "0xgg")),
        Case("an empty beacon_block", SigningBody.block(slot: 1).replacing(#""version":"CAPELLA","#, with: "")),
        Case("an unknown version", SigningBody.block(slot: 1).replacing("CAPELLA", with: "NOSUCHFORK")),
        Case("a version in lower case", SigningBody.block(slot: 1).replacing("CAPELLA", with: "capella")),
        Case("no header", SigningBody.block(slot: 1).replacing("block_header", with: "header")),
        Case(
            "another signing root",
            SigningBody.attestation(source: 1, target: 2, signingRoot: "0x07"),
            code: "signing_root_mismatch"
        ),
        Case("a signing root that is none", SigningBody.attestation(source: 1, target: 2, signingRoot: "0xzz")),
        Case("a thousand brackets", String(repeating: "[", count: 1000)),
    ]

    @Test(arguments: unreadable)
    func `what cannot be read is 400 with a reason`(_ refused: Case) async throws {
        let (signer, key) = (try SharedSigner.current(), Self.unknownKey)
        let answer = try await signer.sign(refused.body, with: key)
        #expect(answer.status == 400)
        #expect(answer.errorCode == refused.code)
        let text = try await signer.sign(refused.body, with: key, accept: nil)
        #expect(text.status == 400)
        #expect(text.body == "Bad Request")
        #expect(text.headers["content-type"] == "text/plain; charset=utf-8")
    }

    /// No key has it.
    static let unknownKey = "0x" + String(repeating: "ab", count: 48)

    @Test(arguments: [unknownKey, "12345", "0x", "0x" + String(repeating: "zz", count: 48), "%F0%9F%94%91"])
    func `a key that is not loaded is 404`(identifier: String) async throws {
        let signer = try SharedSigner.current()
        let answer = try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: identifier)
        #expect(answer.status == 404)
        #expect(answer.errorCode == "key_not_found")
        #expect(
            try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: identifier, accept: nil).body == "Not Found"
        )
    }

    @Test(arguments: [
        SigningBody.attestation(source: 1, target: 2, network: SigningBody.mainnet),
        SigningBody.block(slot: 1, network: SigningBody.mainnet),
        SigningBody.randaoReveal(epoch: 1, network: SigningBody.mainnet),
    ])
    func `another network is 403, whatever the type`(body: String) async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let answer = try await signer.sign(body, with: key)
        #expect(answer.status == 403)
        #expect(answer.errorCode == "wrong_network")
        #expect(answer.body.contains(SigningBody.hoodi) && answer.body.contains(SigningBody.mainnet))
        #expect(try await signer.sign(body, with: key.publicKey, accept: nil).body == "Forbidden")
    }

    @Test func `epochs ahead of the clock are refused`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let body = SigningBody.attestation(source: 1, target: 1 << 40)
        let answer = try await signer.sign(body, with: key)
        #expect(answer.status == 412)
        #expect(answer.errorCode == "ahead_of_clock")
        #expect(try await signer.sign(body, with: key.publicKey, accept: nil).body == "Precondition Failed")
        #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: key).status == 200)
    }

    @Test func `a source behind its target is refused`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let answer = try await signer.sign(SigningBody.attestation(source: 3, target: 2), with: key)
        #expect(answer.status == 412)
        #expect(answer.errorCode == "source_after_target")
    }

    @Test(arguments: ["localhost", "localhost:9000", "LOCALHOST", "127.0.0.1:1", "[::1]:9000"])
    func `the names of this machine are served`(host: String) async throws {
        #expect(try await SharedSigner.current().send("GET", "/upcheck", host: host).status == 200)
    }

    @Test(arguments: ["signer.example", "127.0.0.1.example", "localhost.", "127.0.0.2", "::1", ""])
    func `another Host is 403`(host: String) async throws {
        let signer = try SharedSigner.current()
        for (method, target) in [("GET", "/upcheck"), ("GET", "/nothing"), ("POST", "/reload")] {
            let answer = try await signer.send(method, target, host: host)
            #expect(answer.status == 403)
            #expect(answer.body == #"{"message":"Host not authorized."}"#)
        }
    }

    /// What a browser sends for a form or a `fetch` without asking first.
    @Test(arguments: ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"])
    func `a web page of another site gets no signature, without a token too`(field: String) async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let path = "/api/v1/eth2/sign/\(key.publicKey)"
        let body = SigningBody.randaoReveal(epoch: 1)
        let fields = ["Content-Type: text/plain", "Accept: */*"]
        let answer = try await signer.send("POST", path, fields + [field], body: body)
        #expect(answer.status == 403 && answer.errorCode == "cross_site")
        #expect(try await signer.send("POST", path, fields, body: body).status == 200)
    }

    @Test func `no Host is 400, two are 400`() async throws {
        let port = try SharedSigner.current().port
        for head in [
            "GET /upcheck HTTP/1.1\r\n\r\n", "GET /upcheck HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        ] {
            let answer = try await onThread {
                let connection = try HTTPConnection(port: port)
                try connection.send(head)
                return try connection.answer()
            }
            #expect(answer?.status == 400)
        }
    }

    @Test(arguments: [
        "/", "/nothing", "/api/v1/eth2/sign", "/api/v1/eth2/sign/", "/api/v1/eth2/sign/a/b", "/api/v1/eth2/sign/%2e%2e",
        "/metrics", "/admin/v1/anti-slashing/status",
    ])
    func `an unknown path is 404`(path: String) async throws {
        let signer = try SharedSigner.current()
        #expect(try await signer.get(path).status == 404)
        #expect(try await signer.send("POST", path, body: "{}").status == 404)
    }

    @Test(arguments: [
        ("GET", "/api/v1/eth2/sign/0x00", "POST"), ("PUT", "/upcheck", "GET"), ("POST", "/healthcheck", "GET"),
        ("DELETE", "/reload", "GET, POST"), ("POST", "/api/v1/eth2/publicKeys", "GET"),
        ("OPTIONS", "/api/v1/eth2/highWatermark", "GET"),
    ])
    func `another method is 405 and Allow names the right ones`(
        method: String,
        path: String,
        allowed: String
    ) async throws {
        let answer = try await SharedSigner.current().send(method, path, body: "")
        #expect(answer.status == 405)
        #expect(answer.headers["allow"] == allowed)
    }

    @Test(arguments: [
        ("GET", "/upcheck", "application/json"), ("GET", "/api/v1/eth2/publicKeys", "text/plain"),
        ("GET", "/reload", "text/html"),
    ])
    func `an answer that the client does not take is 406`(method: String, path: String, accept: String) async throws {
        let answer = try await SharedSigner.current().send(method, path, ["Accept: \(accept)"])
        #expect(answer.status == 406)
    }

    @Test(arguments: [("application/json", true), ("text/plain", false)])
    func `refusals of path and method are JSON for who takes it`(accept: String, isJSON: Bool) async throws {
        let signer = try SharedSigner.current()
        let unknown = try await signer.get("/nothing", ["Accept: \(accept)"])
        #expect((unknown.errorCode == "not_found") == isJSON)
        let method = try await signer.send("PUT", "/reload", ["Accept: \(accept)"])
        #expect((method.errorCode == "method_not_allowed") == isJSON)
    }

    @Test func `a body over the limit is 413`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let large = SigningBody.randaoReveal(epoch: 1) + String(repeating: " ", count: 65536)
        let answer = try await signer.sign(large, with: key)
        #expect(answer.status == 413)
        #expect(answer.errorCode == "body_too_large")
        let padded = SigningBody.randaoReveal(epoch: 1) + String(repeating: " ", count: 60000)
        #expect(try await signer.sign(padded, with: key).status == 200)
    }

    @Test func `a refusal leaves the connection usable`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let port = signer.port
        let statuses = try await onThread {
            let connection = try HTTPConnection(port: port)
            let target = "/api/v1/eth2/sign/\(key.publicKey)"
            return [
                try connection.exchange("POST", target, body: "{}").status,
                try connection.exchange("GET", "/nothing").status,
                try connection.exchange("POST", target, body: SigningBody.attestation(source: 9, target: 8)).status,
                try connection.exchange("POST", target, body: SigningBody.randaoReveal(epoch: 1)).status,
            ]
        }
        #expect(statuses == [400, 404, 412, 200])
    }
}
