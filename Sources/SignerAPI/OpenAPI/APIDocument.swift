// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

/// The API as an OpenAPI 3.1 document.
package struct APIDocument: Sendable {
    package let operations: [APIOperation]
    let version: String
    let compatibility: Compatibility

    /// - Parameters:
    ///   - operations: what it describes; of a running signer, those of its routes.
    ///   - version: of the program.
    package init(_ operations: [APIOperation], version: String, compatibility: Compatibility = Compatibility()) {
        self.operations = operations
        self.version = version
        self.compatibility = compatibility
    }

    /// The document of everything that there is, whatever a configuration leaves out.
    package static func whole(version: String) -> APIDocument { APIDocument(APIOperation.all(), version: version) }

    static let introduction = """
        Ethereum remote signer. The routes of Web3Signer answer as Web3Signer does.

        A caller shows a token: as `Authorization: Bearer TOKEN`, or as the password of HTTP Basic with any user name. The \
        policies of the token say what it may ask for; x-scope is what a route asks for. In `auth.mode: open` callers \
        without a token are answered too, except where policies and tokens are managed.

        A refusal is an object with a stable code for programs and a message for people, where Accept names \
        application/json or */*; else it is text. A path with another method is answered 405 with Allow, an unknown path \
        404. Whatever cannot be read as HTTP/1.1 is answered 400 and the connection is closed.
        """

    package var node: JSONNode {
        let shared = SharedAnswers(operations)
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Containment Chamber", "version": .text(version), "description": .text(Self.introduction),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/", "description": "The signing port."]],
            "tags": .list(
                tags.map { ["name": .text($0.rawValue), "description": .text($0.text)] }
            ),
            "paths": .object(paths(shared)),
            "components": [
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"], "basic": ["type": "http", "scheme": "basic"],
                ],
                "responses": .object(shared.components),
                "schemas": .object(schemas.map { .init(name: $0.name, value: $0.schema.node) }),
            ],
            "x-error-codes": .list(
                ErrorCode.all(compatibility).map {
                    ["status": .integer($0.status), "code": .text($0.code), "meaning": .text($0.meaning)]
                }
            ),
        ]
    }

    /// The headings that have something below them.
    var tags: [APIOperation.Tag] { APIOperation.Tag.allCases.filter { tag in operations.contains { $0.tag == tag } } }

    /// Everything that has a name.
    var schemas: [(name: String, schema: Schema)] {
        var named: [(name: String, schema: Schema)] = []
        ErrorBody.schema.collect(into: &named)
        Schema.hostRefusal.collect(into: &named)
        for operation in operations {
            for parameter in operation.parameters { parameter.schema.collect(into: &named) }
            operation.body?.schema.collect(into: &named)
            for content in operation.answers.flatMap(\.contents) { content.schema.collect(into: &named) }
        }
        return named
    }

    private func paths(_ shared: SharedAnswers) -> [JSONNode.Member] {
        var paths: [(name: String, port: APIOperation.Port, operations: [JSONNode.Member])] = []
        for operation in operations {
            let member = JSONNode.Member(name: operation.method.name.lowercased(), value: operation.node(shared))
            if let place = paths.firstIndex(where: { $0.name == operation.path }) {
                paths[place].operations.append(member)
            } else {
                paths.append((operation.path, operation.port, [member]))
            }
        }
        return paths.map { path in
            let servers = path.port.servers.map { [JSONNode.Member(name: "servers", value: $0)] } ?? []
            return JSONNode.Member(name: path.name, value: .object(servers + path.operations))
        }
    }
}

extension APIOperation.Port {
    /// Nil for the port of the whole document.
    fileprivate var servers: JSONNode? {
        switch self {
        case .signing: nil
        case .metrics:
            [
                [
                    "url": "http://127.0.0.1:3000",
                    "description": "The metrics port (metrics.listen_address, metrics.listen_port).",
                ]
            ]
        case .administration:
            [
                [
                    "url": "http://localhost",
                    "description": "The admin socket: HTTP over a Unix socket of the signer's user.",
                ]
            ]
        }
    }
}
