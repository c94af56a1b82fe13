// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus
internal import PostgreSQL

/// The loop of one thread with one connection. Lane 0 lives as long as the store and finds out when the database is back;
/// the others come with the load, and go when they cannot connect.
struct PostgreSQLLane: ~Copyable {
    /// How long an entry rests that met another signer's lock, in nanoseconds: a little less than that signer needs for a
    /// message.
    private static let restAtLock: UInt64 = 3_000_000

    private let number: Int
    private let settings: PostgreSQLStore.Settings
    private let database: PostgreSQLDatabase
    private let inbox: Condition<PoolInbox>
    private let state: Lock<StoreHealth>
    private var session: PostgreSQLSession?
    /// Of the session.
    private var generation: UInt64 = 0
    private var isEnding = false

    init(
        number: Int,
        _ settings: PostgreSQLStore.Settings,
        _ inbox: Condition<PoolInbox>,
        _ state: Lock<StoreHealth>,
        _ incarnations: Incarnations
    ) {
        self.number = number
        self.settings = settings
        self.inbox = inbox
        self.state = state
        database = PostgreSQLDatabase(settings, incarnations)
    }

    /// Works until the store closes.
    mutating func run() {
        while !isEnding {
            switch next() {
            case .call(let entries): work(on: entries)
            case .look: lookForDatabase()
            case .end: isEnding = true
            }
        }
        inbox.withLock { $0.lanes -= 1 }
    }

    private enum Next {
        case call([PendingEntry])
        /// Nothing to do but to see whether the database is there again.
        case look
        case end
    }

    private func next() -> Next {
        let isDown = number == 0 && state.withLock { $0 } != .ready
        var wait: Duration? = isDown ? settings.retryInterval : nil
        inbox.withLock(wake: false) { inbox in
            inbox.idle += 1
            let now = MonotonicClock.nanoseconds
            guard !isDown, let retry = inbox.nextRetry(after: now) else { return }
            wait = .nanoseconds(Int64(clamping: retry - now))
        }
        let next = inbox.wait(timeout: wait) { inbox -> Next? in
            if let entries = inbox.take(now: MonotonicClock.nanoseconds) { return .call(entries) }
            return inbox.isClosing && inbox.isEmpty ? .end : nil
        }
        inbox.withLock(wake: false) { $0.idle -= 1 }
        return next ?? (isDown ? .look : .call([]))
    }

    /// Has the database decide the entries, and answers them or puts them back.
    private mutating func work(on entries: [PendingEntry]) {
        let now = MonotonicClock.nanoseconds
        var retries: [PendingEntry] = []
        var due: [PendingEntry] = []
        for entry in entries {
            if entry.batch.deadline > now { due.append(entry) } else { entry.answer(.refused(entry.lateRefusal)) }
        }
        if !due.isEmpty { retries = call(due) }
        inbox.broadcast { inbox in
            inbox.release(entries)
            inbox.putBack(retries)
        }
    }

    /// One call. What it returns has to be tried again.
    private mutating func call(_ entries: [PendingEntry]) -> [PendingEntry] {
        var allowed = entries
        do throws(PostgreSQLError) {
            try connect()
            allowed = entries.filter { isAllowed($0) }
            guard !allowed.isEmpty else { return [] }
            let decision = try session.lend(or: .notConnected) { [database, allowed] session throws(PostgreSQLError) in
                try database.decide(allowed, &session)
            }
            return settle(allowed, decision.answers, decision.identity)
        } catch {
            switch error {
            case .server(SQLState.otherIncarnation, _):
                session = nil
                return allowed
            case .server(let sqlState, _) where allowed.count > 1 || SQLState.passes(sqlState):
                // Somebody else's transaction, or one entry of the call: one by one, each can only delay itself.
                return allowed.map { $0.alone(after: Self.restAtLock) }
            case .server(_, let message):
                let reason = "the database refused: \(message)"
                allowed.forEach { $0.answer(.refused(.notCheckable(reason: reason))) }
                return []
            case .lost, .timedOut:
                // It may be recorded or not. Asked again, the record tells: what is there is a repeat.
                session = nil
                return allowed
            case .settings, .unreachable:
                return unreachable(error, allowed)
            }
        }
    }

    /// Whether the floor, where one is kept, has been held against the database that answers here; refused otherwise.
    private func isAllowed(_ entry: PendingEntry) -> Bool {
        guard let wanted = entry.generation, wanted != generation else { return true }
        let reason =
            "the connection to the slashing record is a new one, which the floor is held against first; ask again"
        entry.answer(.refused(.notCheckable(reason: reason)))
        return false
    }

    private mutating func settle(
        _ entries: [PendingEntry],
        _ answers: [DatabaseAnswer],
        _ identity: DatabaseIdentity
    ) -> [PendingEntry] {
        var retries: [PendingEntry] = []
        var unknown: [PendingEntry] = []
        for (entry, answer) in zip(entries, answers) {
            switch answer {
            case .verdict(let verdict): entry.answer(verdict, identity: identity)
            case .unknown: unknown.append(entry)
            case .busy: retries.append(entry.later(by: Self.restAtLock))
            }
        }
        guard !unknown.isEmpty else { return retries }
        do throws(PostgreSQLError) {
            let keys = unknown.map(\.key)
            try session.lend(or: .notConnected) { [database] session throws(PostgreSQLError) in
                try database.register(keys, &session)
            }
            return retries + unknown
        } catch {
            if case .server = error {
                // Somebody registers one of them in a transaction that does not end.
                return retries + unknown.map { $0.alone(after: Self.restAtLock) }
            }
            session = nil
            return retries + unknown.map { $0.later(by: Self.restAtLock) }
        }
    }

    // MARK: The connection

    private mutating func connect() throws(PostgreSQLError) {
        // One that was made before another lane met a new incarnation leads to a server that is gone, or not the one that
        // the floor was held against: asked or not, it would stay so.
        if let isUsable = session?.connection.isUsable, isUsable, generation == database.generation { return }
        session = nil
        let opened = try database.open()
        generation = opened.generation
        session = consume opened
        state.withLock { $0 = .ready }
    }

    /// An extra lane leaves its work to the others; lane 0 takes the store out of service.
    private mutating func unreachable(_ error: PostgreSQLError, _ entries: [PendingEntry]) -> [PendingEntry] {
        if number > 0 {
            isEnding = true
            return entries
        }
        let reason = "the slashing record cannot be reached: \(error)"
        state.withLock { $0 = .suspended(reason: reason) }
        let waiting = inbox.withLock(wake: false) { $0.drain() }
        for entry in entries + waiting { entry.answer(.refused(.notCheckable(reason: reason))) }
        return []
    }

    private mutating func lookForDatabase() {
        do throws(PostgreSQLError) {
            try connect()
        } catch {
            _ = unreachable(error, [])
        }
    }
}

extension PendingEntry {
    fileprivate func later(by rest: UInt64) -> Self {
        var entry = self
        entry.earliest = MonotonicClock.nanoseconds &+ rest
        return entry
    }

    fileprivate func alone(after rest: UInt64) -> Self {
        var entry = goesAlone ? later(by: rest) : self
        entry.goesAlone = true
        return entry
    }

    fileprivate var lateRefusal: Refusal {
        .notCheckable(
            reason:
                "the database did not decide in time: it is slow, or another session holds the lock of validator \(key)"
        )
    }
}

/// SQLSTATE codes (PostgreSQL, appendix A) of what passes by itself.
enum SQLState {
    /// Our own: `identity_v1` found another incarnation than the session began with.
    static let otherIncarnation = "CC001"

    /// Serialization failure, deadlock, lock not available, a row that somebody else put in without the lock meanwhile (the
    /// next call sees it), and shutdown or start of the server.
    static func passes(_ code: String) -> Bool {
        ["23505", "40001", "40P01", "55P03", "57P01", "57P02", "57P03"].contains(code)
    }
}
