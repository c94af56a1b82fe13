// SPDX-License-Identifier: Apache-2.0
import AWS
import Secrets
import TestSupport
import Testing

/// Requests and answers that hold a secret.
@Suite(.timeLimit(.minutes(2))) struct SecretCallTests {
    static let target = "TrentService.Decrypt"

    private func ask(_ server: ScriptedServer, within limit: Duration = .seconds(20)) async throws -> String {
        let answer = try await client(endpoint: server.endpoint).callForSecret(
            target: Self.target,
            body: Array("{\"question\":1}".utf8),
            within: limit,
            isIdempotent: true
        )
        return answer.text
    }

    private func failure(_ server: ScriptedServer) async throws -> AWSError? {
        do {
            _ = try await ask(server)
            return nil
        } catch { return error as? AWSError }
    }

    @Test func `an answer that holds a secret comes in secret memory of its length`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: #"{"Plaintext":"c2VjcmV0"}"#) }
        #expect(try await ask(server) == #"{"Plaintext":"c2VjcmV0"}"#)
        #expect(server.requests.first?.hasSuffix("\r\n\r\n{\"question\":1}") == true)
    }

    @Test func `an answer of many pieces is put together`() async throws {
        let text = String((0..<60_000).map { _ in "abcdefghijklmnop".randomElement() ?? "a" })
        let server = try ScriptedServer { _ in .answer(status: 200, body: text) }
        #expect(try await ask(server) == text)
    }

    @Test func `an empty answer is empty`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "") }
        #expect(try await ask(server) == "")
    }

    @Test func `more than any secret has is not taken`() async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: String(repeating: "x", count: 65_537)) }
        guard case .unclear(let reason) = try await failure(server) else { throw Unexpected(nil) }
        #expect(reason.contains("more than 65536 bytes") && !reason.contains("xxx"))
    }

    @Test func `a refusal keeps the words of the service`() async throws {
        let body = #"{"__type":"AccessDeniedException","Message":"not authorized to perform: kms:Decrypt"}"#
        let server = try ScriptedServer { _ in .answer(status: 400, body: body) }
        guard case .service(let refusal) = try await failure(server) else { throw Unexpected(nil) }
        #expect(refusal.code == "AccessDeniedException" && refusal.message == "not authorized to perform: kms:Decrypt")
    }

    @Test func `throttling is waited out, with the same secret in each request`() async throws {
        let server = try ScriptedServer {
            $0 < 2 ? .answer(status: 400, body: CallTests.throttled) : .answer(status: 200, body: "{\"said\":1}")
        }
        let answer = try await client(endpoint: server.endpoint).call(
            target: "TrentService.Encrypt",
            secretBody: SecretBytes(text: "{\"Plaintext\":\"c2VjcmV0\"}"),
            within: .seconds(20),
            isIdempotent: true,
            quotable: []
        )
        #expect(String(decoding: answer, as: UTF8.self) == "{\"said\":1}")
        #expect(server.requests.count == 3)
        for request in server.requests {
            #expect(request.hasSuffix("\r\n\r\n{\"Plaintext\":\"c2VjcmV0\"}"))
            #expect(request.contains("Content-Length: 24\r\n"))
        }
    }

    @Test func `what is under way when nobody waits any more still has its bytes`() async throws {
        let server = try ScriptedServer { _ in .silence }
        let client = try client(endpoint: server.endpoint)
        for _ in 0..<20 {
            do {
                _ = try await client.call(
                    target: "TrentService.Encrypt",
                    secretBody: SecretBytes(text: String(repeating: "s", count: 50_000)),
                    within: .milliseconds(5),
                    isIdempotent: false,
                    quotable: []
                )
                Issue.record("nobody answered")
            } catch {}
        }
        // What arrived of them is whole or cut off, never overwritten.
        for request in server.requests {
            #expect(request.split(separator: "\r\n\r\n").last?.allSatisfy { $0 == "s" } == true)
        }
    }

    /// A service that finds fault with a request may say it back.
    @Test(arguments: [
        ("ValidationException", 400), ("SerializationException", 400), ("ThrottlingException", 400),
        ("InternalFailure", 500), ("InvalidSignatureException", 403), ("", 400), ("AccessDeniedException", 400),
    ])
    func `no error quotes a secret request, unless its code says that it does not`(
        code: String,
        status: Int
    ) async throws {
        let server = try ScriptedServer { _, request in
            let body = request.split(separator: "\r\n\r\n").last ?? ""
            let message = "the request was \(body)".replacing("\"", with: "'")
            return .answer(status: status, body: #"{"__type":"\#(code)","message":"\#(message)"}"#)
        }
        do {
            _ = try await client(endpoint: server.endpoint).call(
                target: "TrentService.Encrypt",
                secretBody: SecretBytes(text: "{\"Plaintext\":\"c2VjcmV0\"}"),
                within: .seconds(5),
                isIdempotent: true,
                quotable: ["AccessDeniedException"]
            )
            Issue.record("it was refused")
        } catch {
            let isQuoted = "\(error)".contains("c2VjcmV0")
            #expect(isQuoted == (code == "AccessDeniedException"), "\(error)")
            var everything = ""
            dump(error, to: &everything)
            #expect(everything.contains("c2VjcmV0") == (code == "AccessDeniedException"))
        }
    }

    @Test(arguments: [true, false]) func `the signature is that of the standard`(isSecret: Bool) async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: "{}") }
        let client = try client(endpoint: server.endpoint)
        let body = "{\"Plaintext\":\"c2VjcmV0\"}"
        if isSecret {
            _ = try await client.call(
                target: Self.target,
                secretBody: SecretBytes(text: body),
                within: .seconds(20),
                isIdempotent: false,
                quotable: []
            )
        } else {
            _ = try await client.call(
                target: Self.target,
                body: Array(body.utf8),
                within: .seconds(20),
                isIdempotent: false
            )
        }
        let request = try SignedRequest(#require(server.requests.first))
        #expect(try request.signature == request.expected(secretKey: "a secret of tests"))
        #expect(try request.signature != request.expected(secretKey: "another secret"))
    }
}

extension SecretBytes {
    fileprivate init(text: String) {
        let bytes = Array(text.utf8)
        self.init(count: bytes.count) { target in
            for (place, byte) in bytes.enumerated() {
                target.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
            }
        }
    }

    fileprivate var text: String { withSpan { span in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) } }
}
