// SPDX-License-Identifier: Apache-2.0
import AWS
import Encoding
import Sealing
import Secrets
import TestSupport
import Testing

/// What AWS KMS may answer, said by a server that says what the test wants.
@Suite(.timeLimit(.minutes(3))) struct KMSAnswerTests {
    private static let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    private let share = Random.bytes(50)

    private func wrapper(_ endpoint: String, timeout: Duration = .seconds(20)) throws -> any KeyWrapper {
        let settings = KeyWrapperSettings(
            endpoints: ["eu-central-1": endpoint, "*": "http://127.0.0.1:1"],
            credentials: TestKey.credentials("111122223333"),
            timeout: timeout
        )
        return try KeyWrappers(settings, runtime: TestKey.runtime.get()).wrapper(for: KeyName(Self.arn))
    }

    @Test func `what is asked names the key and the context`() async throws {
        let server = try ScriptedServer { _, request in
            request.contains("TrentService.Encrypt")
                ? .answer(status: 200, body: #"{"CiphertextBlob":"AQID"}"#)
                : .answer(status: 200, body: #"{"Plaintext":"\/\/8=","KeyId":"x"}"#)
        }
        let wrapper = try wrapper(server.endpoint)
        #expect(try await wrapper.wrapped(share) == [1, 2, 3])
        // An answer may escape what need not be.
        #expect(try await wrapper.unwrapped([1, 2, 3]) == [0xff, 0xff])
        let chamber = Hex.encode(Wrapping.chamber.span, prefix: false)
        let context =
            #""EncryptionContext":{"chamber":"\#(chamber)","generation":"1","purpose":"master-key-share","share":"1"}"#
        let requests = server.requests
        #expect(requests.count == 2)
        for request in requests {
            #expect(request.contains("Content-Type: application/x-amz-json-1.1\r\n"))
            #expect(request.contains("/eu-central-1/kms/aws4_request"))
        }
        #expect(
            requests[0].hasSuffix(#"{"KeyId":"\#(Self.arn)",\#(context),"Plaintext":"\#(Base64.encode(share))"}"#)
        )
        #expect(requests[1].hasSuffix(#"{"KeyId":"\#(Self.arn)",\#(context),"CiphertextBlob":"AQID"}"#))
    }

    @Test(arguments: [
        "", "{}", "[]", "<html>", #"{"Plaintext":""}"#, #"{"Plaintext":"no base64!"}"#, #"{"Plaintext":5}"#,
        #"{"Plaintext":null}"#, #"{"Plaintext":"AQI"}"#, #"{"plaintext":"AQID"}"#, #"{"Plaintext":"AQID""#,
        #"{"CiphertextForRecipient":"AQID"}"#, #"{"Plaintext":"AQJ="}"#,
    ])
    func `an answer without a share is malformed, and is not repeated`(body: String) async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: body) }
        let error = try #require(await wrapper(server.endpoint).unwrapFailure([1, 2, 3]))
        #expect(error.cause == .malformed && error.key == Self.arn && !error.isTransient)
        #expect(!error.reason.contains("AQI"))
    }

    @Test(arguments: [
        "", "{}", #"{"CiphertextBlob":""}"#, #"{"CiphertextBlob":"!"}"#, #"{"CiphertextBlob":1}"#, "<html>",
    ])
    func `an answer without a ciphertext is malformed`(body: String) async throws {
        let server = try ScriptedServer { _ in .answer(status: 200, body: body) }
        #expect(try await wrapper(server.endpoint).wrapFailure(share)?.cause == .malformed)
    }

    /// A service that finds fault with a request may say it back.
    @Test(arguments: [
        "ValidationException", "SerializationException", "InternalFailure", "ThrottlingException",
        "InvalidSignatureException", "UnknownOperationException",
    ])
    func `no error of wrapping quotes the share`(code: String) async throws {
        let server = try ScriptedServer { _, request in
            let said = (request.split(separator: "\r\n\r\n").last ?? "").replacing("\"", with: "'")
            return .answer(status: 400, body: #"{"__type":"\#(code)","message":"cannot read \#(said)"}"#)
        }
        let error = try #require(await wrapper(server.endpoint).wrapFailure(share))
        #expect(error.reason.contains(code) && error.key == Self.arn)
    }

    @Test(arguments: [
        ("KeyUnavailableException", 500, WrappingError.Cause.failing), ("DependencyTimeoutException", 503, .failing),
        ("KeyUnavailableException", 400, .failing), ("InvalidKeyUsageException", 400, .refused),
        ("SomethingNew", 400, .refused), ("UnrecognizedClientException", 400, .credentials),
        ("ExpiredTokenException", 400, .credentials),
    ])
    func `refusals are told apart`(code: String, status: Int, cause: WrappingError.Cause) async throws {
        let server = try ScriptedServer { _ in .answer(status: status, body: #"{"__type":"\#(code)","message":"so"}"#) }
        let error = try #require(await wrapper(server.endpoint).unwrapFailure([1, 2, 3]))
        #expect(error.cause == cause && error.reason.contains(code), "\(error)")
    }

    @Test func `throttling is waited out`() async throws {
        let refusal = #"{"__type":"ThrottlingException","message":"Rate exceeded"}"#
        let server = try ScriptedServer {
            $0 < 2 ? .answer(status: 400, body: refusal) : .answer(status: 200, body: #"{"Plaintext":"AQID"}"#)
        }
        #expect(try await wrapper(server.endpoint).unwrapped([1, 2, 3]) == [1, 2, 3])
        #expect(server.requests.count == 3)
    }

    @Test func `nobody at the endpoint`() async throws {
        let endpoint = "http://127.0.0.1:\(try ScriptedServer.unusedPort())"
        let error = try #require(await wrapper(endpoint).unwrapFailure([1, 2, 3]))
        #expect(error.cause == .unreachable && error.isTransient)
        #expect(error.reason.hasPrefix("KMS Decrypt failed: unreachable endpoint (\(Self.arn)): kms at \(endpoint)"))
        #expect(error.reason.contains("region eu-central-1"))
    }

    @Test func `an endpoint that never answers costs the timeout and no more`() async throws {
        let server = try ScriptedServer { _ in .silence }
        let error = try #require(await wrapper(server.endpoint, timeout: .seconds(1)).unwrapFailure([1, 2, 3]))
        #expect(error.cause == .failing && error.isTransient && error.reason.contains("no answer within"))
    }

    @Test func `an endpoint that cannot be one is found before anything is sent`() throws {
        let error = #expect(throws: WrappingError.self) { try wrapper("http://kms.eu-central-1.amazonaws.com") }
        #expect(error?.cause == .settings && error?.isTransient == false && error?.key == Self.arn)
        #expect(error?.reason.contains("use https://") == true)
    }
}
