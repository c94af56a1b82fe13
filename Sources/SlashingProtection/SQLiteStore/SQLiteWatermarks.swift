// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Raises the low watermarks of all validators, those without a row first, then one a step: Web3Signer's `watermark-repair`. Upward only.
struct WatermarkJob: AdministrativeJob {
    let slot: Slot?
    let epoch: Epoch?
    private var remaining: [PublicKey]?
    private var raised = 0

    init(slot: Slot?, epoch: Epoch?) {
        self.slot = slot
        self.epoch = epoch
    }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard var keys = remaining else {
            remaining = try start(&writer)
            return nil
        }
        guard let key = keys.popLast() else { return .raised(validators: raised) }
        remaining = keys
        let slot = slot
        let epoch = epoch
        let changed = try writer.administrativeTransaction { record throws(SQLiteError) in
            try record.raise(key, slot: slot, epoch: epoch)
        }
        if changed { raised += 1 }
        return nil
    }

    /// Refuses before anything changes, where the new marks contradict the high watermark.
    private func start(_ writer: inout SQLiteWriter) throws(StoreError) -> [PublicKey] {
        guard max(slot?.value ?? 0, epoch?.value ?? 0) <= UInt64(Int64.max) else {
            throw .refused(reason: "a low watermark must be below 2^63")
        }
        let high = try writer.administrativeTransaction { record throws(SQLiteError) in try record.highWatermark() }
        if let high, let slot, slot > high.slot {
            throw .refused(reason: "slot \(slot) is above the high watermark \(high.slot)")
        }
        if let high, let epoch, epoch > high.epoch {
            throw .refused(reason: "epoch \(epoch) is above the high watermark \(high.epoch)")
        }
        let raised = Watermarks(slot: slot, source: epoch, target: epoch)
        return try writer.administrativeTransaction { record throws(SQLiteError) in
            try record.statements.setFloor(record.statements.floor().raised(to: raised))
            return try record.allValidators().reversed()
        }
    }
}

extension SQLiteRecord {
    /// True where something rose.
    fileprivate mutating func raise(_ key: PublicKey, slot: Slot?, epoch: Epoch?) throws(SQLiteError) -> Bool {
        let state = try validator(for: key)
        let marks = state.watermarks.raised(to: Watermarks(slot: slot, source: epoch, target: epoch))
        guard marks != state.watermarks else { return false }
        try statements.write(marks, validator: state.id)
        forget(key)
        return true
    }
}
