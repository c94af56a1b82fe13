// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Gives histories, one validator a step.
struct ExportJob: AdministrativeJob {
    private let only: Set<RecordIdentity>?
    private var remaining: [PublicKey]?
    private var validators: [ValidatorRecord] = []

    init(only: Set<RecordIdentity>?) { self.only = only }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard var keys = remaining else {
            let all = try writer.administrativeTransaction { record throws(SQLiteError) in try record.allValidators() }
            remaining = all.reversed().filter { only?.contains(RecordIdentity($0)) ?? true }
            return nil
        }
        guard let key = keys.popLast() else {
            return .given(
                Interchange(genesisValidatorsRoot: writer.settings.genesisValidatorsRoot, validators: validators)
            )
        }
        remaining = keys
        validators.append(
            try writer.administrativeTransaction { record throws(SQLiteError) in try record.history(of: key) }
        )
        return nil
    }
}

extension SQLiteRecord {
    /// Everything from the low watermarks on. Where a watermark stands without a record it is carried as an entry
    /// without a root, so that who imports the file refuses there too.
    mutating func history(of key: PublicKey) throws(SQLiteError) -> ValidatorRecord {
        let state = try validator(for: key)
        let low = state.watermarks
        var blocks = try statements.blocks(validator: state.id, from: low.slot ?? 0)
        if let slot = low.slot, blocks.first?.slot != slot {
            blocks.insert(RecordedBlock(slot: slot, root: nil), at: 0)
        }
        var attestations = try statements.attestations(validator: state.id, from: low.target ?? 0)
        if let source = low.source, let target = low.target {
            // One entry at the watermark's target stands for all below it: whatever would surround one of those
            // surrounds it too. A vote there with a lower source says less, one with a higher source more.
            let older = try statements.highestSource(validator: state.id, below: target) ?? source
            let floor = max(source, older)
            if attestations.first?.target != target {
                attestations.insert(RecordedAttestation(source: floor, target: target, root: nil), at: 0)
            } else if attestations[0].source < floor {
                attestations[0] = RecordedAttestation(source: floor, target: target, root: nil)
            }
        }
        return ValidatorRecord(publicKey: key, blocks: blocks, attestations: attestations)
    }
}
