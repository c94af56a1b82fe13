// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Consensus

/// The content of an EIP-3076 interchange file, version 5.
package struct Interchange: Sendable {
    /// The only version that is read or written.
    package static let version = "5"

    package let genesisValidatorsRoot: Root
    /// In the order of the file; a key can come more than once.
    package var validators: [ValidatorRecord]
    /// Elements that could not be read, by their position in `data`: refused one by one, the others are taken.
    package var unreadable: [UnreadableElement]

    package init(
        genesisValidatorsRoot: Root,
        validators: [ValidatorRecord],
        unreadable: [UnreadableElement] = []
    ) {
        self.genesisValidatorsRoot = genesisValidatorsRoot
        self.validators = validators
        self.unreadable = unreadable
    }
}

extension Interchange {
    /// Refuses histories of another network, before anything of them is taken.
    func refuse(unlessFor root: Root) throws(StoreError) {
        guard genesisValidatorsRoot != root else { return }
        throw .interchange(
            reason: "the file belongs to the network with genesis validators root \(genesisValidatorsRoot), "
                + "this record to \(root); nothing was imported"
        )
    }

    /// Blocks and attestations that are worked on in one transaction. Signing waits that long: some ten milliseconds
    /// for SQLite, a tenth of a second for the same validators of a PostgreSQL record.
    static let entriesAtOnce = 8_192

    /// The validators from `start` on that are taken in one transaction: at least one.
    func part(from start: Int) -> ArraySlice<ValidatorRecord> {
        var end = start
        var entries = 0
        while end < validators.count, end == start || entries + validators[end].entries <= Self.entriesAtOnce {
            entries += validators[end].entries
            end += 1
        }
        return validators[start..<end]
    }
}

/// The history of one validator as a file carries it.
package struct ValidatorRecord: Sendable {
    package let publicKey: PublicKey
    package var blocks: [RecordedBlock]
    package var attestations: [RecordedAttestation]
    package init(publicKey: PublicKey, blocks: [RecordedBlock], attestations: [RecordedAttestation]) {
        self.publicKey = publicKey
        self.blocks = blocks
        self.attestations = attestations
    }

    var entries: Int { blocks.count + attestations.count }
}

extension ValidatorRecord {
    /// A history from the low watermarks on, for a file. Where a watermark stands without a record it is carried as an
    /// entry without a root, so that who imports the file refuses there too.
    ///
    /// - Parameter highestOlderSource: the highest source of an attestation below the watermark's target.
    func withMarks(_ low: Watermarks, highestOlderSource: Epoch?) -> ValidatorRecord {
        var whole = self
        if let slot = low.slot, blocks.first?.slot != slot {
            whole.blocks.insert(RecordedBlock(slot: slot, root: nil), at: 0)
        }
        if let source = low.source, let target = low.target {
            // One entry at the watermark's target stands for all below it: whatever would surround one of those
            // surrounds it too. A vote there with a lower source says less, one with a higher source more.
            let floor = max(source, highestOlderSource ?? source)
            if attestations.first?.target != target {
                whole.attestations.insert(RecordedAttestation(source: floor, target: target, root: nil), at: 0)
            } else if attestations[0].source < floor {
                whole.attestations[0] = RecordedAttestation(source: floor, target: target, root: nil)
            }
        }
        return whole
    }
}

/// An element of `data` that is not a validator's history.
package struct UnreadableElement: Sendable, Hashable, Codable {
    /// Counted from 0.
    package let position: Int
    /// The key, where that much could be read.
    package let publicKey: String?
    package let reason: String
    package init(position: Int, publicKey: String?, reason: String) {
        self.position = position
        self.publicKey = publicKey
        self.reason = reason
    }
}

/// What an import did, validator by validator.
package struct ImportReport: Sendable, Codable {
    package enum Outcome: String, Sendable, Codable {
        /// Every entry is in the record as the file gives it.
        case taken
        /// Entries that contradict the record, or each other, were merged so that fewer messages can be signed.
        case mergedStrictly = "merged_strictly"
        /// Nothing of this validator was taken.
        case failed
    }

    package struct Validator: Sendable, Codable {
        package let publicKey: String
        package var outcome: Outcome
        package var blocksAdded = 0
        package var attestationsAdded = 0
        /// Already there, exactly so.
        package var repeated = 0
        package var conflicts = 0
        package var reason: String?
        package init(publicKey: String, outcome: Outcome, reason: String? = nil) {
            self.publicKey = publicKey
            self.outcome = outcome
            self.reason = reason
        }
    }

    package let dryRun: Bool
    package var validators: [Validator] = []
    package var unreadable: [UnreadableElement] = []
    package init(dryRun: Bool) { self.dryRun = dryRun }

    /// Adds the report of the histories that were taken after these.
    package mutating func append(_ next: ImportReport) {
        validators += next.validators
        unreadable += next.unreadable
    }

    /// Whether the record now says exactly what the file says.
    package var everythingTaken: Bool {
        unreadable.isEmpty && validators.allSatisfy { $0.outcome == .taken }
    }
}
