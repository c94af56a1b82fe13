// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// An HTTP server on a free port of this machine that says what a test wants, or nothing. A thread a connection; requests
/// are kept as they came.
package final class ScriptedServer: Sendable {
    /// What to do with the request of a number, counted from 0.
    package enum Reply: Sendable {
        case answer(status: Int, body: String, headers: [String] = [])
        /// Keeps the connection and says nothing.
        case silence
        /// Closes the connection.
        case hangUp
    }

    private struct State {
        var requests: [String] = []
        var connections: [Int32] = []
        var isOver = false
    }

    package let port: UInt16
    private let listener: Int32
    private let state = Lock(State())

    package var endpoint: String { "http://127.0.0.1:\(port)" }

    /// Head and body of every request so far.
    package var requests: [String] { state.withLock { $0.requests } }

    package convenience init(_ script: @escaping @Sendable (Int) -> Reply) throws {
        try self.init { number, _ in script(number) }
    }

    /// The script also sees the request, head and body. It runs on a thread of its connection and may block.
    package init(_ script: @escaping @Sendable (Int, String) -> Reply) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        do { port = try Self.listen(on: listener) } catch {
            close(listener)
            throw error
        }
        let (listener, state) = (listener, state)
        // Each descriptor is closed by the thread that uses it: its number is somebody else's at once.
        _ = Thread(name: "scripted") {
            defer { close(listener) }
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                let isOver = state.withLock { state in
                    if !state.isOver { state.connections.append(connection) }
                    return state.isOver
                }
                if isOver {
                    close(connection)
                    continue
                }
                _ = Thread(name: "scripted") { Self.serve(connection, state, script) }
            }
        }
    }

    deinit {
        state.withLock { state in
            state.isOver = true
            // Under the lock, since under it they are forgotten before they are closed.
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
        }
        // Its thread holds it open until accept says so.
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// A port of this machine where nobody listens: one that was just free.
    package static func unusedPort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try listen(on: descriptor)
    }

    private static func listen(on descriptor: Int32) throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = unsafe withUnsafeMutablePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, size) | Glibc.listen(descriptor, 64)
                    | getsockname(descriptor, address, &size)
            }
        }
        guard code == 0 else { throw ScriptedFailure() }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func serve(_ connection: Int32, _ state: Lock<State>, _ script: (Int, String) -> Reply) {
        defer {
            state.withLock { $0.connections.removeAll { $0 == connection } }
            close(connection)
        }
        while let request = readRequest(connection) {
            let number = state.withLock { state in
                state.requests.append(request)
                return state.requests.count - 1
            }
            switch script(number, request) {
            case .hangUp: return
            case .silence: continue
            case .answer(let status, let body, let headers):
                let head = ["HTTP/1.1 \(status) Said", "Content-Length: \(body.utf8.count)"] + headers
                let text = head.joined(separator: "\r\n") + "\r\n\r\n" + body
                _ = unsafe text.utf8.span.withUnsafeBufferPointer { bytes in
                    unsafe send(connection, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }

    /// Reads a head and as many bytes as its length says; nil at the end of the connection.
    private static func readRequest(_ connection: Int32) -> String? {
        var text = ""
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = text.range(ofEnd: "\r\n\r\n"),
                text.utf8.distance(from: end, to: text.endIndex) >= length(of: text)
            {
                return text
            }
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(connection, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { return nil }
            text += String(decoding: chunk[..<count], as: UTF8.self)
        }
    }

    private static func length(of request: String) -> Int {
        let line = request.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        return line.flatMap { Int($0.drop { $0 != ":" }.dropFirst().trimmingPrefix(while: \.isWhitespace)) } ?? 0
    }
}

private struct ScriptedFailure: Error {}

extension String {
    /// The place behind the first occurrence of `text`.
    fileprivate func range(ofEnd text: String) -> Index? { firstRange(of: text)?.upperBound }
}
