// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// Gives all histories, or those of some validators.
    func give(only: Set<RecordIdentity>?) async throws(StoreError) -> Interchange {
        let all = try await validators().keys.sorted()
        var given: [ValidatorRecord] = []
        for key in all where only?.contains(RecordIdentity(key)) ?? true { given.append(try await history(of: key)) }
        return Interchange(genesisValidatorsRoot: settings.genesisValidatorsRoot, validators: given)
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
