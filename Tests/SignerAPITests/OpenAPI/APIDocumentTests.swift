// SPDX-License-Identifier: Apache-2.0
import Authorization
import Foundation
import HTTPServer
import SignerAPI
import Testing

/// The document against the tables of routes, and against itself.
@Suite struct APIDocumentTests {
    private static func routes() async throws -> [APIOperation.Port: [Route<Scope, Access>]] {
        let (services, access) = (SignerServices.sample(hasKeyManager: true), try await AccessRoutes.sample())
        let document = DocumentRoutes(describing: [], version: "1", compatibility: Compatibility())
        let chamber = try await ChamberRig().start()
        return [
            .signing: services.signingRoutes + access.routes + document.routes + chamber.routes,
            .metrics: services.metricsRoutes,
            .administration: services.administrationRoutes + access.administrationRoutes + AuditRoutes { nil }.routes
                + chamber.administrationRoutes,
        ]
    }

    private static let whole = APIDocument.whole(version: "1.2.3").node.encoded()

    @Test func `every route of every port is described, once, on its port`() async throws {
        for (port, routes) in try await Self.routes() {
            for route in routes {
                let found = APIOperation.all().filter { $0.describes(route) }
                #expect(found.count == 1, "\(route.method) \(route.pattern) needs an operation in OpenAPI/Operations")
                #expect(found.first?.port == port)
                #expect(found.first?.isStrictAboutAccept == (route.produces != nil), "\(route.method) \(route.pattern)")
                #expect(
                    found.first?.answers.first?.contents.first.map { $0.type == route.produces } ?? true
                        || route.produces == nil || found.first?.answers.first?.contents.isEmpty == true,
                    "\(route.method) \(route.pattern)"
                )
            }
        }
    }

    @Test func `every description has a route`() async throws {
        let routes = try await Self.routes().values.flatMap(\.self)
        for operation in APIOperation.all() {
            #expect(routes.count(where: operation.describes) == 1, "\(operation.method) \(operation.pattern)")
        }
    }

    @Test func `places in a path are parameters, and nothing else is one there`() {
        for operation in APIOperation.all() {
            let named = operation.path.matches(of: /\{([^}]+)\}/).map { String($0.1) }
            #expect(named == operation.parameters.filter { $0.place == .path }.map(\.name), "\(operation.path)")
        }
    }

    @Test func `names of operations are words, each used once`() {
        let names = APIOperation.all().map(\.identifier)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.wholeMatch(of: /[a-z][A-Za-z]+/) != nil })
    }

    @Test func `every reference of the document leads somewhere, and every schema is referred to`() throws {
        let checker = try SchemaChecker(Self.whole)
        var referred: Set<String> = []
        func walk(_ value: Any) {
            if let object = value as? [String: Any] {
                if let reference = object["$ref"] as? String { referred.insert(reference) }
                for text in (object["mapping"] as? [String: String] ?? [:]).values { referred.insert(text) }
                object.values.forEach(walk)
            }
            (value as? [Any])?.forEach(walk)
        }
        walk(checker.document)
        for reference in referred { #expect(checker.resolve(reference) != nil, "\(reference)") }
        let components = try #require(checker.document["components"] as? [String: [String: Any]])
        for kind in ["schemas", "responses"] {
            for name in (components[kind] ?? [:]).keys {
                #expect(referred.contains("#/components/\(kind)/\(name)"), "\(kind) \(name) is never used")
            }
        }
    }

    @Test func `a status has one description, which lists its codes`() throws {
        let checker = try SchemaChecker(Self.whole)
        let paths = try #require(checker.document["paths"] as? [String: [String: Any]])
        #expect(paths.count == Set(APIOperation.all().map(\.path)).count)
        for (path, operations) in paths {
            for (method, operation) in operations where method != "servers" {
                let responses = try #require((operation as? [String: Any])?["responses"] as? [String: [String: Any]])
                for (status, answer) in responses {
                    let whole = (answer["$ref"] as? String).flatMap(checker.resolve) ?? answer
                    #expect((100..<600).contains(Int(status) ?? 0))
                    #expect((whole["description"] as? String)?.isEmpty == false, "\(method) \(path) \(status)")
                    if status != "204" { #expect(whole["content"] is [String: Any], "\(method) \(path) \(status)") }
                }
            }
        }
    }

    @Test func `the document of a running signer has its routes and no others`() async throws {
        let services = SignerServices.sample(hasRecord: false)
        let router = HTTPRouter(
            routes: DocumentRoutes(
                describing: services.signingRoutes,
                version: "1",
                compatibility: Compatibility()
            ).routes
        ) { _, _, _ in .allow(.local) }
        let answer = await router.answer(.get, "/openapi.json")
        #expect(answer.status == 200 && answer.contentType == "application/json; charset=utf-8")
        let paths = try #require(try SchemaChecker(answer.body).document["paths"] as? [String: Any])
        #expect(paths["/api/v1/eth2/sign/{identifier}"] != nil && paths["/openapi.json"] != nil)
        #expect(paths["/api/v1/eth2/highWatermark"] == nil && paths["/api/v1/auth/tokens"] == nil)
    }

    @Test func `statuses that follow Web3Signer instead are described as they are configured`() throws {
        var compatibility = Compatibility()
        compatibility.signingRootMismatchStatus = 500
        compatibility.wrongNetworkStatus = 412
        let document = APIDocument(APIOperation.all(compatibility), version: "1", compatibility: compatibility)
        let text = String(decoding: document.node.encoded(), as: UTF8.self)
        #expect(text.contains(#""status":500,"code":"signing_root_mismatch""#))
        #expect(!text.contains(#""status":400,"code":"signing_root_mismatch""#))
        #expect(!text.contains(#""status":403,"code":"wrong_network""#))
    }

    @Test func `the text is JSON whatever stands in it`() throws {
        let odd = "\u{0}\u{1f}\"\\\n\u{2028}é𝄞"
        let node: JSONNode = ["a": .text(odd), "b": [1, true, []], "c": [:]]
        for isPretty in [false, true] {
            let bytes = node.encoded(isPretty: isPretty)
            let read = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
            #expect(read["a"] as? String == odd)
            #expect((read["b"] as? [Any])?.count == 3)
        }
    }
}
