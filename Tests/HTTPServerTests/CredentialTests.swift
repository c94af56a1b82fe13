// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import HTTPServer
import Testing

/// What becomes of an `Authorization` field.
struct CredentialTests {
    /// Stands for a keyed digest: the length, then the first bytes.
    private static let reader: CredentialReader = { value in
        guard value.count > 3 else { return .unreadable }
        var bytes = [UInt8](repeating: 0, count: 32)
        bytes[0] = UInt8(value.count)
        for place in 0..<min(31, value.count) { bytes[place + 1] = value[place] }
        return Bytes<32>(bytes).map(Credential.digest) ?? .unreadable
    }

    private struct Seen: Sendable {
        let credential: Credential
        let value: String?
    }

    private func seen(_ fields: String, reader: CredentialReader? = reader) async throws -> [Seen] {
        let heads = Lock<[Seen]>([])
        let handler = TestHandler { head in
            heads.withLock { $0.append(Seen(credential: head.credential, value: head.value(of: "Authorization"))) }
            return .answer(.text("OK"))
        }
        let isAnswered = try await withServer(handler) {
            $0.readCredential = reader
        } _: { address in
            let client = try RawClient(address)
            client.send("GET /a HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
            return try client.reply() != nil
        }
        #expect(isAnswered)
        return heads.withLock { $0 }
    }

    @Test func `the credential is read, and its text is nowhere in the head`() async throws {
        let seen = try await seen("Accept: a\r\nAuthorization: Bearer secret\r\nX-Other: b\r\n")
        let text = Array("Bearer secret".utf8)
        let expected = [UInt8(text.count)] + text + [UInt8](repeating: 0, count: 31 - text.count)
        #expect(seen.first?.credential == Bytes<32>(expected).map(Credential.digest))
        #expect(seen.first?.value == String(repeating: "*", count: text.count))
    }

    @Test func `without the field there is none, and without a reader nothing is understood or kept`() async throws {
        #expect(try await seen("").first?.credential == Credential.none)
        #expect(try await seen("Authorization: x\r\n").first?.credential == .unreadable)
        #expect(try await seen("AUTHORIZATION:\r\n").first?.credential == .unreadable)
        let unread = try await seen("Authorization: Bearer secret\r\n", reader: nil).first
        #expect(unread?.credential == .unreadable)
        #expect(unread?.value?.contains("secret") == false)
    }

    @Test func `two of them are refused`() async throws {
        #expect(try await seen("Authorization: Bearer a\r\nauthorization: Bearer b\r\n").isEmpty)
    }
}
