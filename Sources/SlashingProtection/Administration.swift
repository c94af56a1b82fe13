// SPDX-License-Identifier: Apache-2.0
package import Consensus

/// What an operator can ask of a record, while the daemon runs or without it.
package enum AdministrativeTask: Sendable {
    /// Takes histories, as many of a file as the caller holds at once; with `dryRun` only says what would happen. Without
    /// any it asks whether the record is of this network.
    case take(Interchange, dryRun: Bool)
    /// Gives loaded validators a row of their own before they sign, so that raised watermarks count for them too.
    case register([RecordIdentity])
    /// Lists whose histories there are.
    case outline
    /// Gives the histories of some validators, in this order; those that the record does not know are left out. Each is
    /// read at one moment, with its watermarks.
    case give([RecordIdentity])
    /// Holds the rows of some validators against each other, against their watermarks and against the high one.
    case verify([RecordIdentity])
    /// Deletes history of some validators that is older than some epochs, counted from each one's newest record.
    case prune([RecordIdentity], keepEpochs: UInt64)
    case status
    /// Counts what is kept of some validators.
    case count([RecordIdentity])
    /// Lets nothing of some validators be signed any more, by any signer of the record. Those that the record does not know
    /// are entered first. Who is disabled already stays so in the name of who did it.
    case disable([RecordIdentity], by: FloorInstance?)
    /// Takes that back, where the ground allows it.
    case enable([RecordIdentity], EnablingGround)
    /// Lists who is disabled, among these or all.
    case disabled(among: [RecordIdentity]?)
    case raiseLowWatermarks(slot: Slot?, epoch: Epoch?)
    case setHighWatermark(HighWatermark?)
    case highWatermark
}

/// The answer to an `AdministrativeTask`, case by case.
package enum AdministrativeAnswer: Sendable {
    case taken(ImportReport)
    case outline(RecordOutline)
    case given(Interchange)
    case verified(VerificationReport)
    case pruned(PruningReport)
    case status(RecordStatus)
    case watermark(HighWatermark?)
    case raised(validators: Int)
    case registered
    case counted(RecordCount)
    case changed(EnablingReport)
    case disabled([DisabledValidator])
}

/// Whose histories a record holds, and on which network.
package struct RecordOutline: Sendable {
    package let genesisValidatorsRoot: Root
    /// Oldest first, where the record knows.
    package let validators: [RecordIdentity]

    package init(genesisValidatorsRoot: Root, validators: [RecordIdentity]) {
        self.genesisValidatorsRoot = genesisValidatorsRoot
        self.validators = validators
    }
}

/// How much is kept.
package struct RecordCount: Sendable, Equatable, Codable {
    package var validators = 0
    package var blocks = 0
    package var attestations = 0
    package init() {}

    package mutating func append(_ part: RecordCount) {
        validators += part.validators
        blocks += part.blocks
        attestations += part.attestations
    }
}

/// What pruning did.
package struct PruningReport: Sendable, Equatable, Codable {
    package var validators = 0
    package var blocks = 0
    package var attestations = 0
    /// Validators whose newest records lie in the future by the clock and were not counted from.
    package var implausible = 0
    package init() {}

    package mutating func append(_ part: PruningReport) {
        validators += part.validators
        blocks += part.blocks
        attestations += part.attestations
        implausible += part.implausible
    }
}

/// The state of a record, for people and for scripts; how much it holds is counted in parts, see `RecordCount`.
package struct RecordStatus: Sendable, Codable {
    package let backend: String
    package let path: String
    package let schemaVersion: Int
    package let genesisValidatorsRoot: String
    package let validators: Int
    package let disabled: Int
    package let highWatermarkSlot: String?
    package let highWatermarkEpoch: String?
    /// `ready`, or why nothing can be signed.
    package var health: String

    package init(
        backend: String,
        path: String,
        schemaVersion: Int,
        genesisValidatorsRoot: String,
        validators: Int,
        disabled: Int,
        highWatermark: HighWatermark?,
        health: StoreHealth
    ) {
        self.backend = backend
        self.path = path
        self.schemaVersion = schemaVersion
        self.genesisValidatorsRoot = genesisValidatorsRoot
        self.validators = validators
        self.disabled = disabled
        highWatermarkSlot = highWatermark.map { "\($0.slot.value)" }
        highWatermarkEpoch = highWatermark.map { "\($0.epoch.value)" }
        self.health = health.reason ?? "ready"
    }
}

extension HighWatermark {
    /// Refuses a mark that is not above every low watermark.
    func refuse(belowSlot slot: Slot?, epoch: Epoch?) throws(StoreError) {
        if let slot, self.slot <= slot {
            throw .refused(
                reason: "the high watermark slot \(self.slot) is not above the low watermark \(slot) of a validator"
            )
        }
        if let epoch, self.epoch <= epoch {
            throw .refused(
                reason: "the high watermark epoch \(self.epoch) is not above the low watermark \(epoch) of a validator"
            )
        }
        guard max(self.slot.value, self.epoch.value) <= UInt64(Int64.max) else {
            throw .refused(reason: "a high watermark must be below 2^63")
        }
    }
}
