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
    /// Everything from the low watermarks on.
    mutating func history(of key: PublicKey) throws(SQLiteError) -> ValidatorRecord {
        let state = try validator(for: key)
        let low = state.watermarks
        let older: Epoch? =
            if let target = low.target { try statements.highestSource(validator: state.id, below: target) } else { nil }
        return ValidatorRecord(
            publicKey: key,
            blocks: try statements.blocks(validator: state.id, from: low.slot ?? 0),
            attestations: try statements.attestations(validator: state.id, from: low.target ?? 0)
        ).withMarks(low, highestOlderSource: older)
    }
}
