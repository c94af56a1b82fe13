// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// What must not be read as anything else: 400, nothing signed, nothing recorded. Every body goes to a key that is loaded
/// and would sign the same message written properly; at the end the record holds none of it.
@Suite(.timeLimit(.minutes(8))) struct StrictInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let body: [UInt8]

        init(_ name: String, _ body: [UInt8]) {
            testDescription = name
            self.body = body
        }
        init(_ name: String, _ body: String) { self.init(name, Array(body.utf8)) }
    }

    private static let good = SigningBody.attestation(source: 1, target: 2)

    private static func target(_ number: String) -> String {
        good.replacing(#""target":{"epoch":"2""#, with: #""target":{"epoch":\#(number)"#)
    }

    private static func wide(_ text: String, bigEndian: Bool, width: Int, mark: Bool) -> [UInt8] {
        let units = (mark ? [UInt32(0xfeff)] : []) + text.utf8.map(UInt32.init)
        return units.flatMap { unit in
            let bytes = (0..<width).map {
                UInt8(truncatingIfNeeded: unit >> (8 * UInt32(bigEndian ? width - 1 - $0 : $0)))
            }
            return bytes
        }
    }

    static let refused: [Case] =
        [
            "18446744073709551616", "\"18446744073709551616\"", "-1", "\"-1\"", "1.0", "1e0", "2.5", "\"2.0\"",
            "\"0x2\"",
            "\" 2\"", "\"+2\"", "true", "null", "[]", "{}", "\"\"", "NaN", "Infinity", "02", "\"2",
            "99999999999999999999999999",
        ].map { Case("the number \($0)", target($0)) }
        + [
            Case("a byte order mark", "\u{feff}" + good),
            Case("UTF-16, little end first, with a mark", wide(good, bigEndian: false, width: 2, mark: true)),
            Case("UTF-16, little end first", wide(good, bigEndian: false, width: 2, mark: false)),
            Case("UTF-16, big end first, with a mark", wide(good, bigEndian: true, width: 2, mark: true)),
            Case("UTF-16, big end first", wide(good, bigEndian: true, width: 2, mark: false)),
            Case("UTF-32", wide(good, bigEndian: true, width: 4, mark: true)),
            Case("bytes that are no UTF-8", Array(good.utf8).replacing(Array("ATTEST".utf8), with: [0xff, 0xfe])),
            Case(
                "ten thousand lists",
                good.replacing(#""index":"0""#, with: "\"x\":" + nested("[", "]") + #","index":"0""#)
            ),
            Case(
                "ten thousand objects",
                good.replacing(#""index":"0""#, with: "\"x\":" + nested("{\"a\":", "}") + #","index":"0""#)
            ),
            Case("two bodies", good + good), Case("a comma at the end", good.dropLast() + ",}"),
            Case("a comment", good.replacing("{\"type\"", with: "{/* */\"type\"")),
            Case("single quotes", good.replacing("\"", with: "'")),
            Case("the message of another type", good.replacing("ATTESTATION", with: "RANDAO_REVEAL")),
            Case("an unknown type", good.replacing("ATTESTATION", with: "ATTESTATION_V9")),
            Case("a type of nothing", good.replacing("\"ATTESTATION\"", with: "\"\"")),
            Case("a type that ends in a zero byte", good.replacing("ATTESTATION", with: "ATTESTATION\\u0000")),
            Case("the type twice", good.dropLast() + #","type":"ATTESTATION"}"#),
            Case(
                "an epoch twice",
                good.replacing(#""target":{"epoch":"2""#, with: #""target":{"epoch":"2","epoch":"2""#)
            ),
            Case("a message twice", #"{"attestation":{},"# + good.dropFirst()),
            Case("a name twice, once with an escape", #"{"\u0074ype":"BLOCK","# + good.dropFirst()),
            Case("a name twice that nobody asks for", good.dropLast() + #","note":1,"note":2}"#),
            Case("a last type that is unknown", good.dropLast() + #","type":"TRANSFER"}"#),
            Case("a last message that is empty", good.dropLast() + #","attestation":{}}"#),
            Case(
                "a last epoch that is none",
                good.replacing(#""target":{"epoch":"2""#, with: #""target":{"epoch":"2","epoch":-2"#)
            ),
            Case(
                "a text of a megabyte for a root",
                good.replacing("0x01", with: "0x" + String(repeating: "0", count: 1 << 20))
            ),
            Case("a text of a megabyte for a number", target("\"2" + String(repeating: "0", count: 1 << 20) + "\"")),
            Case(
                "a text of a megabyte for a type",
                good.replacing("ATTESTATION", with: String(repeating: "A", count: 1 << 20))
            ),
            Case("no fork_info", good.replacing("fork_info", with: "fork_inf")),
            Case("no source", good.replacing("\"source\"", with: "\"sauce\"")),
            Case("no target", good.replacing("\"target\"", with: "\"goal\"")),
            Case(
                "a list for the message",
                good.replacing(#""attestation":{"#, with: #""attestation":[{"#).dropLast() + "]}"
            ),
        ]

    private static func nested(_ open: String, _ close: String) -> String {
        String(repeating: open, count: 10_000) + "1" + String(repeating: close, count: 10_000)
    }

    @Test func `none of it is signed or recorded, and the same message written properly is both`() async throws {
        let key = try TestKey(9100)
        let signer = try await RunningSigner.start(in: Workplace(keys: [key]))
        for entry in Self.refused {
            let answer = try await send(entry.body, to: signer, key)
            #expect(answer.status == 400, "\(entry.testDescription)")
            #expect(["malformed_request", "unknown_type"].contains(answer.errorCode), "\(entry.testDescription)")
            #expect(!answer.body.contains("signature\":"), "\(entry.testDescription)")
        }
        #expect(try await recorded(by: signer) == 0)
        #expect(try await send(Array(Self.good.utf8), to: signer, key).status == 200)
        #expect(try await recorded(by: signer) == 1)
        #expect(await signer.stop() == 0)
    }

    private func send(_ body: [UInt8], to signer: RunningSigner, _ key: TestKey) async throws -> HTTPAnswer {
        let port = signer.port
        return try await onThread {
            let connection = try HTTPConnection(port: port)
            try connection.send(
                "POST /api/v1/eth2/sign/\(key.publicKey) HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
                    + "Content-Length: \(body.count)\r\n\r\n"
            )
            try connection.send(body)
            guard let answer = try connection.answer() else {
                throw HTTPConnection.Failure(description: "closed without an answer")
            }
            return answer
        }
    }

    /// Attestations in the record.
    private func recorded(by signer: RunningSigner) async throws -> Int {
        let status = try await signer.workplace.run("anti-slashing", "status", "--json")
        struct Status: Decodable { let attestations: Int }
        return try status.decode(Status.self).attestations
    }
}
