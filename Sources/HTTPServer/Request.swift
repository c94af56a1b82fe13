// SPDX-License-Identifier: Apache-2.0

/// One whole request: head and body.
package struct Request: Sendable {
    package let head: RequestHead
    /// The body as the handler is to see it: chunks joined, nothing decoded.
    package let body: [UInt8]
    private let connection: Connection?

    /// A request that did not come over a socket, for tests of what stands above the server.
    package init(head: RequestHead, body: [UInt8] = []) {
        self.init(head: head, body: body, connection: nil)
    }

    init(head: RequestHead, body: [UInt8], connection: Connection?) {
        self.head = head
        self.body = body
        self.connection = connection
    }

    /// Whether the client has closed its side: nobody would read the answer. One `poll` without waiting, so ask before
    /// expensive work. A client that only half-closed counts as gone.
    package var clientHasGone: Bool { connection?.clientHasGone ?? false }
}
