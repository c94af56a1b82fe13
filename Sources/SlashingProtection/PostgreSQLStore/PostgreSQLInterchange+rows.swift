// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import PostgreSQL

// Rows of many validators in one result, each with the validator's id in front.

extension ResultTable {
    /// Rows of id, key and a flag.
    func validators() -> [(id: Int32, key: PublicKey, flag: Bool)] {
        (0..<rowCount).compactMap { row in
            // Another signer may have put something here that is no key; nothing is ever signed for it.
            guard let id = int32(row, 0), let key = bytes(row, 1).flatMap({ Bytes<48>($0) }) else { return nil }
            return (id, PublicKey(key), bool(row, 2) ?? false)
        }
    }

    /// Rows of id, slot, source and target.
    func watermarks() throws(PostgreSQLError) -> [Int32: Watermarks] {
        var found: [Int32: Watermarks] = [:]
        for row in 0..<rowCount {
            guard let id = int32(row, 0) else { continue }
            found[id] = Watermarks(
                slot: try unsigned(row, 1).map { Slot($0) },
                source: try unsigned(row, 2).map { Epoch($0) },
                target: try unsigned(row, 3).map { Epoch($0) }
            )
        }
        return found
    }

    /// Rows of id, slot and root.
    func blocks() throws(PostgreSQLError) -> [Int32: [RecordedBlock]] {
        var found: [Int32: [RecordedBlock]] = [:]
        for row in 0..<rowCount {
            guard let id = int32(row, 0), let slot = try unsigned(row, 1) else { continue }
            found[id, default: []].append(RecordedBlock(slot: Slot(slot), root: root(row, 2)))
        }
        return found
    }

    /// Rows of id, source, target and root.
    func attestations() throws(PostgreSQLError) -> [Int32: [RecordedAttestation]] {
        var found: [Int32: [RecordedAttestation]] = [:]
        for row in 0..<rowCount {
            guard let id = int32(row, 0), let source = try unsigned(row, 1), let target = try unsigned(row, 2) else {
                continue
            }
            found[id, default: []].append(
                RecordedAttestation(source: Epoch(source), target: Epoch(target), root: root(row, 3))
            )
        }
        return found
    }

    private func root(_ row: Int, _ column: Int) -> SigningRoot? {
        bytes(row, column).flatMap { Bytes<32>($0) }.map { SigningRoot($0) }
    }
}
