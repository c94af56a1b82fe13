// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Encoding
package import Files
package import Telemetry

/// The audit trail in a file of its own. A thread takes everything that waits, writes it with one call and only then
/// answers (group commit), so that a signature waits for its line and a burst of them for one.
package final class AuditFile: AuditTrail {
    /// How a trail is kept.
    package struct Settings: Sendable {
        package var path: String
        /// After so many bytes the next file is begun.
        package var maxBytes: Int
        /// How many earlier files are kept.
        package var keep: Int
        package var files: any FileSystem
        /// How long the writer rests between attempts to get over a fault.
        package var retryInterval: Duration
        /// Nanoseconds since 1970.
        package var now: @Sendable () -> UInt64

        package init(
            path: String,
            maxBytes: Int = 256 << 20,
            keep: Int = 16,
            files: any FileSystem = SystemFiles(),
            retryInterval: Duration = .seconds(1),
            now: @escaping @Sendable () -> UInt64 = { WallClock.nanoseconds }
        ) {
            self.path = path
            self.maxBytes = maxBytes
            self.keep = keep
            self.files = files
            self.retryInterval = retryInterval
            self.now = now
        }
    }

    /// What has been written, and what is known to be on the disk.
    package struct State: Sendable {
        package var header: AuditFileHeader
        package var head: AuditHead
        /// The number of the oldest file that must be there: it only grows, by what the signer itself removes.
        package var oldest: UInt64
        /// Whether that has been held against what was anchored earlier.
        var isOldestKnown = false
        /// Why nothing can be written; nil while it can.
        package var fault: String?
        /// Lines written and not written since the start.
        package var written: UInt64 = 0
        package var unwritten: UInt64 = 0
        var file: any AppendingFile
    }

    private let inbox = Condition(AuditInbox())
    private let state: Lock<State>
    private let settings: Settings
    private let writer: Concurrency.Thread
    /// Where the chain stood before this process wrote anything.
    package let opened: AuditHead
    /// The number of the oldest file that was found then.
    package let oldestFound: UInt64

    /// Opens the trail, puts right what a crash left behind, and starts the writer. Blocks.
    ///
    /// - Parameter tell: hears of what an operator should know; on the writer's thread.
    package init(
        _ settings: Settings,
        tell: @escaping @Sendable (AuditNotice) -> Void = { _ in }
    ) throws(AuditOpeningError) {
        var opened = try AuditWriter.open(settings, at: settings.now())
        for notice in opened.takeNotices() { tell(notice) }
        let state = Lock(
            State(header: opened.header, head: opened.head, oldest: opened.oldest, file: opened.file)
        )
        let inbox = inbox
        self.state = state
        self.settings = settings
        self.opened = opened.opened
        oldestFound = opened.oldestFound
        let box = Lock<AuditWriter?>(opened)
        writer = Concurrency.Thread(name: "audit") {
            guard let writer = box.withLock({ $0.take() }) else { return }
            var loop = AuditLoop(writer: writer, inbox: inbox, state: state, settings: settings, tell: tell)
            loop.run()
        }
    }

    package var current: State { state.withLock { $0 } }

    package var hindrance: AuditUnavailable? { state.withLock { $0.fault.map(AuditUnavailable.init) } }

    /// Returns once the line is with the kernel.
    package func record(_ event: AuditEvent) async throws(AuditUnavailable) {
        // Now, not after the writer's rest; it counts all the same.
        let fault = state.withLock { state in
            if state.fault != nil { state.unwritten += 1 }
            return state.fault
        }
        if let fault {
            inbox.withLock(wake: false) { $0.refused += 1 }
            throw AuditUnavailable(fault)
        }
        let entry = AuditEntry(event: event, time: settings.now())
        let problem: AuditUnavailable? = await withCheckedContinuation { continuation in
            var isTaken = false
            inbox.withLockThenWake { inbox in
                isTaken = inbox.append(entry, continuation)
                return isTaken && inbox.takeIdleness()
            }
            if !isTaken { continuation.resume(returning: AuditUnavailable("the signer is ending")) }
        }
        if let problem { throw problem }
    }

    /// Puts an event behind what waits, without waiting for it.
    package func post(_ event: AuditEvent) {
        let entry = AuditEntry(event: event, time: settings.now())
        inbox.withLockThenWake { $0.append(entry, nil) && $0.takeIdleness() }
    }

    /// Takes over which file is the oldest that must be there, as it was anchored when the trail was last written.
    package func keep(from oldest: UInt64) {
        state.withLock { state in
            state.oldest = max(state.oldest, oldest)
            state.isOldestKnown = true
        }
        look()
    }

    /// Has the writer look whether all files still stand in their places.
    package func look() {
        inbox.withLockThenWake { inbox in
            inbox.mustCheckPlace = true
            return true
        }
    }

    /// Makes what has been written durable, and looks whether all files still stand in their places; where the chain stands
    /// on the disk. Nil where that is not known: the trail is down then.
    package func sync() async -> State? {
        let standing = current
        let result = await Blocking.run(name: "audit-sync") { () -> Result<Void, FileProblem> in
            Result { () throws(FileProblem) in try standing.file.sync() }
        }
        switch result {
        case .success: look()
        case .failure(let problem):
            // A rotation in between has given the file up already; where not, the writer does.
            inbox.withLockThenWake { inbox in
                inbox.failedSync = (standing.header.file, problem)
                return true
            }
            return nil
        }
        return standing
    }

    /// Writes what waits and ends the thread; what comes later is refused. Blocks.
    package func close() {
        inbox.broadcast { $0.isClosing = true }
        writer.join()
        try? current.file.sync()
    }

    deinit { inbox.broadcast { $0.isClosing = true } }
}

/// What waits for the writer.
struct AuditInbox: Sendable {
    typealias Waiting = CheckedContinuation<AuditUnavailable?, Never>

    /// Events nobody waits for that are kept at most; those beyond are counted.
    static let mostPosted = 8192
    /// Lines that are not kept waiting for more.
    static let enough = 64

    var entries: [AuditEntry] = []
    var waiting: [Waiting?] = []
    var posted = 0
    /// Posted and not kept.
    var dropped: UInt64 = 0
    /// Refused before they came here, and counted.
    var refused: UInt64 = 0
    var failedSync: (file: UInt64, problem: FileProblem)?
    var mustCheckPlace = false
    var isClosing = false
    /// Whether the writer sleeps until it is woken, and not for a moment to let a batch gather.
    var isWriterIdle = false

    /// Whether the writer has to be woken; once only.
    mutating func takeIdleness() -> Bool {
        defer { isWriterIdle = false }
        return isWriterIdle || entries.count == Self.enough
    }

    mutating func append(_ entry: AuditEntry, _ continuation: Waiting?) -> Bool {
        guard !isClosing else { return false }
        if continuation == nil {
            guard posted < Self.mostPosted else {
                dropped += 1
                return false
            }
            posted += 1
        }
        entries.append(entry)
        waiting.append(continuation)
        return true
    }

    var isEmpty: Bool { entries.isEmpty && failedSync == nil && !mustCheckPlace && dropped == 0 }

    /// Everything, or nil while there is nothing to do.
    mutating func take() -> AuditInbox? {
        guard !isEmpty || isClosing else {
            isWriterIdle = true
            return nil
        }
        var taken = AuditInbox()
        swap(&taken, &self)
        isClosing = taken.isClosing
        return taken
    }
}
