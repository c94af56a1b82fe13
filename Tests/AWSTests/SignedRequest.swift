// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Testing

/// A request as it arrived, and what its signature has to be (Signature Version 4), worked out once more from what the
/// standard says.
struct SignedRequest {
    private let headers: [String: String]
    private let body: String
    private let parts: [String: String]

    init(_ text: String) throws {
        let end = try #require(text.firstRange(of: "\r\n\r\n"))
        body = String(text[end.upperBound...])
        var headers: [String: String] = [:]
        for line in text[..<end.lowerBound].split(separator: "\r\n").dropFirst() {
            let colon = try #require(line.firstIndex(of: ":"))
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        }
        self.headers = headers
        let authorization = try #require(headers["authorization"]).replacing("AWS4-HMAC-SHA256 ", with: "")
        parts = Dictionary(
            authorization.split(separator: ", ").map { part in
                let sides = part.split(separator: "=", maxSplits: 1)
                return (String(sides[0]), String(sides[1]))
            },
            uniquingKeysWith: { $1 }
        )
    }

    var signature: String? { parts["Signature"] }

    func expected(secretKey: String) throws -> String {
        let names = try #require(parts["SignedHeaders"])
        let scope = try #require(parts["Credential"]).split(separator: "/").dropFirst()
        let date = try #require(headers["x-amz-date"])
        var canonical = "POST\n/\n\n"
        for name in names.split(separator: ";") { canonical += "\(name):\(headers[String(name)] ?? "")\n" }
        canonical += "\n\(names)\n\(try hash(body))"
        let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope.joined(separator: "/"))\n\(try hash(canonical))"
        var key = Array("AWS4\(secretKey)".utf8)
        for part in scope { key = try HMAC.sha256(key: key.span, Array(part.utf8).span).array }
        return Hex.encode(try HMAC.sha256(key: key.span, Array(text.utf8).span).array, prefix: false)
    }

    private func hash(_ text: String) throws -> String {
        Hex.encode(try Digest.sha256(Array(text.utf8).span).array, prefix: false)
    }
}
