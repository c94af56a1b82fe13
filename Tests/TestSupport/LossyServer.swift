// SPDX-License-Identifier: Apache-2.0
internal import HTTPClient

/// A server in front of the shared one that loses what the test says.
package struct LossyServer: Sendable {
    package enum Loss: Sendable {
        case nothing
        /// It never happens.
        case request
        /// It happens, and nobody hears of it.
        case answer
    }

    package let server: ScriptedServer

    /// - Parameter loss: by the name of the operation.
    package init(_ loss: @escaping @Sendable (String) -> Loss) async throws {
        let target = try await MotoServer.shared.endpoint
        server = try ScriptedServer { _, request in
            let (head, body) = Self.parts(of: request)
            let operation =
                head.first { $0.hasPrefix("X-Amz-Target:") }?.split(separator: ".").last.map(String.init) ?? ""
            let loss = loss(operation)
            if case .request = loss { return .hangUp }
            let headers = head.dropFirst().filter { !$0.hasPrefix("Host:") && !$0.hasPrefix("Content-Length:") }
            let answer = try? HTTPClient().send("POST", target + "/", headers: Array(headers), body: Array(body.utf8))
            guard case .nothing = loss, let answer else { return .hangUp }
            return .answer(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
        }
    }

    private static func parts(of request: String) -> (head: [String], body: String) {
        guard let end = request.firstRange(of: "\r\n\r\n") else { return ([], "") }
        return (
            request[..<end.lowerBound].split(separator: "\r\n").map(String.init), String(request[end.upperBound...])
        )
    }
}
