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

        package init(
            database: DynamoDB,
            table: String,
            genesisValidatorsRoot: Root,
            slotsPerEpoch: UInt64 = 32,
            latestEpoch: @escaping @Sendable () -> Epoch? = { nil },
            createIfMissing: Bool = false,
            retryInterval: Duration = .seconds(1)
        ) {
            self.database = database
            self.table = table
            self.genesisValidatorsRoot = genesisValidatorsRoot
            self.slotsPerEpoch = slotsPerEpoch
            self.latestEpoch = latestEpoch
            self.createIfMissing = createIfMissing
            self.retryInterval = retryInterval
        }
    }

    /// Validators of one batch whose transactions run at once.
    private static let transactionsAtOnce = 64

    let record: DynamoDBRecord
    private let state = Lock(StoreState())

    struct StoreState: Sendable {
        var health = StoreHealth.ready
        var isClosed = false
        var isProbing = false
    }

    private init(_ record: DynamoDBRecord) { self.record = record }

    /// Opens an existing record, or makes it where `createIfMissing` says so.
    package static func open(_ settings: Settings) async throws(StoreError) -> DynamoDBStore {
        let record = DynamoDBRecord(settings: settings)
        if try await !record.isThere() {
            guard settings.createIfMissing else { throw .missing(path: record.place) }
            try await record.create()
        }
        try await record.verify()
        return DynamoDBStore(record)
    }

    /// Makes a new record, pinned to a network; refuses where one is already there.
    package static func initialize(_ settings: Settings) async throws(StoreError) {
        let record = DynamoDBRecord(settings: settings)
        guard try await !record.isThere() else { throw .alreadyExists(path: record.place) }
        try await record.create()
    }

    package var health: StoreHealth { state.withLock { $0.health } }

    package func decide(_ batch: DutyBatch) async -> [Verdict] {
        if state.withLock({ $0.isClosed }) { return batch.refused("the slashing record is closed") }
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
        do throws(DynamoDBError) {
            let verdict = try await record.decide(batch, identity.publicKey)
            state.withLock { $0.health = .ready }
            return verdict
        } catch {
            let reason = "\(record.place): \(error)"
            if error.concernsWholeTable { suspend(reason) }
            return .refused(.notCheckable(reason: reason))
        }
    }

    /// Says that signing is not protected now, and looks by itself until it is again: a signer that reports itself down
    /// may get no requests that would show it.
    private func suspend(_ reason: String) {
        let mustProbe = state.withLock { state in
            state.health = .suspended(reason: reason)
            defer { state.isProbing = true }
            return !state.isProbing && !state.isClosed
        }
        guard mustProbe else { return }
        Task { [record, state] in
            while !state.withLock({ $0.isClosed || $0.health == .ready }) {
                try? await Task.sleep(for: record.settings.retryInterval)
                guard (try? await record.verify()) != nil else { continue }
                state.withLock { $0.health = .ready }
            }
            state.withLock { $0.isProbing = false }
        }
    }

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
        case .prune(let keepEpochs): return .pruned(try await record.prune(keepEpochs: keepEpochs))
        case .status: return .status(try await record.status(health))
        case .raiseLowWatermarks(let slot, let epoch):
            return .raised(validators: try await record.raise(slot: slot, epoch: epoch))
        case .setHighWatermark(let mark): return .watermark(try await record.setHighWatermark(mark))
        case .highWatermark: return .watermark(try await record.header().highWatermark)
        }
    }

    package func close() async { state.withLock { $0.isClosed = true } }
}

extension DynamoDBError {
    /// Whether other validators would meet it too.
    fileprivate var concernsWholeTable: Bool {
        switch self {
        case .conditionFailed, .canceled, .malformed, .aws(.throttled): false
        case .tableMissing, .tableExists, .aws: true
        }
    }
}
