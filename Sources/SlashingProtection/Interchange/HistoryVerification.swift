// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus

extension Interchange {
    /// Pairs of entries that would be slashable if both were signed, and entries that nobody can have signed validly;
    /// elements for the same key count as one history. An empty list means that nothing here contradicts anything else.
    package func contradictions() -> [HistoryFinding] {
        var order: [PublicKey] = []
        var whole: [PublicKey: ValidatorRecord] = [:]
        for validator in validators {
            guard whole[validator.publicKey] != nil else {
                order.append(validator.publicKey)
                whole[validator.publicKey] = validator
                continue
            }
            whole[validator.publicKey]?.blocks += validator.blocks
            whole[validator.publicKey]?.attestations += validator.attestations
        }
        return order.compactMap { whole[$0] }.flatMap { validator in
            validator.contradictions.map { HistoryFinding(publicKey: validator.publicKey.description, problem: $0) }
        } + unreadable.map(\.finding)
    }

    /// Entries of `self` after which `record` would still let something be signed that contradicts them. An entry is
    /// covered by the same entry, by one at its place that nobody knows the root of, and by a low watermark above it.
    package func uncovered(by record: Interchange) -> [HistoryFinding] {
        guard genesisValidatorsRoot == record.genesisValidatorsRoot else {
            let problem =
                "one belongs to the network \(genesisValidatorsRoot), the other to \(record.genesisValidatorsRoot)"
            return [HistoryFinding(publicKey: nil, problem: problem)]
        }
        var histories: [PublicKey: Coverage] = [:]
        for validator in record.validators { histories[validator.publicKey] = Coverage(validator) }
        return validators.flatMap { validator -> [HistoryFinding] in
            let coverage = histories[validator.publicKey] ?? Coverage(nil)
            let missing =
                validator.blocks.filter { !coverage.covers($0) }.map { "the block of slot \($0.slot)" }
                + validator.attestations.filter { !coverage.covers($0) }
                .map { "the attestation \($0.source) to \($0.target)" }
            guard let first = missing.first else { return [] }
            let others = missing.count > 1 ? " and \(missing.count - 1) more entries are" : " is"
            return [HistoryFinding(publicKey: validator.publicKey.description, problem: "\(first)\(others) not there")]
        }
    }
}

extension UnreadableElement {
    /// The same for `anti-slashing verify`.
    package var finding: HistoryFinding {
        HistoryFinding(publicKey: publicKey, problem: "data[\(position)]: \(reason)")
    }
}

/// What a record in the form of an export covers for one validator: it begins at the low watermarks.
private struct Coverage {
    private var blocks: [Slot: RecordedBlock] = [:]
    private var attestations: [Epoch: RecordedAttestation] = [:]
    private let lowestSlot: Slot?
    private let lowestTarget: Epoch?

    init(_ history: ValidatorRecord?) {
        for block in history?.blocks ?? [] { blocks[block.slot] = block }
        for attestation in history?.attestations ?? [] { attestations[attestation.target] = attestation }
        lowestSlot = history?.blocks.map(\.slot).min()
        lowestTarget = history?.attestations.map(\.target).min()
    }

    func covers(_ block: RecordedBlock) -> Bool {
        if let lowestSlot, block.slot < lowestSlot { return true }
        guard let there = blocks[block.slot] else { return false }
        return there.root == nil || there.root == block.root
    }

    /// Below the lowest target nothing is signed any more; the entry there carries the highest source of what is below.
    func covers(_ attestation: RecordedAttestation) -> Bool {
        if let lowestTarget, attestation.target < lowestTarget {
            return attestations[lowestTarget].map { $0.source >= attestation.source } ?? false
        }
        guard let there = attestations[attestation.target], there.source >= attestation.source else { return false }
        return there.root == nil || there.root == attestation.root && there.source == attestation.source
    }
}

extension ValidatorRecord {
    /// Slashable pairs, and votes that no client accepts.
    var contradictions: [String] {
        firstFew(doubleBlocks) + firstFew(doubleVotes) + firstFew(reversedVotes) + firstFew(surrounds)
    }

    /// Two different blocks at one slot. Without a root nobody knows whether they differ.
    private var doubleBlocks: [String] {
        let sorted = blocks.isSorted { $0.slot <= $1.slot } ? blocks : blocks.sorted { $0.slot < $1.slot }
        return sorted.runs { $0.slot == $1.slot }.filter { Set($0.map(\.root)).count > 1 }.compactMap { run in
            run.first.map { first in
                let isUnknown = run.contains { $0.root == nil }
                return "two different blocks at slot \(first.slot)" + (isUnknown ? ", one of unknown root" : "")
            }
        }
    }

    private var doubleVotes: [String] {
        sortedVotes.runs { $0.target == $1.target }.filter { Set($0).count > 1 }.compactMap { run in
            run.first.map { first in
                let isUnknown = run.contains { $0.root == nil }
                return "two different attestations for target epoch \(first.target)"
                    + (isUnknown ? ", one of unknown root" : "")
            }
        }
    }

    private var reversedVotes: [String] {
        attestations.filter { $0.source > $0.target }
            .map { "an attestation with source \($0.source) later than its target \($0.target)" }
    }

    private var sortedVotes: [RecordedAttestation] {
        func isBefore(_ left: RecordedAttestation, _ right: RecordedAttestation) -> Bool {
            (left.target, left.source) < (right.target, right.source)
        }
        return attestations.isSorted { !isBefore($1, $0) } ? attestations : attestations.sorted(by: isBefore)
    }

    /// One for each attestation that surrounds an earlier one: of those with a lower target the one with the highest source
    /// shows it.
    private var surrounds: [String] {
        var found: [String] = []
        var highest: RecordedAttestation?
        for run in sortedVotes.runs({ $0.target == $1.target }) {
            for attestation in run {
                guard let highest, highest.source > attestation.source else { continue }
                found.append(
                    "the attestation \(attestation.source) to \(attestation.target) surrounds "
                        + "\(highest.source) to \(highest.target)"
                )
            }
            // The last of a run has its highest source.
            guard let last = run.last, last.source >= highest?.source ?? last.source else { continue }
            highest = last
        }
        return found
    }
}

extension Array {
    fileprivate func isSorted(_ isInOrder: (Element, Element) -> Bool) -> Bool {
        for place in indices.dropFirst() where !isInOrder(self[place - 1], self[place]) { return false }
        return true
    }

    /// Neighbours that belong together, as slices; runs of one are nearly all there is.
    fileprivate func runs(_ belong: (Element, Element) -> Bool) -> [ArraySlice<Element>] {
        var runs: [ArraySlice<Element>] = []
        runs.reserveCapacity(count)
        var start = 0
        for place in indices {
            let isLast = place + 1 == count
            guard isLast || !belong(self[place], self[place + 1]) else { continue }
            runs.append(self[start...place])
            start = place + 1
        }
        return runs
    }
}
