// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Every public vector through the socket, on one signer: a validator client's whole life.
@Suite(
    .enabled(if: Vectors.isPresent("signing/public.json"), "the signing vectors are not here"),
    .timeLimit(.minutes(8))
)
struct SigningVectorTests {
    private struct File: Decodable {
        struct Key: Decodable { let secret_key: String }
        struct Case: Decodable {
            let name: String
            let type: String
            let fork: String
            let pubkey: String
            let signature: String
        }
        let keys: [Key]
        let cases: [Case]
    }

    @Test func `all requests of all types and forks get their signature`() async throws {
        let file = try JSONDecoder().decode(File.self, from: try Vectors.contents("signing/public.json"))
        let bodies = try Self.bodies()
        try #require(file.cases.count == 486 && bodies.count == 486)
        let keys = try file.keys.map { try TestKey(secret: String($0.secret_key.dropFirst(2))) }
        let workplace = try Workplace(keys: keys, network: "network: mainnet")
        // The vectors reach the last slot that can be recorded.
        let signer = try await RunningSigner.start(in: workplace, ["--anti-slashing-clock-guard-epochs", "0"])
        let port = signer.port
        // Within one key the duties rise in file order, so one connection sends them all.
        let failures = try await onThread { () -> [String] in
            let connection = try HTTPConnection(port: port)
            return try zip(file.cases, bodies).compactMap { vector, body in
                let answer = try connection.exchange("POST", "/api/v1/eth2/sign/\(vector.pubkey)", body: body)
                return answer.status == 200 && answer.body == vector.signature
                    ? nil : "\(vector.name): \(answer.status) \(answer.body.prefix(80))"
            }
        }
        #expect(failures == [])
        #expect(Set(file.cases.map { "\($0.type) \($0.fork)" }).count == 81)
        #expect(await signer.stop() == 0)
        try signer.expectNoSecret(of: keys)
    }

    /// The requests as they stand in the file, whose order and spelling of members are part of the case.
    private static func bodies() throws -> [String] {
        String(decoding: try Vectors.contents("signing/public.json"), as: UTF8.self).split(separator: "\n").compactMap {
            guard let start = $0.range(of: #""request":"#),
                let end = $0.range(of: #","signing_root":"#, options: .backwards)
            else { return nil }
            return String($0[start.upperBound..<end.lowerBound])
        }
    }
}
