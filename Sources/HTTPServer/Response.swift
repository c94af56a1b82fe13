// SPDX-License-Identifier: Apache-2.0

/// One answer. `Content-Length`, `Date` and `Connection` are added by the server.
package struct Response: Sendable {
    package var status: Int
    /// The value of `Content-Type`; nil sends none.
    package var contentType: String?
    /// Further fields. Names and values must not contain control characters: such a field is left out.
    package var headers: [Header]
    package var body: [UInt8]
    /// The same bytes as `body`, where they lie ready for all connections.
    package var shared: SharedBody?
    /// Whether the connection ends after this answer.
    package var closesConnection: Bool

    package struct Header: Sendable, Hashable {
        package var name: String
        package var value: String
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(
        status: Int,
        contentType: String? = nil,
        headers: [Header] = [],
        body: [UInt8] = [],
        shared: SharedBody? = nil,
        closesConnection: Bool = false
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
        self.shared = shared
        self.closesConnection = closesConnection
    }

    /// `application/json; charset=utf-8`, as Web3Signer writes it.
    package static func json(_ body: [UInt8], status: Int = 200) -> Response {
        Response(status: status, contentType: "application/json; charset=utf-8", body: body)
    }

    /// `text/plain; charset=utf-8`.
    package static func text(_ body: String, status: Int = 200) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", body: Array(body.utf8))
    }
}
