// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Knows every open connection and ends those whose time is over. libmicrohttpd only knows inactivity, and not even that
/// for suspended connections: a client that sends a byte a second would live for ever.
final class DeadlineWatch: Sendable {
    private let table = Condition(Table())
    private let tick: Duration

    private struct Table {
        var connections: [ObjectIdentifier: Connection] = [:]
        /// Those among them that were cut to make room.
        var leaving = 0
        var isStopped = false
    }

    /// One in so many gives way at a time: each time looks at all.
    private static let leaving = 14

    init(tick: Duration) { self.tick = tick }

    /// - Parameter bound: more than so many should not be open. Some of those that have kept the server waiting longest then
    ///   give way: first who never finished a request, so that a crowd of them shuts nobody out.
    func insert(_ connection: Connection, bound: Int) {
        let isFirst = table.withLock(wake: false) { table in
            table.connections[ObjectIdentifier(connection)] = connection
            return table.connections.count == 1
        }
        // The watch sleeps without limit only where there is none.
        if isFirst { table.broadcast { _ in } }
        for connection in leavers(bound) { connection.giveWay() }
    }

    private func leavers(_ bound: Int) -> [Connection] {
        table.withLock(wake: false) { table in
            guard table.connections.count - table.leaving > bound else { return [] }
            let idle = table.connections.values.compactMap { one in one.idleness.map { (one, $0) } }
            let sorted = idle.sorted { one, other in
                one.1.isStranger == other.1.isStranger ? one.1.since < other.1.since : one.1.isStranger
            }
            let chosen = sorted.prefix(bound / Self.leaving).map(\.0)
            table.leaving += chosen.count
            return chosen
        }
    }

    func remove(_ connection: Connection) {
        table.withLock(wake: false) { table in
            table.connections[ObjectIdentifier(connection)] = nil
            if connection.givesWay { table.leaving -= 1 }
        }
    }

    func connections() -> [Connection] {
        table.withLock(wake: false) { Array($0.connections.values) }
    }

    /// Starts the thread; it ends after `stop`.
    func start() -> Thread {
        Thread(name: "http-deadlines") { [self] in
            while let late = nextDue() { late.forEach { $0.endIfDue() } }
        }
    }

    func stop() { table.broadcast { $0.isStopped = true } }

    /// Sleeps one tick (without connections: until there is one) and returns those that are to end; nil when stopped.
    private func nextDue() -> [Connection]? {
        let hasWork = table.wait { state in state.isStopped || !state.connections.isEmpty ? !state.isStopped : nil }
        guard hasWork == true else { return nil }
        let stopped = table.wait(timeout: tick) { $0.isStopped ? true : nil }
        if stopped == true { return nil }
        return table.withLock(wake: false) { state in
            let now = MonotonicClock.nanoseconds
            return state.connections.values.filter { $0.isLate(now) || $0.mayBeStranded(now) }
        }
    }
}
