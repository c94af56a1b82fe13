// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus

/// What is wrong with a history, or missing from one: for `anti-slashing verify` and `anti-slashing copy`.
package struct HistoryFinding: Sendable, Codable, Equatable, CustomStringConvertible {
    /// Nil where it is about the whole.
    package let publicKey: String?
    package let problem: String

    package init(publicKey: String?, problem: String) {
        self.publicKey = publicKey
        self.problem = problem
    }

    package var description: String { publicKey.map { "\($0)  \(problem)" } ?? problem }
}

extension Interchange {
    /// Pairs of entries that would be slashable if both were signed, and entries that nobody can have signed validly. An
    /// empty list means that the history contradicts nothing in itself.
    package func contradictions() -> [HistoryFinding] {
        validators.flatMap { validator in
            (validator.doubleBlocks + validator.doubleVotes + validator.surrounds).map {
                HistoryFinding(publicKey: validator.publicKey.description, problem: $0)
            }
        } + unreadable.map { HistoryFinding(publicKey: $0.publicKey, problem: "data[\($0.position)]: \($0.reason)") }
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
    /// Two different blocks at one slot. Without a root nobody knows whether they differ.
    fileprivate var doubleBlocks: [String] {
        Dictionary(grouping: blocks, by: \.slot).filter { Set($0.value.map(\.root)).count > 1 }.keys.sorted()
            .map { "two different blocks at slot \($0)" }
    }

    fileprivate var doubleVotes: [String] {
        let doubled = Dictionary(grouping: attestations, by: \.target).filter { Set($0.value).count > 1 }.keys.sorted()
            .map { "two different attestations for target epoch \($0)" }
        let reversed = attestations.filter { $0.source > $0.target }
            .map { "an attestation with source \($0.source) later than its target \($0.target)" }
        return doubled + reversed
    }

    /// One for each attestation that surrounds an earlier one: of those with a lower target the one with the highest source
    /// shows it.
    fileprivate var surrounds: [String] {
        var found: [String] = []
        var highest: RecordedAttestation?
        var sameTarget: [RecordedAttestation] = []
        for attestation in attestations.sorted(by: { ($0.target, $0.source) < ($1.target, $1.source) }) {
            if let last = sameTarget.last, last.target < attestation.target {
                highest = (sameTarget + [highest].compactMap(\.self)).max { $0.source < $1.source }
                sameTarget = []
            }
            sameTarget.append(attestation)
            guard let highest, highest.source > attestation.source else { continue }
            found.append(
                "the attestation \(attestation.source) to \(attestation.target) surrounds "
                    + "\(highest.source) to \(highest.target)"
            )
        }
        return found
    }
}
