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

    /// All histories, or those of some.
    func give(only: [RecordIdentity]? = nil) async throws -> Interchange {
        var keys = only
        if keys == nil { keys = try await outline().validators }
        guard case .given(let interchange) = try await administer(.give(keys ?? [])) else { throw UnexpectedAnswer() }
        return interchange
    }

    func outline() async throws -> RecordOutline {
        guard case .outline(let outline) = try await administer(.outline) else { throw UnexpectedAnswer() }
        return outline
    }

    func verify() async throws -> VerificationReport {
        guard case .verified(let report) = try await administer(.verify(try await outline().validators)) else {
            throw UnexpectedAnswer()
        }
        return report
    }

    @discardableResult
    func prune(keepEpochs: UInt64) async throws -> PruningReport {
        let everybody = try await outline().validators
        guard case .pruned(let report) = try await administer(.prune(everybody, keepEpochs: keepEpochs)) else {
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

    func count() async throws -> RecordCount {
        guard case .counted(let count) = try await administer(.count(try await outline().validators)) else {
            throw UnexpectedAnswer()
        }
        return count
    }

    func disable(_ keys: [RecordIdentity], by instance: FloorInstance? = nil) async throws -> EnablingReport {
        guard case .changed(let report) = try await administer(.disable(keys, by: instance)) else {
            throw UnexpectedAnswer()
        }
        return report
    }

    func enable(_ keys: [RecordIdentity], _ ground: EnablingGround) async throws -> EnablingReport {
        guard case .changed(let report) = try await administer(.enable(keys, ground)) else { throw UnexpectedAnswer() }
        return report
    }

    func disabled(among keys: [RecordIdentity]? = nil) async throws -> [DisabledValidator] {
        guard case .disabled(let disabled) = try await administer(.disabled(among: keys)) else {
            throw UnexpectedAnswer()
        }
        return disabled
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
