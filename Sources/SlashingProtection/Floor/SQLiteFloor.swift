// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Consensus
internal import Encoding
package import SQLite

/// The floor in a small SQLite file of its own. As in the record, a thread of its own takes everything that waits, commits
/// once with a sync, and then lets all go; a message that reaches nothing new costs no write.
package final class SQLiteFloor: FloorKeeper {
    /// How a floor is opened.
    package struct Settings: Sendable {
        package var path: String
        /// What people know this instance by; the host and the place of the floor.
        package var name: String
        /// Where the files are; tests put a disk here that fails.
        package var disk: any DatabaseDisk
        /// How long the writer rests between attempts to get over a fault.
        package var retryInterval: Duration

        package init(
            path: String,
            name: String,
            disk: any DatabaseDisk = SystemDisk(),
            retryInterval: Duration = .seconds(1)
        ) {
            self.path = path
            self.name = name
            self.disk = disk
            self.retryInterval = retryInterval
        }
    }

    package let instance: FloorInstance
    private let inbox = Condition(FloorInbox())
    private let shared: Lock<FloorView>
    private let state: Lock<StoreHealth>
    private let writer: Concurrency.Thread

    /// Opens the floor, or makes an empty one where there is none. Whether that was right (the first start) or something
    /// was lost, the list of instances in the record tells: see `FlooredStore`.
    package init(_ settings: Settings) throws(StoreError) {
        let file = SQLiteFile(path: settings.path, disk: settings.disk, format: SQLiteFloorRecord.format)
        let lock = try Self.lock(file)
        let mustRewrite = try file.finishInterruptedReplacement()
        if !file.exists {
            try file.create { connection throws(SQLiteError) in try SQLiteFloorRecord.fill(connection) }
        }
        let record = try SQLiteFloorRecord.open(file)
        if !mustRewrite {
            do throws(DiskFailure) { try file.unmark() } catch { throw .storage(reason: "\(error)") }
        }
        let content = try Self.content(record, file)
        instance = FloorInstance(identifier: content.instance, name: settings.name)
        let health: StoreHealth =
            mustRewrite
            ? .rewriting(reason: "a sync of the floor \(file.path) failed before; it is being rewritten") : .ready
        let shared = Lock(FloorView(marks: content.marks, condition: content.condition))
        self.shared = shared
        let state = Lock(health)
        self.state = state
        let inbox = inbox
        let box = Lock<SQLiteFloorRecord?>(record)
        writer = Concurrency.Thread(name: "slashing-floor", stackSize: 1024 * 1024) {
            guard let record = box.withLock({ $0.take() }) else { return }
            var writer = SQLiteFloorWriter(
                record: record,
                file: file,
                lock: lock,
                service: Service(of: file, health: state, retryInterval: settings.retryInterval),
                inbox: inbox,
                shared: shared
            )
            writer.run()
        }
    }

    private static func lock(_ file: SQLiteFile) throws(StoreError) -> DatabaseLock {
        do throws(StoreError) {
            return try file.lock()
        } catch {
            guard case .inUse = error else { throw error }
            throw .storage(reason: "another process holds the floor \(file.path); every signer needs one of its own")
        }
    }

    private static func content(
        _ record: borrowing SQLiteFloorRecord,
        _ file: SQLiteFile
    ) throws(StoreError) -> FloorContent {
        do throws(SQLiteError) { return try record.read() } catch {
            throw StoreError(error, path: file.path, file.format)
        }
    }

    package var condition: FloorCondition { shared.withLock { $0.condition } }
    package var health: StoreHealth { state.withLock { $0 } }

    package func raise(_ release: FloorRelease) async throws(StoreError) {
        if health == .ready, shared.withLock({ $0.covers(release) }) { return }
        try await wait(for: .raise(release))
    }

    package func marks() async throws(StoreError) -> [FloorMark] {
        shared.withLock { view in
            view.marks.map { FloorMark(record: RecordIdentity($0.key), marks: $0.value) }
        }.sorted { $0.record.publicKey.bytes < $1.record.publicKey.bytes }
    }

    package func update(_ change: @escaping @Sendable (inout FloorCondition) -> Void) async throws(StoreError) {
        try await wait(for: .condition(change))
    }

    private func wait(for change: FloorChange) async throws(StoreError) {
        // Not behind a rewrite: who has to wait should learn it now.
        if let reason = health.reason { throw .storage(reason: reason) }
        let result: Result<Void, StoreError> = await withCheckedContinuation { continuation in
            let accepted = inbox.withLock { inbox in inbox.append(WaitingChange(change: change, caller: continuation)) }
            if !accepted { continuation.resume(returning: .failure(.storage(reason: "the floor is closed"))) }
        }
        try result.get()
    }

    package func close() async {
        inbox.broadcast { $0.isClosing = true }
        await Blocking.run(name: "closing") { self.writer.join() }
    }

    deinit { inbox.broadcast { $0.isClosing = true } }
}

/// What is durable, for every thread to see.
struct FloorView: Sendable {
    var marks: [PublicKey: Watermarks]
    var condition: FloorCondition

    /// Whether nothing has to be written before the release.
    func covers(_ release: FloorRelease) -> Bool {
        let reached = Watermarks(reaching: release.duty)
        return release.records.allSatisfy { record in
            marks[record.publicKey].map { $0.raised(to: reached) == $0 } ?? false
        }
    }
}

/// What one caller wants written.
enum FloorChange: Sendable {
    case raise(FloorRelease)
    case condition(@Sendable (inout FloorCondition) -> Void)
}

struct WaitingChange: Sendable {
    let change: FloorChange
    let caller: CheckedContinuation<Result<Void, StoreError>, Never>
}

/// What waits for the floor's writer.
struct FloorInbox: Sendable {
    /// Changes of one commit.
    private static let largestCommit = 512

    private var waiting: [WaitingChange] = []
    var isClosing = false

    mutating func append(_ change: WaitingChange) -> Bool {
        guard !isClosing else { return false }
        waiting.append(change)
        return true
    }

    /// The next commit's work; nil while there is nothing to do.
    mutating func take() -> (changes: [WaitingChange], isClosing: Bool)? {
        if waiting.isEmpty, !isClosing { return nil }
        let changes = Array(waiting.prefix(Self.largestCommit))
        waiting.removeFirst(changes.count)
        return (changes, isClosing && waiting.isEmpty)
    }
}
