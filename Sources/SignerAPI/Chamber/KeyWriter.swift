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

    func activated(_ row: SealedKeyRow) throws(KeyRowFault) -> SealedKeyRow {
        let version = withdrawn.next(of: row.publicKey, after: row.version)
        return try sealer.successor(of: row, status: .active, at: time, version: version)
    }

    func deactivated(_ row: SealedKeyRow) throws(KeyRowFault) -> SealedKeyRow {
        try sealer.successor(of: row, status: .inactive, at: time, version: end(of: row))
    }

    /// Also of a row that the chamber did not write.
    func tombstone(of row: SealedKeyRow) throws(KeyRowFault) -> SealedKeyTombstone {
        try sealer.tombstone(of: row, at: time, version: end(of: row))
    }

    /// The version with which a key ends. The row that stands there may be an older one that somebody has put back, and they may
    /// have kept a later one. A key begins with 1 or the time, and its end is in the list; since then its rows have
    /// counted in single steps, one for each activation and each rotation of the master key.
    private func end(of row: SealedKeyRow) -> UInt64 {
        max(withdrawn.next(of: row.publicKey, after: row.version), time) + Self.margin
    }

    /// More than there are single steps between two ends.
    private static let margin: UInt64 = 1 << 16

    /// Why a row that was put back is not made good by being switched on.
    func refusal(of row: SealedKeyRow) -> String {
        "\(KeyRowFault.replayed): it has version \(row.version), but the key was deactivated or deleted since, and of that version \(withdrawn.lowest(of: row.publicKey)) and later ones count; find out why it is there again, and where the key may sign, deactivate it first and then activate it"
    }
}
