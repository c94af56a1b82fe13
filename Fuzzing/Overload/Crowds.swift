// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// Clients of many addresses that never finish the head of a request and come again when they are cut, at a signer with the
/// limits that it has by itself: more of them than it keeps connections open. Beside them one client signs, and a health check
/// comes over a new connection each time.
enum Crowds {
    private static let addresses: ClosedRange<UInt8> = 2...9
    private static let each = 1000

    static func run(_ binary: String, seconds: Int) throws -> String {
        let signer = try LoadedSigner(binary, keys: 4, settings: "auth: {mode: open}", limits: "")
        defer { signer.stop() }
        _ = try ValidClient.run(signer, key: 1, until: end(1))
        let quiet = try ValidClient.run(signer, key: 1, until: end(seconds))
        let crowd = Lock((stops: false, opened: 0))
        let strangers = Thread(name: "crowd") { [port = signer.port] in
            var sockets: [Socket] = []
            while !crowd.withLock({ $0.stops }) {
                sockets.removeAll { $0.answer() != nil || $0.isClosed }
                var opened = 0
                while sockets.count < addresses.count * each, opened < 500 {
                    let address = addresses.lowerBound + UInt8(sockets.count % addresses.count)
                    guard let socket = Socket(port: port, from: address) else { break }
                    socket.send(Array("GET /upcheck HTTP/1.1\r\nHost: localhost\r\nX-".utf8))
                    sockets.append(socket)
                    opened += 1
                }
                crowd.withLock { $0.opened += opened }
                usleep(50_000)
            }
        }
        while crowd.withLock({ $0.opened }) < addresses.count * each { usleep(20_000) }
        let health = HealthCheck(port: signer.port)
        let crowded = try ValidClient.run(signer, key: 2, until: end(seconds))
        let (upcheck, failures) = health.stop()
        crowd.withLock { $0.stops = true }
        strangers.join()
        let figures =
            "\(crowd.withLock { $0.opened }) opened from \(addresses.count) addresses; p99 \(quiet.p99.shown) alone, "
            + "\(crowded.p99.shown) among them; /upcheck p99 \(upcheck.p99.shown) of \(upcheck.count), failed \(failures)"
        guard failures == 0, upcheck.p99 < 100, crowded.p99 < max(2 * quiet.p99, 5) else { throw Broken(figures) }
        return "crowds: " + figures
    }

    private static func end(_ seconds: Int) -> UInt64 { MonotonicClock.nanoseconds + UInt64(seconds) * 1_000_000_000 }
}
