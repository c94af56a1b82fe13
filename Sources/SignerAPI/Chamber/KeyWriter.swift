// SPDX-License-Identifier: Apache-2.0
internal import SealedKeys
internal import Sealing

/// Makes what comes in the place of a row, above every version that the chamber knows of.
struct KeyWriter {
    let sealer: KeyRowSealer
    let withdrawn: WithdrawnVersions
    /// Seconds since 1970.
    let time: UInt64

    /// Whether the key was withdrawn after this row was written: somebody put it back, or its withdrawal was cut off.
    func isPutBack(_ row: SealedKeyRow) -> Bool { withdrawn.isWithdrawn(row.publicKey, at: row.version) }

    func successor(of row: SealedKeyRow, status: SealedKeyStatus) throws(KeyRowFault) -> SealedKeyRow {
        try sealer.successor(of: row, status: status, at: time, version: version(after: row))
    }

    /// Also of a row that the chamber did not write. What version the right one had nobody knows then; that of a row whose
    /// place was taken is below the time.
    func tombstone(of row: SealedKeyRow) throws(KeyRowFault) -> SealedKeyTombstone {
        var version = row.version
        do throws(KeyRowFault) { try sealer.verify(.standing(row)) } catch { version = max(version, time) }
        return try sealer.tombstone(
            of: row,
            at: time,
            version: withdrawn.next(of: row.publicKey, after: version)
        )
    }

    private func version(after row: SealedKeyRow) -> UInt64 { withdrawn.next(of: row.publicKey, after: row.version) }

    /// Why a row that was put back is not made good by being switched on.
    func refusal(of row: SealedKeyRow) -> String {
        "\(KeyRowFault.replayed): it has version \(row.version), but the key was deactivated or deleted since, and of that version \(withdrawn.lowest(of: row.publicKey)) and later ones count; find out why it is there again, and where the key may sign, deactivate it first and then activate it"
    }
}
