// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import TestSupport
import Testing

/// Where tokens are in the memory of a signer that has seen them.
@Suite(.timeLimit(.minutes(8)), .enabled(if: geteuid() == 0, "only root reads the memory of a process that hides it"))
struct TokenTraceTests {
    @Test func `a token that was shown a thousand times is nowhere in the memory of the signer`() async throws {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key])
        let client = try await guarded.token("vc-1", #"{"effect":"allow","scopes":["sign","public_keys"]}"#)
        await guarded.signer.stop()
        // The signer that made it has shown it once; the one that is looked at has only been shown it.
        let signer = try await RunningSigner.start(in: guarded.signer.workplace)
        let basic = Data("any:\(client.token)".utf8).base64EncodedString()
        let port = signer.port
        // Kept open: what a connection's buffers hold is there as long as it is.
        let connections = try await onThread {
            let connections = try (0..<8).map { _ in Shared(try HTTPConnection(port: port)) }
            for round in 0..<125 {
                for connection in connections {
                    let header = round % 2 == 0 ? "Bearer \(client.token)" : "Basic \(basic)"
                    let answer = try connection.value.exchange(
                        "GET",
                        "/api/v1/eth2/publicKeys",
                        ["Accept: application/json", "Authorization: \(header)"]
                    )
                    guard answer.status == 200 else { throw TimedOut(description: "\(answer)") }
                }
            }
            return connections
        }
        let process = signer.process.identifier
        let found = try await onThread {
            // Where the digits begin in the base64 depends on what stands before them; this part does not.
            let digits = client.token.dropFirst(9)
            let part = basic.dropFirst(20).prefix(60)
            return try ProcessMemory(of: process).count([
                Array(key.publicKey.utf8), Array(digits.utf8), Array(part.utf8),
            ])
        }
        // The scan finds what is there: the list that was answered.
        #expect(found[0] > 0)
        #expect(found[1] == 0, "in plain text")
        #expect(found[2] == 0, "in base64")
        withExtendedLifetime(connections) {}
        await signer.stop()
    }

    /// Used by one thread after another.
    private final class Shared: @unchecked Sendable {
        let value: HTTPConnection
        init(_ value: HTTPConnection) { self.value = value }
    }
}
