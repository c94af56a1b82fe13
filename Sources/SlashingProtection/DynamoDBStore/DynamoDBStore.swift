// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import BLS
internal import Concurrency
package import Consensus
package import DynamoDB

/// The record in a DynamoDB table that several signers can share. For each validator it holds marks that only move
/// forward, and the signing roots below them: a duty is recorded by one transaction that moves the marks past it and
/// writes its root, under the condition that it lies ahead of the marks and nothing stands there.
///
/// Marks that only move forward make double and surround votes impossible without looking at history. The price: duties
/// behind the marks are refused although some of them would be safe (docs/formats.md lists them). A repeat of exactly what
/// was signed is allowed, by its root.
package final class DynamoDBStore: RecordStore {
    package struct Settings: Sendable {
        package var database: DynamoDB
        package var table: String
        package var genesisValidatorsRoot: Root
        package var slotsPerEpoch: UInt64
        /// The latest epoch that may be signed now; nil without a clock guard.
        package var latestEpoch: @Sendable () -> Epoch?
        package var createIfMissing: Bool
        /// How long to rest between looks at a table that could not be reached.
        package var retryInterval: Duration
        /// A table that was not looked at for so long is looked at without a reason; nil for never.
        package var beat: Duration?

        package init(
            database: DynamoDB,
            table: String,
            genesisValidatorsRoot: Root,
            slotsPerEpoch: UInt64 = 32,
            latestEpoch: @escaping @Sendable () -> Epoch? = { nil },
            createIfMissing: Bool = false,
            retryInterval: Duration = .seconds(1),
            beat: Duration? = .seconds(5)
        ) {
            self.database = database
            self.table = table
            self.genesisValidatorsRoot = genesisValidatorsRoot
            self.slotsPerEpoch = slotsPerEpoch
            self.latestEpoch = latestEpoch
            self.createIfMissing = createIfMissing
            self.retryInterval = retryInterval
            self.beat = beat
        }
    }

    /// Validators of one batch whose transactions run at once.
    private static let transactionsAtOnce = 64

    let record: DynamoDBRecord
    let watch: DynamoDBWatch
    let sights = DatabaseWatch()
    let state = Lock(StoreState())

    struct StoreState: Sendable {
        var health = StoreHealth.ready
        var isClosed = false
        var isProbing = false
        /// Failures that concerned the whole table.
        var failures: UInt64 = 0
        /// Rises when the table went out of reach, or is another one.
        var generation: UInt64 = 0
        /// The table is known to hold something.
        var holdsHistory = false
        /// Who was disabled when the table was asked last, and the count of changes then.
        var disabled: KnownDisabled?
        var beat: Task<Void, Never>?
    }

    private init(_ record: DynamoDBRecord, _ description: TableDescription) {
        self.record = record
        watch = DynamoDBWatch(record, description)
        startBeat()
    }

    /// Opens an existing record, or makes it where `createIfMissing` says so.
    package static func open(_ settings: Settings) async throws(StoreError) -> DynamoDBStore {
        let record = DynamoDBRecord(settings: settings)
        if try await !record.isThere() {
            guard settings.createIfMissing else { throw .missing(path: record.place) }
            try await record.create()
        }
        return DynamoDBStore(record, try await record.verify())
    }

    /// Makes a new record, pinned to a network; refuses where one is already there.
    package static func initialize(_ settings: Settings) async throws(StoreError) {
        let record = DynamoDBRecord(settings: settings)
        guard try await !record.isThere() else { throw .alreadyExists(path: record.place) }
        try await record.create()
    }

    package var health: StoreHealth { state.withLock { $0.health } }

    // MARK: Deciding

    package func decide(_ batch: DutyBatch) async -> [Verdict] {
        let (isClosed, reason) = state.withLock { ($0.isClosed, $0.health.reason) }
        if isClosed { return batch.refused("the slashing record is closed") }
        if let reason { return batch.refused(reason) }
        var verdicts: [RecordIdentity: Verdict] = [:]
        await withTaskGroup(of: (RecordIdentity, Verdict).self) { group in
            for (number, identity) in Set(batch.records).enumerated() {
                if number >= Self.transactionsAtOnce, let (done, verdict) = await group.next() {
                    verdicts[done] = verdict
                }
                group.addTask { (identity, await self.decide(batch, identity)) }
            }
            for await (done, verdict) in group { verdicts[done] = verdict }
        }
        // One that a batch names twice is signed once and repeated after that.
        var seen: Set<RecordIdentity> = []
        return batch.records.map { identity in
            let verdict = verdicts[identity] ?? .refused(.notCheckable(reason: "it was not asked for"))
            return !seen.insert(identity).inserted && verdict == .recorded ? .repeated : verdict
        }
    }

    private func decide(_ batch: DutyBatch, _ identity: RecordIdentity) async -> Verdict {
        do throws(DynamoDBError) { return try await record.decide(batch, identity.publicKey) } catch {
            return .refused(.notCheckable(reason: suspend(after: error)))
        }
    }

    /// The table is looked at after the transactions have ended and before anything is released.
    package func decide(_ batch: DutyBatch, generation: UInt64) async -> IdentifiedVerdicts {
        guard connectionGeneration == generation else { return IdentifiedVerdicts(batch.refused(Self.changed)) }
        let verdicts = await decide(batch)
        guard verdicts.contains(where: { $0.refusal == nil }) else { return IdentifiedVerdicts(verdicts) }
        do throws(DynamoDBError) {
            let identity = try await watch.look()
            guard connectionGeneration == generation else { return IdentifiedVerdicts(verdicts.refused(Self.changed)) }
            return IdentifiedVerdicts(verdicts, identity: identity)
        } catch {
            return IdentifiedVerdicts(verdicts.refused(suspend(after: error)))
        }
    }

    private static let changed = "the table of the slashing record was out of reach, or is another one now; ask again"

    // MARK: Administration

    package func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        if state.withLock({ $0.isClosed }) { throw .storage(reason: "the slashing record is closed") }
        switch task {
        case .take(let interchange, let dryRun): return .taken(try await record.take(interchange, dryRun: dryRun))
        case .register(let identities):
            try await record.register(identities)
            return .registered
        case .outline: return .outline(try await record.outline())
        case .give(let validators): return .given(try await record.give(validators))
        case .verify(let validators): return .verified(try await record.verify(validators))
        case .prune(let validators, let keepEpochs):
            return .pruned(try await record.prune(validators, keepEpochs: keepEpochs))
        case .count(let validators): return .counted(try await record.count(validators))
        case .disable(let validators, let instance):
            return .changed(try await record.disable(validators, by: instance))
        case .enable(let validators, let ground): return .changed(try await record.enable(validators, ground))
        case .disabled(let wanted): return .disabled(try await disabled(among: wanted))
        case .status: return .status(try await record.status(health))
        case .raiseLowWatermarks(let slot, let epoch):
            return .raised(validators: try await record.raise(slot: slot, epoch: epoch))
        case .setHighWatermark(let mark): return .watermark(try await record.setHighWatermark(mark))
        case .highWatermark: return .watermark(try await record.header().highWatermark)
        }
    }

    package func close() async {
        let beat = state.withLock { state in
            state.isClosed = true
            return state.beat.take()
        }
        beat?.cancel()
    }

    deinit { state.withLock { $0.beat }?.cancel() }
}

extension [Verdict] {
    /// The same, with nothing allowed.
    fileprivate func refused(_ reason: String) -> [Verdict] {
        map { $0.refusal == nil ? .refused(.notCheckable(reason: reason)) : $0 }
    }
}
