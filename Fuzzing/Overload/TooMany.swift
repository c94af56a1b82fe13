// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Glibc

/// Ten times as many requests as can be signed. The signer has two fifths of a processor, where the machine allows such a
/// quota: else it shares the processors with those who load it, and they cannot offer so much.
///
/// A flood is not known as one from its first request: a slot's burst looks the same, and is let in whole. What comes in
/// that time is held to be answered as it should and soon enough for a client to turn elsewhere; once it is known, a
/// refusal has to come at once.
enum TooMany {
    /// The first part of a flood, in nanoseconds.
    private static let onset: UInt64 = 2_000_000_000

    static func run(_ binary: String, seconds: Int) throws -> String {
        let quota = CPUQuota(percent: 40, period: 10_000)
        defer { quota?.remove() }
        let signer = try LoadedSigner(
            binary,
            keys: 4,
            settings: "auth: {mode: open}\nlogging: {filter: \"off,http=info\"}",
            quota: quota
        )
        defer { signer.stop() }
        var number = 1000 * signer.keys.count
        _ = flood(signer, from: &number, connections: 32, rate: .infinity, seconds: 2)
        let alone = flood(signer, from: &number, connections: 32, rate: .infinity, seconds: 4)
        let capacity = Double(alone.signed.count) / 4
        let health = HealthCheck(port: signer.port)
        let result = flood(signer, from: &number, connections: 3000, rate: 10 * capacity, seconds: seconds)
        let (upcheck, failures) = health.stop()
        let figures = """
            \(quota == nil ? "no quota" : "two fifths of a processor"), capacity \(Int(capacity))/s, \
            offered \(result.offered / seconds)/s, signed \(result.signed.count / seconds)/s p99 \(result.signed.p99.shown), \
            503 \(result.refusals / seconds)/s p99 \(result.refused.p99.shown), in the first two seconds up to \
            \(result.refusedEarly.longest.shown), others \(result.others), not timed \(result.unclear), \
            /upcheck p99 \(upcheck.p99.shown) of \(upcheck.count), failed \(failures)
            """
        guard quota == nil || Double(result.offered) > 9 * capacity * Double(seconds) else {
            throw Broken("too little was offered: " + figures)
        }
        guard result.signed.p99 < 500, result.others == 0, result.signed.count > 0 else { throw Broken(figures) }
        guard result.refused.p99 < 50, result.refusedEarly.longest < 2000 else { throw Broken(figures) }
        guard upcheck.p99 < 100, failures == 0 else { throw Broken(figures) }
        return "overload: " + figures
    }

    /// Nanoseconds between two looks at the answers, above which those in between are not timed.
    private static let glance: UInt64 = 10_000_000

    /// What validator clients ask for most: an attestation, the next one of a key.
    private static func request(_ signer: LoadedSigner, _ number: Int) -> [UInt8] {
        let (epoch, key) = number.quotientAndRemainder(dividingBy: signer.keys.count)
        return Bodies.request(signer.keys[key], Bodies.attestation(epoch: epoch))
    }

    struct Result {
        var signed = Times()
        /// Those of a flood that is known to be one.
        var refused = Times()
        /// Those that were asked in its first part.
        var refusedEarly = Times()
        var refusals: Int { refused.count + refusedEarly.count }
        var others = 0
        var offered = 0
        /// Answers that may have waited for the one who offers: their times say nothing of the signer.
        var unclear = 0
    }

    /// Sends so many requests a second over connections that have none under way.
    static func flood(
        _ signer: LoadedSigner,
        from number: inout Int,
        connections: Int,
        rate: Double,
        seconds: Int
    ) -> Result {
        var sockets = (0..<connections).compactMap { _ in Socket(port: signer.port) }
        var began = [UInt64](repeating: 0, count: sockets.count)
        // A negative descriptor is left out by poll(2).
        var queries = sockets.map { _ in pollfd(fd: -1, events: Int16(POLLIN), revents: 0) }
        var (free, result) = (Array(sockets.indices), Result())
        let start = MonotonicClock.nanoseconds
        let end = start + UInt64(seconds) * 1_000_000_000
        var looked = start
        while true {
            let now = MonotonicClock.nanoseconds
            guard now < end else { break }
            let due = rate.isFinite ? Int(Double(now - start) / 1e9 * rate) : .max
            // In turn, so that none is idle for so long that the signer ends it.
            while result.offered < due, !free.isEmpty {
                let place = free.removeFirst()
                number += 1
                began[place] = MonotonicClock.nanoseconds
                queries[place].fd = sockets[place].descriptor
                sockets[place].send(request(signer, number))
                result.offered += 1
                if result.offered % 64 == 0 { break }
            }
            guard unsafe poll(&queries, UInt(queries.count), 1) > 0 else { continue }
            let isUnclear = MonotonicClock.nanoseconds - looked > Self.glance
            looked = MonotonicClock.nanoseconds
            for place in sockets.indices where queries[place].fd >= 0 && queries[place].revents != 0 {
                guard let status = sockets[place].answer() else {
                    guard sockets[place].isClosed else { continue }
                    result.others += 1
                    queries[place].fd = -1
                    if let next = Socket(port: signer.port) {
                        sockets[place] = next
                        free.append(place)
                    }
                    continue
                }
                let time = MonotonicClock.nanoseconds - began[place]
                if isUnclear { result.unclear += 1 }
                switch status {
                case 200 where isUnclear: result.signed.addUntimed()
                case 503 where isUnclear: result.refused.addUntimed()
                case 200: result.signed.add(time)
                case 503 where began[place] < start + onset: result.refusedEarly.add(time)
                case 503: result.refused.add(time)
                default: result.others += 1
                }
                queries[place].fd = -1
                free.append(place)
            }
        }
        return result
    }
}
