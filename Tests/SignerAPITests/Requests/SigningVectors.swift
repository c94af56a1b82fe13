// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The public signing vectors, as far as they are on this machine.
struct SigningVector: Sendable, CustomTestStringConvertible {
    let name: String
    let type: String
    let secretKey: String
    let publicKey: String
    /// The body as it stands in the file: the order and spelling of its fields are part of the case.
    let request: [UInt8]
    let signingRoot: String
    let signature: String

    var testDescription: String { name }

    /// Empty where the vectors are absent: `CHAMBER_VECTORS`, otherwise `../shared/vectors` beside the package.
    static let all: [SigningVector] = {
        guard let text = try? String(contentsOf: folder.appending(path: "signing/public.json"), encoding: .utf8)
        else { return [] }
        return text.split(separator: "\n").compactMap { SigningVector(line: $0) }
    }()

    private static var folder: URL {
        if let path = ProcessInfo.processInfo.environment["CHAMBER_VECTORS"] { return URL(filePath: path) }
        var package = URL(filePath: #filePath)
        for _ in 0..<4 { package.deleteLastPathComponent() }
        return package.deletingLastPathComponent().appending(path: "shared/vectors")
    }

    /// A case is one line of the file; nil for the lines around them.
    private init?(line: Substring) {
        guard line.hasPrefix("{\"name\":"),
            let start = line.range(of: "\"request\":"),
            let end = line.range(of: ",\"signing_root\":", options: .backwards),
            let fields = try? JSONDecoder().decode(
                Fields.self,
                from: Data((line.hasSuffix(",") ? line.dropLast() : line).utf8)
            )
        else { return nil }
        name = fields.name
        type = fields.type
        secretKey = fields.secret_key
        publicKey = fields.pubkey
        signingRoot = fields.signing_root
        signature = fields.signature
        request = Array(line[start.upperBound..<end.lowerBound].utf8)
    }

    private struct Fields: Decodable {
        let name: String
        let type: String
        let secret_key: String
        let pubkey: String
        let signing_root: String
        let signature: String
    }
}
