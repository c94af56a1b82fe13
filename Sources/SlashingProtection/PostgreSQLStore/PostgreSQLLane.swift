// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus
internal import PostgreSQL

/// The loop of one thread with one connection. Lane 0 lives as long as the store and looks after the database when nothing
/// is asked of it; the others come with the load, and go when they cannot connect.
struct PostgreSQLLane: ~Copyable {
    /// How long an entry rests that met another signer's lock, in nanoseconds: a little less than that signer needs for a
    /// message.
    private static let restAtLock: UInt64 = 3_000_000

    private let number: Int
    private let settings: PostgreSQLStore.Settings
    private let database: PostgreSQLDatabase
    private let inbox: Condition<PoolInbox>
    private let state: Lock<StoreHealth>
    private let watch: DatabaseWatch
    private var session: PostgreSQLSession?
    /// Of the session.
    private var generation: UInt64 = 0
    /// When the database was last heard of, or looked for in vain, on the monotonic clock.
    private var lastHeard = MonotonicClock.nanoseconds
    private var isEnding = false

    init(
        number: Int,
        _ settings: PostgreSQLStore.Settings,
        _ inbox: Condition<PoolInbox>,
        _ state: Lock<StoreHealth>,
        _ incarnations: Incarnations,
        _ watch: DatabaseWatch
    ) {
        self.number = number
        self.watch = watch
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
            case .look: look()
            case .end: isEnding = true
            }
        }
        inbox.withLock { $0.lanes -= 1 }
    }

    private enum Next {
        case call([PendingEntry])
        /// Nothing to do but to see whether the database is there.
        case look
        case end
    }

    private func next() -> Next {
        let isDown = number == 0 && state.withLock { $0 } != .ready
        let rest = isDown ? settings.retryInterval : settings.probeInterval
        let lookAt = number == 0 ? lastHeard &+ UInt64(clamping: rest.nanoseconds) : .max
        var wakeAt = lookAt
        let now = MonotonicClock.nanoseconds
        inbox.withLock(wake: false) { inbox in
            inbox.idle += 1
            if !isDown, let retry = inbox.nextRetry(after: now) { wakeAt = min(wakeAt, retry) }
        }
        let wait: Duration? = wakeAt == .max ? nil : .nanoseconds(Int64(clamping: wakeAt > now ? wakeAt - now : 0))
        let next = inbox.wait(timeout: wait) { [state, number] inbox -> Next? in
            if let entries = inbox.take(now: MonotonicClock.nanoseconds) { return .call(entries) }
            if inbox.isClosing && inbox.isEmpty { return .end }
            // Another lane has taken the store out of service.
            return number == 0 && !isDown && state.withLock { $0 } != .ready ? .look : nil
        }
        inbox.withLock(wake: false) { $0.idle -= 1 }
        return next ?? (MonotonicClock.nanoseconds >= lookAt ? .look : .call([]))
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
            lastHeard = MonotonicClock.nanoseconds
            return settle(allowed, decision.answers, decision.identity)
        } catch {
            switch error {
            case .server(SQLState.otherIncarnation, _):
                session = nil
                return allowed
            case .server(SQLState.unsuitable, _), .settings, .unreachable:
                return unreachable(error, allowed)
            case .server(let sqlState, _) where SQLState.passes(sqlState):
                // Somebody else's transaction: one by one, each can only delay itself.
                return allowed.map { $0.alone(after: Self.restAtLock) }
            case .server:
                return refused(error, allowed)
            case .lost, .timedOut:
                // It may be recorded or not. Asked again, the record tells: what is there is a repeat.
                session = nil
                return allowed
            }
        }
    }

    /// The server refused a call, and nothing of it was recorded. A write of our own tells whose fault it was: where the
    /// database does not take that either, no message has a chance, and all are told so at once; otherwise it is one
    /// entry of the call.
    private mutating func refused(_ error: PostgreSQLError, _ entries: [PendingEntry]) -> [PendingEntry] {
        do throws(PostgreSQLError) {
            try tryWriting()
        } catch {
            switch error {
            case .server(let sqlState, _) where SQLState.passes(sqlState):
                return entries.map { $0.alone(after: Self.restAtLock) }
            case .server:
                suspend(error, entries)
                return []
            case .settings, .unreachable, .lost, .timedOut:
                session = nil
                return entries
            }
        }
        guard entries.count == 1 else { return entries.map { $0.alone(after: Self.restAtLock) } }
        guard case .server(_, let message) = error else { return entries }
        let reason = "the database refused: \(message)"
        entries.forEach { $0.answer(.refused(.notCheckable(reason: reason))) }
        return []
    }

    private mutating func tryWriting() throws(PostgreSQLError) {
        database.refusingGeneration = generation
        try session.lend(or: .notConnected) { [database] session throws(PostgreSQLError) in
            try database.tryWriting(&session)
        }
        database.refusingGeneration = nil
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
    }

    /// An extra lane leaves its work to the others; lane 0 takes the store out of service.
    private mutating func unreachable(_ error: PostgreSQLError, _ entries: [PendingEntry]) -> [PendingEntry] {
        if number > 0 {
            isEnding = true
            return entries
        }
        suspend(error, entries)
        return []
    }

    /// Takes the store out of service until a look of lane 0 finds that the database takes writes; everything that waits
    /// is refused. The next attempt is made over a new connection: this one may lead to the wrong server.
    private mutating func suspend(_ error: PostgreSQLError, _ entries: [PendingEntry]) {
        session = nil
        lastHeard = MonotonicClock.nanoseconds
        let reason = error.words
        state.withLock { $0 = .suspended(reason: reason) }
        var waiting: [PendingEntry] = []
        inbox.broadcast { waiting = $0.drain() }
        for entry in entries + waiting { entry.answer(.refused(.notCheckable(reason: reason))) }
    }

    // MARK: Looking after the database

    /// Sees whether the database is there, is the one of before and takes writes. A store that is out of service because it
    /// took none comes back only after a write like those of signing.
    private mutating func look() {
        defer { lastHeard = MonotonicClock.nanoseconds }
        do throws(PostgreSQLError) {
            do throws(PostgreSQLError) {
                try lookOnce()
            } catch {
                // A connection that ended, or leads to a server that was started anew: nothing is wrong with a new one.
                switch error {
                case .lost, .server(SQLState.otherIncarnation, _): session = nil
                default: throw error
                }
                try lookOnce()
            }
        } catch {
            if case .server(let sqlState, _) = error, SQLState.passes(sqlState) { return }
            suspend(error, [])
        }
    }

    private mutating func lookOnce() throws(PostgreSQLError) {
        let isReady = state.withLock { $0 } == .ready
        let tell = watch.begin()
        try connect()
        let sight = try session.lend(or: .notConnected) { [database] session throws(PostgreSQLError) in
            try database.look(&session)
        }
        tell(sight.identity)
        if let standstill = sight.standstill {
            throw .server(sqlState: SQLState.unsuitable, message: standstill)
        }
        let mustWrite = sight.isReadOnly || database.refusingGeneration == generation
        guard mustWrite || !isReady else { return }
        if mustWrite { try tryWriting() }
        state.withLock { $0 = .ready }
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
