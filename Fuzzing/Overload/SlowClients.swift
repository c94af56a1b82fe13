// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// Thousands of clients that send a byte now and then, beside one that signs.
enum SlowClients {
    private static let heads = 5000
    private static let bodies = 1000

    static func run(_ binary: String, seconds: Int) throws -> String {
        let signer = try LoadedSigner(binary, keys: 4, settings: "auth: {mode: open}")
        defer { signer.stop() }
        _ = try ValidClient.run(signer, key: 1, until: end(1))
        let quiet = try ValidClient.run(signer, key: 1, until: end(seconds))
        let before = signer.residentBytes
        let crowd = Lock((stops: false, opened: 0, most: 0))
        let slow = Thread(name: "slow") { [port = signer.port] in
            var sockets: [(socket: Socket, isBody: Bool)] = []
            while !crowd.withLock({ $0.stops }) {
                sockets.removeAll { $0.socket.answer() != nil || $0.socket.isClosed }
                while sockets.count < heads + bodies, let socket = Socket(port: port) {
                    let isBody = sockets.count(where: \.isBody) < bodies
                    let head =
                        isBody
                        ? "POST /api/v1/eth2/sign/0xab HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n"
                        : "GET /upcheck HTTP/1.1\r\nHost: localhost\r\nX-"
                    socket.send(Array(head.utf8))
                    sockets.append((socket, isBody))
                    crowd.withLock { $0 = ($0.stops, $0.opened + 1, max($0.most, sockets.count)) }
                }
                for (socket, _) in sockets { socket.send([UInt8(ascii: "a")]) }
                usleep(1_000_000)
            }
        }
        while crowd.withLock({ $0.most }) < heads + bodies { usleep(50_000) }
        let crowded = try ValidClient.run(signer, key: 2, until: end(seconds))
        let after = signer.residentBytes
        crowd.withLock { $0.stops = true }
        slow.join()
        guard crowded.p99 < 2 * quiet.p99 else {
            throw Broken("p99 was \(quiet.p99.shown) alone and \(crowded.p99.shown) among slow clients")
        }
        // A connection has 20 KiB of libmicrohttpd's and what a byte a second makes of a body.
        guard after - before < 400 << 20 else { throw Broken("memory grew by \((after - before) >> 20) MiB") }
        guard signer.isRunning else { throw Broken("the process ended") }
        return "slow clients: \(crowd.withLock { $0.opened }) opened, \(crowd.withLock { $0.most }) at a time; p99 "
            + "\(quiet.p99.shown) alone, \(crowded.p99.shown) among them; memory grew by \((after - before) >> 20) MiB"
    }

    private static func end(_ seconds: Int) -> UInt64 { MonotonicClock.nanoseconds + UInt64(seconds) * 1_000_000_000 }
}
