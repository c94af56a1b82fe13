// SPDX-License-Identifier: Apache-2.0
import Consensus
import Foundation
import SignerAPI
import Testing

/// The schemas of sign requests against the reader: what is of its schema is read, and what the schema requires cannot
/// be left away.
@Suite(.enabled(if: !SigningVector.all.isEmpty, "the signing vectors are not on this machine"))
struct SignRequestSchemaTests {
    private static let document = APIDocument.whole(version: "1").node.encoded()
    private static let reference = ["$ref": "#/components/schemas/SignRequest"]

    /// What the reader takes beyond the schema: other spellings of the same request.
    private static let spellings = [
        "numbers", "unprefixed", "short-roots", "lower-type", "payload_attestation_message/gloas/03-bare",
    ]

    /// A few of each type and fork, as the schema has them.
    private static let samples: [SigningVector] = {
        let plain = SigningVector.all.filter { vector in !spellings.contains { vector.name.contains($0) } }
        return Dictionary(grouping: plain) { $0.name.split(separator: "/").prefix(2).joined(separator: "/") }
            .values.flatMap { $0.sorted { $0.request.count < $1.request.count }.prefix(3) }
            .sorted { $0.name < $1.name }
    }()

    @Test func `there is a request of every type, one of them written here`() throws {
        let types = Set(Self.samples.map { $0.name.prefix { $0 != "/" }.uppercased() })
        #expect(Set(OperationType.allCases.map(\.name)).subtracting(types) == ["BUILDER_REQUEST_AUTH"])
        let checker = try SchemaChecker(Self.document)
        let inner = #"{"data":"0x01","slot":"1"}"#
        for object in [inner, #"{"data":\#(inner)}"#, #"{"version":"GLOAS","data":\#(inner)}"#] {
            let body = Array(#"{"type":"BUILDER_REQUEST_AUTH","builder_request_auth":\#(object)}"#.utf8)
            let value = try JSONSerialization.jsonObject(with: Data(body))
            #expect(checker.problems(value, Self.reference).isEmpty && Self.isRead(body))
        }
    }

    @Test(arguments: samples) func `requests of clients are of their schema`(vector: SigningVector) throws {
        let checker = try SchemaChecker(Self.document)
        let request = try JSONSerialization.jsonObject(with: Data(vector.request))
        let problems = checker.problems(request, Self.reference)
        #expect(problems.isEmpty, "\(vector.name): \(problems.prefix(5))")
    }

    @Test func `every type has a schema of its own`() throws {
        let checker = try SchemaChecker(Self.document)
        let whole = try #require(checker.resolve("#/components/schemas/SignRequest"))
        let discriminator = try #require(whole["discriminator"] as? [String: Any])
        let mapping = try #require(discriminator["mapping"] as? [String: String])
        #expect(Set(mapping.keys) == Set(OperationType.allCases.map(\.name)))
        for (type, reference) in mapping {
            let properties = try #require(checker.resolve(reference)?["properties"] as? [String: [String: Any]])
            #expect(properties["type"]?["enum"] as? [String] == [type])
        }
    }

    @Test(arguments: samples) func `what the schema requires the reader requires too`(vector: SigningVector) throws {
        let checker = try SchemaChecker(Self.document)
        let request = try JSONSerialization.jsonObject(with: Data(vector.request))
        var removed = 0
        for path in Self.memberPaths(of: request).prefix(200) {
            let less = Self.removing(path[...], from: request)
            guard !checker.problems(less, Self.reference).isEmpty else { continue }
            removed += 1
            let body = [UInt8](try JSONSerialization.data(withJSONObject: less))
            #expect(!Self.isRead(body), "\(vector.name) without \(path.joined(separator: "."))")
        }
        #expect(removed >= 2)
    }

    private static func isRead(_ body: [UInt8]) -> Bool {
        guard let request = try? SigningRequest(json: body) else { return false }
        return (try? request.signingRoot(on: .mainnet)) != nil
    }

    /// Every member of every object, with the places of lists on the way.
    private static func memberPaths(of value: Any) -> [[String]] {
        if let object = value as? [String: Any] {
            return object.sorted { $0.key < $1.key }.flatMap { name, inner in
                [[name]] + memberPaths(of: inner).map { [name] + $0 }
            }
        }
        if let first = (value as? [Any])?.first { return memberPaths(of: first).map { ["0"] + $0 } }
        return []
    }

    private static func removing(_ path: ArraySlice<String>, from value: Any) -> Any {
        guard let name = path.first else { return value }
        if var object = value as? [String: Any] {
            object[name] = path.count == 1 ? nil : object[name].map { removing(path.dropFirst(), from: $0) }
            return object
        }
        if var list = value as? [Any], !list.isEmpty {
            list[0] = removing(path.dropFirst(), from: list[0])
            return list
        }
        return value
    }
}
