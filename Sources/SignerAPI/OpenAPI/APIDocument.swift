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

/// Refusals that several operations answer alike: they stand in the document once.
struct SharedAnswers {
    private var names: [JSONNode: String] = [:]
    private(set) var components: [JSONNode.Member] = []

    init(_ operations: [APIOperation]) {
        var seen: Set<JSONNode> = []
        for member in operations.flatMap(\.responses) where !seen.insert(member.value).inserted {
            guard names[member.value] == nil else { continue }
            let count = components.count { $0.name.hasPrefix("Refused\(member.name)") }
            let name = "Refused\(member.name)" + (count == 0 ? "" : "_\(count + 1)")
            names[member.value] = name
            components.append(.init(name: name, value: member.value))
        }
    }

    /// The answer, or a reference to it.
    func node(_ answer: JSONNode) -> JSONNode {
        names[answer].map { ["$ref": .text("#/components/responses/" + $0)] } ?? answer
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

extension Schema {
    /// What Web3Signer says to a name that is not its own.
    static let hostRefusal = Schema.named(
        "HostRefusal",
        .exactly(Property("message", .words(["Host not authorized."])))
    )
}

extension APIOperation {
    /// Its own refusals and those of the server and of the gate, by status.
    package var allRefusals: [(status: Int, codes: [ErrorCode])] {
        var codes = refusals + ErrorCode.server
        if isStrictAboutAccept { codes.append(.notAcceptable) }
        if !parameters.filter({ $0.place == .path }).isEmpty { codes.append(.notFound) }
        if scope.audience == .granted { codes += ErrorCode.gate }
        var seen: Set<ErrorCode> = []
        let unique = codes.filter { seen.insert($0).inserted }
        let statuses = Set(unique.map(\.status)).union(port == .administration ? [] : [403]).sorted()
        return statuses.map { status in
            (status, unique.filter { $0.status == status }.sorted { $0.code < $1.code })
        }
    }

    fileprivate func node(_ shared: SharedAnswers) -> JSONNode {
        let text = ([text] + [scopeText]).filter { !$0.isEmpty }.joined(separator: "\n\n")
        return (["operationId": .text(identifier), "summary": .text(summary)] as JSONNode)
            .adding("description", .text(text))
            .adding("tags", [.text(tag.rawValue)])
            .adding("x-scope", .text(scope.rawValue))
            .adding("security", scope.audience == .granted ? [["bearer": []], ["basic": []]] : [])
            .adding("parameters", parameters.isEmpty ? nil : .list(parameters.map(\.node)))
            .adding("requestBody", body?.node)
            .adding(
                "responses",
                .object(responses.map { .init(name: $0.name, value: shared.node($0.value)) })
            )
    }

    var scopeText: String {
        switch scope.audience {
        case .anybody: "For anybody who reaches the port."
        case .granted: "Needs the scope `\(scope.rawValue)`."
        case .local: "For the signer's user on the machine itself."
        }
    }

    fileprivate var responses: [JSONNode.Member] {
        var byStatus: [Int: JSONNode] = [:]
        let refusals = allRefusals
        for answer in answers { byStatus[answer.status] = answer.node }
        for (status, codes) in refusals {
            let own = answers.first { $0.status == status }
            byStatus[status] = Self.node(of: codes, status, beside: own)
        }
        return byStatus.sorted { $0.key < $1.key }.map { .init(name: "\($0.key)", value: $0.value) }
    }

    /// A refusal with one of these codes, or what the route itself says under the same status.
    private static func node(of codes: [ErrorCode], _ status: Int, beside answer: Answer?) -> JSONNode {
        let code = Schema.object([.init("code", .words(codes.map(\.code)))], isClosed: false)
        var schemas: [Schema] = []
        if !codes.isEmpty {
            schemas.append(.allOf([ErrorBody.schema, .object([.init("error", code)], isClosed: false)]))
        }
        if status == 403 { schemas.append(.hostRefusal) }
        schemas += answer?.contents.filter { $0.type == "application/json" }.map(\.schema) ?? []
        var lines = codes.map { "`\($0.code)`: \($0.meaning)." }
        if status == 403 { lines.append("Or the Host is none that this signer answers to (server.allowed_hosts).") }
        if let answer { lines.insert(answer.text, at: 0) }
        let headers: [JSONNode.Member] =
            switch status {
            case 401: [header("WWW-Authenticate", "The ways to show a token.")]
            case 429: [header("Retry-After", "Seconds to wait.")]
            case 503: [header("Retry-After", "Seconds to wait, where that may help.")]
            default: []
            }
        return (["description": .text(lines.joined(separator: "\n"))] as JSONNode)
            .adding("headers", headers.isEmpty ? nil : .object(headers))
            .adding(
                "content",
                [
                    "application/json": ["schema": (schemas.count == 1 ? schemas[0] : .anyOf(schemas)).node],
                    "text/plain": ["schema": ["type": "string"]],
                ]
            )
    }

    private static func header(_ name: String, _ text: String) -> JSONNode.Member {
        .init(name: name, value: ["description": .text(text), "schema": ["type": "string"]])
    }
}

extension APIOperation.Parameter {
    fileprivate var node: JSONNode {
        [
            "name": .text(name), "in": .text(place.rawValue), "required": .boolean(isRequired),
            "description": .text(text), "schema": schema.node,
        ]
    }
}

extension APIOperation.Body {
    fileprivate var node: JSONNode {
        (["required": true] as JSONNode).adding("description", text.isEmpty ? nil : .text(text))
            .adding("content", ["application/json": ["schema": schema.node]])
    }
}

extension APIOperation.Answer {
    fileprivate var node: JSONNode {
        let contents = contents.map { JSONNode.Member(name: $0.type, value: ["schema": $0.schema.node]) }
        return (["description": .text(text)] as JSONNode)
            .adding("content", contents.isEmpty ? nil : .object(contents))
    }
}
