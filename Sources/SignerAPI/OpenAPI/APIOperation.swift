// SPDX-License-Identifier: Apache-2.0
package import Authorization
package import HTTPServer

/// What the API document says of one route. Every route of every table has exactly one, which a test holds; it names the
/// route by method, pattern and scope, as the table does.
///
/// What holds for many routes is not repeated in each: refusals of the server and of the gate follow from scope and port.
package struct APIOperation: Sendable {
    /// Where it is served.
    package enum Port: String, Sendable, CaseIterable {
        case signing, metrics, administration
    }

    package let method: Method
    package let pattern: RoutePattern
    package let scope: Scope
    package let port: Port
    /// The heading under which the page lists it.
    package let tag: Tag
    /// One word, for generated clients.
    package let identifier: String
    package let summary: String
    package let text: String
    package let parameters: [Parameter]
    package let body: Body?
    package let answers: [Answer]
    /// Its own refusals; those of the server and of the gate are added.
    package let refusals: [ErrorCode]
    /// Whether it is refused with 406 where the client accepts something else.
    package let isStrictAboutAccept: Bool

    package init(
        _ method: Method,
        _ pattern: RoutePattern,
        scope: Scope,
        on port: Port = .signing,
        tag: Tag,
        _ identifier: String,
        _ summary: String,
        text: String = "",
        parameters: [Parameter] = [],
        body: Body? = nil,
        answers: [Answer],
        refusals: [ErrorCode] = [],
        isStrictAboutAccept: Bool = false
    ) {
        self.method = method
        self.pattern = pattern
        self.scope = scope
        self.port = port
        self.tag = tag
        self.identifier = identifier
        self.summary = summary
        self.text = text
        self.parameters = parameters
        self.body = body
        self.answers = answers
        self.refusals = refusals
        self.isStrictAboutAccept = isStrictAboutAccept
    }

    /// `/sign/{identifier}` for `/sign/:identifier`.
    package var path: String {
        pattern.description.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }.joined(separator: "/")
    }

    /// A heading of the page.
    package enum Tag: String, Sendable, CaseIterable {
        case signing = "Signing"
        case keys = "Keys"
        case health = "Health"
        case chamber = "Chamber"
        case access = "Access"
        case document = "Document"
        case metrics = "Metrics"
        case administration = "Admin socket"

        package var text: String {
            switch self {
            case .signing: "Signatures, in Web3Signer's words."
            case .keys: "Which keys are loaded."
            case .health: "Liveness and readiness; no token is asked for."
            case .chamber: "The master key under which keys are sealed: making it, closing and opening the chamber."
            case .access: "Policies and tokens: who may do what."
            case .document: "This document."
            case .metrics: "On the metrics port, always plain HTTP."
            case .administration:
                "On the Unix socket that only the signer's user can open; the command line speaks it. No token is asked for."
            }
        }
    }

    package struct Parameter: Sendable {
        package enum Place: String, Sendable { case path, query, header }
        package let name: String
        package let place: Place
        package let schema: Schema
        package let text: String
        package let isRequired: Bool

        static func path(_ name: String, _ schema: Schema, _ text: String) -> Parameter {
            Parameter(name: name, place: .path, schema: schema, text: text, isRequired: true)
        }

        static func query(_ name: String, _ schema: Schema, _ text: String, isRequired: Bool = false) -> Parameter {
            Parameter(name: name, place: .query, schema: schema, text: text, isRequired: isRequired)
        }

        static func header(_ name: String, _ schema: Schema, _ text: String) -> Parameter {
            Parameter(name: name, place: .header, schema: schema, text: text, isRequired: false)
        }
    }

    /// A body in JSON.
    package struct Body: Sendable {
        package let schema: Schema
        package let text: String

        init(_ schema: Schema, _ text: String = "") {
            self.schema = schema
            self.text = text
        }
    }

    /// An answer that is no refusal in the shape of the API.
    package struct Answer: Sendable {
        package let status: Int
        package let text: String
        package let contents: [Content]
        package var headers: [(name: String, text: String)] = []

        package struct Content: Sendable {
            package let type: String
            package let schema: Schema
        }

        static func json(_ schema: Schema, _ text: String, status: Int = 200) -> Answer {
            Answer(status: status, text: text, contents: [Content(type: "application/json", schema: schema)])
        }

        static func plain(_ schema: Schema, _ text: String, type: String = "text/plain") -> Answer {
            Answer(status: 200, text: text, contents: [Content(type: type, schema: schema)])
        }

        static func nothing(_ text: String) -> Answer { Answer(status: 204, text: text, contents: []) }
    }
}
