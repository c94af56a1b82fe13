// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation
internal import TestSupport

/// Somebody whose policy allows one key asks for keys that are loaded for others and for keys that nobody has: the same
/// answer to the byte, and in the same time, over one connection to a running signer.
enum ForbiddenKeys {
    private static let keysOfAClass = 32

    static func run(_ binary: String, count: Int) throws -> String {
        let signer = try LoadedSigner(binary, keys: keysOfAClass + 1, settings: "auth: {mode: enforced}")
        defer { signer.stop() }
        let token = try signer.token(allowing: signer.keys[0])
        let loaded = Array(signer.keys[1...])
        // As a key begins: compressed, below the order of the field.
        let nobodys = (0..<keysOfAClass).map { _ in
            "0x8" + String((0..<95).map { _ in "0123456789abcdef".randomElement() ?? "0" })
        }
        var client = Client(port: signer.port, token: token)
        _ = try client.compare(loaded, nobodys, count: 2000)
        let answers = try client.compare(loaded, nobodys, count: count)
        guard answers.all.count == 1, let answer = answers.all.first, answer.hasPrefix("HTTP/1.1 403 ") else {
            throw Broken("the answers differ: \(answers.all)")
        }
        // What this measurement can see: a key of its own with a body that cannot be read.
        let control = try client.compare([signer.keys[0]], nobodys, count: max(2000, count / 10))
        let (times, seen) = (Self.t(answers), Self.t(control))
        let middle = answers.times.map { Double($0.sorted()[$0.count / 2]) / 1000 }
        let shown = times.map { "\($0.kept) %: \(String(format: "%.2f", $0.t))" }.joined(separator: ", ")
        let figures =
            "\(count) requests, one answer of \(answer.utf8.count) bytes, median "
            + middle.map { String(format: "%.1f µs", $0) }.joined(separator: " and ")
            + "; |t| of the fastest \(shown); a request that is let through: \(Int(seen.map(\.t).max() ?? 0))"
        guard control.all.count == 2, seen.allSatisfy({ $0.t > Welch.limit }) else {
            throw Broken("the measurement sees nothing: " + figures)
        }
        guard times.allSatisfy({ $0.t < Welch.limit }) else { throw Broken(figures) }
        return "forbidden keys: " + figures
    }

    /// What came of two classes.
    private struct Answers {
        /// Nanoseconds of each class.
        var times: [[UInt32]] = [[], []]
        /// Every answer that there was, without its date.
        var all: Set<String> = []
    }

    private static func t(_ answers: Answers) -> [(kept: Int, t: Double)] {
        [99, 95, 90].map { ($0, Welch.t(answers.times[0], answers.times[1], kept: $0)) }
    }

    /// One connection with one request under way.
    private struct Client {
        let port: UInt16
        let token: String
        private var socket: Socket?

        init(port: UInt16, token: String) {
            (self.port, self.token) = (port, token)
        }

        /// Requests of both classes in random turns.
        mutating func compare(_ first: [String], _ second: [String], count: Int) throws -> Answers {
            let requests = [first, second].map { $0.map(request) }
            var answers = Answers()
            for number in 0..<count {
                let side = Int.random(in: 0...1)
                let request = requests[side][number % requests[side].count].map { $0 }
                if socket?.isClosed != false { socket = Socket(port: port) }
                guard let socket else { throw Broken("no connection") }
                let began = MonotonicClock.nanoseconds
                socket.send(request)
                guard socket.awaitAnswer(milliseconds: 10_000) != nil else { throw Broken("no answer") }
                answers.times[side].append(UInt32(clamping: MonotonicClock.nanoseconds - began))
                let lines = String(decoding: socket.lastAnswer, as: UTF8.self).components(separatedBy: "\r\n")
                answers.all.insert(lines.filter { !$0.hasPrefix("Date:") }.joined(separator: "\r\n"))
            }
            return answers
        }

        private func request(_ key: String) -> [UInt8] {
            let body = #"{"type":"SYNC_COMMITTEE_MESSAGE"}"#
            return Array(
                "POST /api/v1/eth2/sign/\(key) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    .utf8
            )
        }
    }
}

extension LoadedSigner {
    /// A token that may sign with one key and nothing else.
    fileprivate func token(allowing key: String) throws -> String {
        let root = try rootToken()
        let rules = #"[{"effect":"allow","scopes":["sign"],"keys":["\#(key)"]}]"#
        _ = try send("policies", #"{"name":"client","rules":\#(rules)}"#, root)
        let made = try send("tokens", #"{"name":"client","policies":["client"]}"#, root)
        guard let range = made.firstRange(of: /cc_token_[0-9a-f]{64}/) else {
            throw Broken("no token was made: \(made)")
        }
        return String(made[range])
    }

    private func send(_ path: String, _ body: String, _ root: String) throws -> String {
        let text =
            "POST /api/v1/auth/\(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(root)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let socket = Socket(port: port)
        socket?.send(Array(text.utf8))
        guard let socket, socket.awaitAnswer(milliseconds: 10_000) == 201 else { throw Broken("\(path) were not made") }
        return String(decoding: socket.lastAnswer, as: UTF8.self)
    }
}
