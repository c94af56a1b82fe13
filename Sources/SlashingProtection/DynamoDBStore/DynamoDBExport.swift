// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// Lists whose histories there are: one look at the whole table.
    func outline() async throws(StoreError) -> RecordOutline {
        let keys = try await validators().keys.sorted()
        return RecordOutline(
            genesisValidatorsRoot: settings.genesisValidatorsRoot,
            validators: keys.map { RecordIdentity($0) }
        )
    }

    /// Gives the histories of some validators.
    func give(_ validators: [RecordIdentity]) async throws(StoreError) -> Interchange {
        let given = try await atOnce(known(validators)) { key async throws(StoreError) in try await history(of: key) }
        return Interchange(genesisValidatorsRoot: settings.genesisValidatorsRoot, validators: given)
    }

    /// Holds the entries of some validators against each other and against their marks.
    func verify(_ validators: [RecordIdentity]) async throws(StoreError) -> VerificationReport {
        let header = try await header()
        var report = VerificationReport()
        let found = try await atOnce(known(validators)) { key async throws(StoreError) in
            let (blocks, attestations) = try await entries(of: key)
            // Read after the entries, as for an export.
            let marks = try await marks(of: key)
            let stored = StoredHistory(
                entries: ValidatorRecord(publicKey: key, blocks: blocks, attestations: attestations),
                low: marks.low,
                newcomers: header.floor,
                highest: marks.highest,
                isImporting: marks.isImporting
            )
            return (stored, marks.highWatermark)
        }
        for (stored, highWatermark) in found { report.append(stored, highWatermark: highWatermark) }
        return report
    }

    /// Those that the record knows; asking for the marks of another would enter it.
    func known(_ validators: [RecordIdentity]) async throws(StoreError) -> [PublicKey] {
        var known: [PublicKey] = []
        for start in stride(from: 0, to: validators.count, by: DynamoDB.largestReadTransaction) {
            let part = validators[start..<min(start + DynamoDB.largestReadTransaction, validators.count)]
            // A transaction may name an item once.
            let keys = Array(Set(part.map(\.publicKey)))
            let reads = keys.map { TransactionRead(table: table, key: DynamoDBLayout.marksKey($0)) }
            let found = try await attempt { () throws(DynamoDBError) in try await database.transactGet(reads) }
            let there = Set(zip(keys, found).filter { $0.1 != nil }.map(\.0))
            known += part.map(\.publicKey).filter { there.contains($0) }
        }
        return known
    }

    /// Everything from the low watermarks on. What the marks say and no entry stands for is carried as an entry without a
    /// root, so that who imports the file refuses there too.
    private func history(of key: PublicKey) async throws(StoreError) -> ValidatorRecord {
        let (blocks, attestations) = try await entries(of: key)
        // Read after the entries: marks only rise, so they cover what was found.
        let marks = try await marks(of: key)
        guard !marks.isImporting else {
            // Some history is missing in between. Only the marks are certain.
            return ValidatorRecord(
                publicKey: key,
                blocks: marks.highest.slot.map { [RecordedBlock(slot: $0, root: nil)] } ?? [],
                attestations: marks.highest.vote.map { [$0] } ?? []
            )
        }
        return ValidatorRecord(
            publicKey: key,
            blocks: Self.blocks(blocks.map { marks.isCertain($0) ? $0 : $0.withoutRoot }, marks),
            attestations: Self.attestations(attestations.map { marks.isCertain($0) ? $0 : $0.withoutRoot }, marks)
        )
    }

    private static func blocks(_ all: [RecordedBlock], _ marks: ValidatorMarks) -> [RecordedBlock] {
        var blocks = all.filter { $0.slot >= marks.low.slot ?? 0 }
        if let low = marks.low.slot, blocks.first?.slot != low {
            blocks.insert(RecordedBlock(slot: low, root: nil), at: 0)
        }
        if let highest = marks.highest.slot, blocks.last.map({ $0.slot < highest }) ?? true {
            blocks.append(RecordedBlock(slot: highest, root: nil))
        }
        return blocks
    }

    private static func attestations(
        _ all: [RecordedAttestation],
        _ marks: ValidatorMarks
    ) -> [RecordedAttestation] {
        var kept = all.filter { $0.target >= marks.low.target ?? 0 }
        if let low = marks.low.vote {
            // One entry at the low watermark stands for all below it: what would surround one of those surrounds it too.
            let older = all.filter { $0.target < low.target }.map(\.source).max() ?? low.source
            let floor = RecordedAttestation(source: max(low.source, older), target: low.target, root: nil)
            if kept.first?.target != low.target {
                kept.insert(floor, at: 0)
            } else if kept[0].source < floor.source {
                kept[0] = floor
            }
        }
        if let highest = marks.highest.vote, kept.last.map({ $0.target < highest.target }) ?? true {
            kept.append(highest)
        }
        return kept
    }

    /// The entries of a validator, in the order of slots and targets.
    func entries(of key: PublicKey) async throws(StoreError) -> ([RecordedBlock], [RecordedAttestation]) {
        var (blocks, attestations): ([RecordedBlock], [RecordedAttestation]) = ([], [])
        let own = Expression("record_key = :key", values: [":key": .string(key.description)])
        var next: Item?
        repeat {
            let page = try await attempt { () throws(DynamoDBError) in
                try await database.query(table: table, where: own, from: next)
            }
            for item in page.items where item["entry_key"]?.string != "marks" {
                if let block = RecordedBlock(item) {
                    blocks.append(block)
                } else if let attestation = RecordedAttestation(item) {
                    attestations.append(attestation)
                } else {
                    throw .storage(reason: "\(place) holds an entry that is not that of a slashing record")
                }
            }
            next = page.next
        } while next != nil
        return (blocks, attestations)
    }
}

extension Watermarks {
    /// Source and target as an attestation that nobody knows the root of.
    fileprivate var vote: RecordedAttestation? {
        guard let source, let target else { return nil }
        return RecordedAttestation(source: source, target: target, root: nil)
    }
}
