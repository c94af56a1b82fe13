// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

// An operation as a part of the document.

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
        if method != .get { codes.append(.crossSite) }
        if isStrictAboutAccept { codes.append(.notAcceptable) }
        if !parameters.filter({ $0.place == .path }).isEmpty { codes.append(.notFound) }
        if scope.audience == .granted { codes += ErrorCode.gate }
        if scope.audience == .setup { codes += ErrorCode.setup }
        var seen: Set<ErrorCode> = []
        let unique = codes.filter { seen.insert($0).inserted }
        let statuses = Set(unique.map(\.status)).union(port == .administration ? [] : [403]).sorted()
        return statuses.map { status in
            (status, unique.filter { $0.status == status }.sorted { $0.code < $1.code })
        }
    }

    func node(_ shared: SharedAnswers) -> JSONNode {
        let text = ([text] + [scopeText]).filter { !$0.isEmpty }.joined(separator: "\n\n")
        return (["operationId": .text(identifier), "summary": .text(summary)] as JSONNode)
            .adding("description", .text(text))
            .adding("tags", [.text(tag.rawValue)])
            .adding("x-scope", .text(scope.rawValue))
            .adding("security", security)
            .adding("parameters", parameters.isEmpty ? nil : .list(parameters.map(\.node)))
            .adding("requestBody", body?.node)
            .adding(
                "responses",
                .object(responses.map { .init(name: $0.name, value: shared.node($0.value)) })
            )
    }

    private var security: JSONNode {
        switch scope.audience {
        case .granted: [["bearer": []], ["basic": []]]
        case .setup: [["bearer": []]]
        case .anybody, .local, .operators: []
        }
    }

    var scopeText: String {
        switch scope.audience {
        case .anybody: "For anybody who reaches the port."
        case .granted: "Needs the scope `\(scope.rawValue)`."
        case .operators: "For operators of a quorum, who show in the body who they are."
        case .setup: "Needs the setup token, which stands in the log of a signer without a master key."
        case .local: "For the signer's user on the machine itself."
        }
    }

    var responses: [JSONNode.Member] {
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
            case 409 where codes.contains(.requestInProgress):
                [header("Retry-After", "Seconds to wait, where that helps.")]
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
