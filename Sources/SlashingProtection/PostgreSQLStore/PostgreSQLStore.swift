// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Consensus
package import PostgreSQL

/// The record in a PostgreSQL database that several signers share, Web3Signer among them. Threads of its own, the lanes,
/// hold a connection each; a lane takes what waits, has the database check and record it in one call and one round trip,
/// and answers when the commit is confirmed.
package final class PostgreSQLStore: RecordStore {
    /// How a record is opened.
    package struct Settings: Sendable {
        package var connection: PostgreSQLSettings
        package var genesisValidatorsRoot: Root
        package var slotsPerEpoch: UInt64
        /// The latest epoch that may be signed now; nil without a clock guard.
        package var latestEpoch: @Sendable () -> Epoch?
        package var createIfMissing: Bool
        /// Whether tables of an older version of Web3Signer are brought up to date at the start.
        package var migrates = false
        /// Connections for signing at most; two more serve administration.
        package var poolSize: Int
        /// How long the database may take for one call; half of it for waiting where another session's rows are in the
        /// way, so that the server still says so.
        package var callLimit = Duration.seconds(2)
        /// How long a message waits for the database or for another signer's lock before it is refused.
        package var answerLimit = Duration.seconds(4)
        /// How long a lane rests between attempts to reach the database.
        package var retryInterval = Duration.milliseconds(250)
        /// How long nothing may be heard of the database before a lane looks whether it is there.
        package var probeInterval = Duration.milliseconds(500)
        /// How long the database may take to answer such a look.
        package var probeLimit = Duration.milliseconds(1500)

        package init(
            connection: PostgreSQLSettings,
            genesisValidatorsRoot: Root,
            slotsPerEpoch: UInt64 = 32,
            latestEpoch: @escaping @Sendable () -> Epoch? = { nil },
            createIfMissing: Bool = false,
            poolSize: Int = 64
        ) {
            self.connection = connection
            // While signing waits for it; an attestation has four seconds in all.
            self.connection.connectTimeout = min(connection.connectTimeout, .seconds(2))
            self.genesisValidatorsRoot = genesisValidatorsRoot
            self.slotsPerEpoch = slotsPerEpoch
            self.latestEpoch = latestEpoch
            self.createIfMissing = createIfMissing
            self.poolSize = poolSize
        }

        /// `lock_timeout` of a call.
        var lockPatience: String { "\(max(1, callLimit.nanoseconds / 2_000_000))ms" }
    }

    private let settings: Settings
    private let inbox = Condition(PoolInbox())
    private let tasks = Condition(TaskInbox())
    /// Tasks that do not wait behind the parts of an import.
    private let urgentTasks = Condition(TaskInbox())
    private let state = Lock(StoreHealth.ready)
    private let incarnations = Incarnations()
    private let watch = DatabaseWatch()
    private let threads = LaneThreads()

    /// Connects, makes or migrates the tables where that is asked for, and holds the database against the settings.
    package init(_ settings: Settings) throws(StoreError) {
        self.settings = settings
        let database = PostgreSQLDatabase(settings)
        var session = try database.prepare()
        try database.check(&session)
        incarnations.enter(try database.identity(&session))
        threads.start("slashing-admin") { [settings, tasks, incarnations] in
            var administrator = PostgreSQLAdministrator(settings, tasks, incarnations)
            administrator.run()
        }
        threads.start("slashing-watch") { [settings, urgentTasks, incarnations] in
            var administrator = PostgreSQLAdministrator(settings, urgentTasks, incarnations)
            administrator.run()
        }
        inbox.withLock { $0.lanes = 1 }
        startLane(number: 0)
    }

    /// Makes a new record in the database, pinned to a network; refuses where one is already there.
    package static func initialize(_ settings: Settings) throws(StoreError) {
        let database = PostgreSQLDatabase(settings)
        var session = try database.connect()
        try database.refuseOtherSchema(&session)
        try database.refuseOldTables(&session)
        guard try database.pinnedRoot(&session) == nil else {
            throw .alreadyExists(path: settings.connection.description)
        }
        try database.migrate(&session)
        try database.pin(&session)
    }

    /// Brings the tables and functions of an existing database up to date, and does nothing else. Returns the version that
    /// was there before; nil where there was none.
    package static func migrate(_ settings: Settings) throws(StoreError) -> Int32? {
        let database = PostgreSQLDatabase(settings)
        var session = try database.connect()
        try database.refuseOtherSchema(&session)
        let before = try database.version(&session)
        try database.migrate(&session)
        return before
    }

    package var health: StoreHealth { state.withLock { $0 } }

    package var connectionGeneration: UInt64 { incarnations.generation }

    package func decide(_ batch: DutyBatch) async -> [Verdict] { await decide(batch, over: nil).verdicts }

    package func decide(_ batch: DutyBatch, generation: UInt64) async -> IdentifiedVerdicts {
        await decide(batch, over: generation)
    }

    private func decide(_ batch: DutyBatch, over generation: UInt64?) async -> IdentifiedVerdicts {
        if let reason = health.reason { return IdentifiedVerdicts(batch.refused(reason)) }
        if let refusal = refusalWithoutRecord(batch) {
            return IdentifiedVerdicts(batch.records.map { _ in .refused(refusal) })
        }
        if batch.records.isEmpty { return IdentifiedVerdicts([]) }
        let now = MonotonicClock.nanoseconds
        let deadline = now &+ UInt64(clamping: settings.answerLimit.nanoseconds)
        return await withCheckedContinuation { continuation in
            let pending = PendingBatch(batch, deadline: deadline, generation: generation, continuation)
            let entries = batch.records.indices.map { PendingEntry(batch: pending, position: $0) }
            let (accepted, lane) = inbox.withLock { inbox -> (Bool, Int?) in
                if inbox.isClosing { return (false, nil) }
                inbox.append(entries, now: now)
                guard inbox.needsLane(limit: settings.poolSize, now: now) else { return (true, nil) }
                inbox.lanes += 1
                return (true, inbox.lanes - 1)
            }
            if !accepted {
                entries.forEach { $0.answer(.refused(.notCheckable(reason: "the slashing record is closed"))) }
            }
            if let lane { startLane(number: lane) }
        }
    }

    /// Rules 1 to 5 as far as they need nothing of the record; the database applies the others, its own pin included.
    private func refusalWithoutRecord(_ batch: DutyBatch) -> Refusal? {
        Rules.refusalBeforeHistory(
            batch,
            isEnabled: true,
            conditions: RecordConditions(
                pinnedRoot: settings.genesisValidatorsRoot,
                highWatermark: nil,
                latestEpoch: settings.latestEpoch(),
                slotsPerEpoch: settings.slotsPerEpoch
            )
        )
    }

    package func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        let result: Result<AdministrativeAnswer, StoreError> = await withCheckedContinuation { continuation in
            let queue = task.isUrgent ? urgentTasks : tasks
            let accepted = queue.withLock { $0.append(WaitingTask(task, continuation)) }
            if !accepted {
                let reason = "the slashing record is closed, or too many tasks wait for it; try again"
                continuation.resume(returning: .failure(.storage(reason: reason)))
            }
        }
        let answer = try result.get()
        guard case .status(var status) = answer else { return answer }
        status.health = health.reason ?? "ready"
        return .status(status)
    }

    package func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer {
        let result: Result<FloorAnswer, StoreError> = await withCheckedContinuation { continuation in
            let accepted = tasks.withLock { $0.append(WaitingTask(task, continuation)) }
            if !accepted {
                let reason = "the slashing record is closed, or too many tasks wait for it; try again"
                continuation.resume(returning: .failure(.storage(reason: reason)))
            }
        }
        return try result.get()
    }

    package func watch(_ beginLook: @escaping @Sendable () -> @Sendable (DatabaseIdentity) -> Void) {
        watch.set(beginLook)
    }

    package func close() async {
        inbox.broadcast { $0.isClosing = true }
        tasks.broadcast { $0.isClosing = true }
        urgentTasks.broadcast { $0.isClosing = true }
        await Blocking.run(name: "closing") { [threads] in threads.join() }
    }

    deinit {
        inbox.broadcast { $0.isClosing = true }
        tasks.broadcast { $0.isClosing = true }
        urgentTasks.broadcast { $0.isClosing = true }
    }

    private func startLane(number: Int) {
        threads.start("slashing-db-\(number)") { [settings, inbox, state, incarnations, watch] in
            var lane = PostgreSQLLane(number: number, settings, inbox, state, incarnations, watch)
            lane.run()
        }
    }
}

extension AdministrativeTask {
    /// Short, and waited for: a key that is taken away must stop everywhere within two seconds.
    fileprivate var isUrgent: Bool {
        switch self {
        case .disable, .enable, .disabled, .highWatermark: true
        default: false
        }
    }
}

/// Tasks of administration that wait for their thread.
struct TaskInbox: Sendable {
    private static let most = 64
    private var waiting: [WaitingTask] = []
    var isClosing = false

    mutating func append(_ task: WaitingTask) -> Bool {
        guard !isClosing, waiting.count < Self.most else { return false }
        waiting.append(task)
        return true
    }

    mutating func next() -> WaitingTask? { waiting.isEmpty ? nil : waiting.removeFirst() }
}
