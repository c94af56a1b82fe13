// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Foundation
import SlashingProtection
import TestSupport

// Small words that make a case one line.

/// The network of most tests.
let network = Root(Bytes())
let otherNetwork: Root = {
    var bytes = Bytes<32>()
    bytes[31] = 1
    return Root(bytes)
}()

/// A signing root that is recognised by a number.
func root(_ number: Int) -> SigningRoot {
    var bytes = Bytes<32>()
    for position in 0..<8 { bytes[31 - position] = UInt8(truncatingIfNeeded: number >> (8 * position)) }
    return SigningRoot(bytes)
}

/// A validator that is recognised by a number.
func validator(_ number: Int) -> RecordIdentity {
    var bytes = Bytes<48>()
    bytes[0] = 0xa0
    for position in 0..<8 { bytes[47 - position] = UInt8(truncatingIfNeeded: number >> (8 * position)) }
    return RecordIdentity(PublicKey(bytes))
}

extension DutyBatch {
    static func block(
        _ slot: UInt64,
        root number: Int = 0,
        by records: [RecordIdentity] = [validator(0)],
        on root: Root = network
    ) -> DutyBatch {
        DutyBatch(
            duty: .block(slot: Slot(slot)),
            signingRoot: SlashingProtectionTests.root(number),
            genesisValidatorsRoot: root,
            records: records
        )
    }

    static func attestation(
        _ source: UInt64,
        _ target: UInt64,
        root number: Int = 0,
        by records: [RecordIdentity] = [validator(0)],
        on root: Root = network
    ) -> DutyBatch {
        DutyBatch(
            duty: .attestation(source: Epoch(source), target: Epoch(target)),
            signingRoot: SlashingProtectionTests.root(number),
            genesisValidatorsRoot: root,
            records: records
        )
    }
}

extension RecordedBlock {
    init(_ slot: UInt64, root number: Int? = nil) {
        self.init(slot: Slot(slot), root: number.map { SlashingProtectionTests.root($0) })
    }
}

extension RecordedAttestation {
    init(_ source: UInt64, _ target: UInt64, root number: Int? = nil) {
        self.init(
            source: Epoch(source),
            target: Epoch(target),
            root: number.map { SlashingProtectionTests.root($0) }
        )
    }
}

extension Interchange {
    init(
        of record: RecordIdentity = validator(0),
        blocks: [RecordedBlock] = [],
        attestations: [RecordedAttestation] = []
    ) {
        self.init(
            genesisValidatorsRoot: network,
            validators: [ValidatorRecord(publicKey: record.publicKey, blocks: blocks, attestations: attestations)]
        )
    }
}

extension RecordStore {
    /// The verdict for a batch of one record.
    func decideOne(_ batch: DutyBatch) async -> Verdict { await decide(batch)[0] }

    @discardableResult
    func take(_ interchange: Interchange, dryRun: Bool = false) async throws -> ImportReport {
        guard case .taken(let report) = try await administer(.take(interchange, dryRun: dryRun)) else {
            throw UnexpectedAnswer()
        }
        return report
    }

    func give(only: Set<RecordIdentity>? = nil) async throws -> Interchange {
        guard case .given(let interchange) = try await administer(.give(only: only)) else { throw UnexpectedAnswer() }
        return interchange
    }

    @discardableResult
    func prune(keepEpochs: UInt64) async throws -> PruningReport {
        guard case .pruned(let report) = try await administer(.prune(keepEpochs: keepEpochs)) else {
            throw UnexpectedAnswer()
        }
        return report
    }

    @discardableResult
    func raise(slot: UInt64? = nil, epoch: UInt64? = nil) async throws -> Int {
        let task = AdministrativeTask.raiseLowWatermarks(slot: slot.map { Slot($0) }, epoch: epoch.map { Epoch($0) })
        guard case .raised(let count) = try await administer(task) else { throw UnexpectedAnswer() }
        return count
    }

    func setHighWatermark(slot: UInt64, epoch: UInt64) async throws {
        _ = try await administer(.setHighWatermark(HighWatermark(slot: Slot(slot), epoch: Epoch(epoch))))
    }

    func status() async throws -> RecordStatus {
        guard case .status(let status) = try await administer(.status) else { throw UnexpectedAnswer() }
        return status
    }
}

struct UnexpectedAnswer: Error {}

extension SQLiteStore.Settings {
    init(in folder: TemporaryFolder, _ name: String = "record.sqlite", createIfMissing: Bool = true) {
        self.init(
            path: folder.file(name),
            genesisValidatorsRoot: network,
            createIfMissing: createIfMissing,
            retryInterval: .milliseconds(2)
        )
    }
}

/// Opens a record on a temporary file, lets `body` use it, and closes it.
@discardableResult
func withStore<Result>(
    _ change: (inout SQLiteStore.Settings) -> Void = { _ in },
    _ body: (SQLiteStore) async throws -> Result
) async throws -> Result {
    let folder = try TemporaryFolder()
    var settings = SQLiteStore.Settings(in: folder)
    change(&settings)
    let store = try SQLiteStore(settings)
    do {
        let result = try await body(store)
        await store.close()
        return result
    } catch {
        await store.close()
        throw error
    }
}

/// What a fresh record knows after taking the whole export of `store`, by way of the JSON text.
@discardableResult
func withCopy<Result>(
    of store: some RecordStore,
    on root: Root = network,
    _ body: (SQLiteStore) async throws -> Result
) async throws -> Result {
    let exported = try await store.give()
    return try await withStore {
        $0.genesisValidatorsRoot = root
    } _: { copy async throws in
        try await copy.take(try Interchange(json: exported.json()))
        return try await body(copy)
    }
}
