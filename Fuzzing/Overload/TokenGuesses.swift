// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation

/// A stranger who tries one token after another, beside a client that has one.
enum TokenGuesses {
    static func run(_ binary: String, count: Int) throws -> String {
        let signer = try LoadedSigner(binary, keys: 4, settings: "auth: {mode: enforced}")
        defer { signer.stop() }
        let header = "Authorization: Bearer \(try signer.rootToken())\r\n"
        _ = try ValidClient.run(signer, key: 1, until: end(1), headers: header)
        let quiet = try ValidClient.run(signer, key: 1, until: end(10), headers: header)
        let state = Lock((left: count, statuses: [Int: Int]()))
        let strangers = (0..<2).map { number in
            Thread(name: "stranger") { [port = signer.port, key = signer.keys[0]] in guess(port, key, number, state) }
        }
        var guessing = Times()
        while state.withLock({ $0.left }) > 0 {
            guessing.add(try ValidClient.run(signer, key: 2, until: end(1), headers: header))
        }
        strangers.forEach { $0.join() }
        let statuses = state.withLock { $0.statuses }
        let lines = try signer.log().split(separator: "\n").count { $0.contains("invalid_token") }
        let shown = statuses.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        let figures =
            "\(count) guesses answered \(shown); \(lines) audit lines; p99 \(quiet.p99.shown) alone, "
            + "\(guessing.p99.shown) beside them"
        guard statuses.keys.allSatisfy({ $0 == 401 || $0 == 429 }), statuses[429, default: 0] > count * 9 / 10 else {
            throw Broken(figures)
        }
        guard lines < 2000, guessing.p99 < 1.5 * quiet.p99 else { throw Broken(figures) }
        return "guesses: " + figures
    }

    private static func guess(
        _ port: UInt16,
        _ key: String,
        _ number: Int,
        _ state: Lock<(left: Int, statuses: [Int: Int])>
    ) {
        var (socket, random) = (Socket(port: port), UInt64(number + 1))
        while state.withLock({ $0.left > 0 ? ($0.left -= 1, true).1 : false }) {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let digits = String(format: "%016lx", random)
            let request =
                "POST /api/v1/eth2/sign/\(key) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer cc_token_"
                + digits + digits + digits + digits + "\r\nContent-Length: 0\r\n\r\n"
            if socket?.isClosed != false { socket = Socket(port: port) }
            socket?.send(Array(request.utf8))
            let status = socket?.awaitAnswer(milliseconds: 10_000) ?? 0
            state.withLock { $0.statuses[status, default: 0] += 1 }
        }
    }

    private static func end(_ seconds: Int) -> UInt64 { MonotonicClock.nanoseconds + UInt64(seconds) * 1_000_000_000 }
}
