// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import SQLite

/// The record itself: one connection, its statements, and what is remembered of each validator. Lives on the writer's
/// thread and nowhere else. Every method runs inside a transaction of the caller.
struct SQLiteRecord: ~Copyable {
    let connection: Connection
    let statements: Statements
    /// What is known of validators that have signed since the start. The connection is exclusive, so nobody else can
    /// change it; it is dropped whenever a transaction does not commit.
    private var remembered: [PublicKey: RememberedValidator] = [:]

    init(connection: consuming Connection) throws(SQLiteError) {
        statements = try Statements(connection: connection)
        self.connection = connection
    }

    /// Forgets what a transaction that failed may have left behind.
    mutating func forget() { remembered.removeAll(keepingCapacity: true) }

    /// Checks one message and writes it where it is safe.
    mutating func decide(
        _ batch: DutyBatch,
        for record: RecordIdentity,
        conditions: RecordConditions
    ) throws(SQLiteError) -> Verdict {
        var validator = try validator(for: record.publicKey)
        let verdict: Verdict
        do {
            var history = SQLiteHistory(validator: validator, statements: statements)
            verdict = try Rules.decide(batch, isEnabled: validator.isEnabled, history: &history, conditions: conditions)
        }
        guard verdict == .recorded else { return verdict }
        switch batch.duty {
        case .block(let slot):
            try insert(RecordedBlock(slot: slot, root: batch.signingRoot), for: &validator)
        case .attestation(let source, let target):
            let attestation = RecordedAttestation(source: source, target: target, root: batch.signingRoot)
            try insert(attestation, for: &validator)
        }
        remembered[record.publicKey] = validator
        return verdict
    }

    /// The validator's row, made on its first use.
    mutating func validator(for key: PublicKey) throws(SQLiteError) -> RememberedValidator {
        if let known = remembered[key] { return known }
        let existing = try statements.load(key)
        let loaded = if let existing { existing } else { try statements.register(key) }
        remembered[key] = loaded
        return loaded
    }

    /// Lets the validator's next message read its rows again, after something else than signing has changed them.
    mutating func forget(_ key: PublicKey) { remembered[key] = nil }

    private func insert(_ block: RecordedBlock, for validator: inout RememberedValidator) throws(SQLiteError) {
        try statements.insert(block, validator: validator.id)
        validator.newestSlot = max(validator.newestSlot ?? block.slot, block.slot)
        if validator.watermarks.slot == nil {
            validator.watermarks.slot = block.slot
            try statements.write(validator.watermarks, validator: validator.id)
        }
    }

    private func insert(
        _ attestation: RecordedAttestation,
        for validator: inout RememberedValidator
    ) throws(SQLiteError) {
        try statements.insert(attestation, validator: validator.id)
        validator.newestTarget = max(validator.newestTarget ?? attestation.target, attestation.target)
        validator.highestSource = max(validator.highestSource ?? attestation.source, attestation.source)
        if validator.watermarks.target == nil {
            validator.watermarks.source = attestation.source
            validator.watermarks.target = attestation.target
            try statements.write(validator.watermarks, validator: validator.id)
        }
    }

    // MARK: Metadata

    func allValidators() throws(SQLiteError) -> [PublicKey] { try statements.allValidators() }

    /// The highest low watermark of any validator, the floor of those to come included.
    func highestLowWatermarks() throws(SQLiteError) -> Watermarks {
        try statements.highestLowWatermarks().raised(to: try statements.floor())
    }

    func counts() throws(SQLiteError) -> RecordCounts { try statements.counts() }

    func pinnedRoot() throws(SQLiteError) -> Root? { try statements.pinnedRoot() }

    func highWatermark() throws(SQLiteError) -> HighWatermark? { try statements.highWatermark() }

    func setHighWatermark(_ mark: HighWatermark?) throws(SQLiteError) { try statements.setHighWatermark(mark) }

    /// Writes something harmless, so that the commit that follows shows whether the disk takes writes and syncs.
    func probe() throws(SQLiteError) { try statements.probe.run() }
}

/// What the writer keeps of a validator: enough to know, for nearly every message, that no older row can matter.
struct RememberedValidator: Sendable {
    let id: Int64
    var isEnabled: Bool
    var watermarks: Watermarks
    var newestSlot: Slot?
    var newestTarget: Epoch?
    var highestSource: Epoch?
}

/// Answers the rules from the tables, and from memory where memory is enough.
private struct SQLiteHistory: ValidatorHistory, ~Copyable {
    let validator: RememberedValidator
    let statements: Statements

    var watermarks: Watermarks { validator.watermarks }

    func block(at slot: Slot) throws(SQLiteError) -> RecordedBlock? {
        guard let newest = validator.newestSlot, slot <= newest else { return nil }
        return try statements.block(at: slot, validator: validator.id)
    }

    func attestation(target: Epoch) throws(SQLiteError) -> RecordedAttestation? {
        guard let newest = validator.newestTarget, target <= newest else { return nil }
        return try statements.attestation(target: target, validator: validator.id)
    }

    func attestation(surrounding source: Epoch, _ target: Epoch) throws(SQLiteError) -> RecordedAttestation? {
        guard let newest = validator.newestTarget, target < newest else { return nil }
        return try statements.attestation(statements.surrounding, source, target, validator: validator.id)
    }

    func attestation(surroundedBy source: Epoch, _ target: Epoch) throws(SQLiteError) -> RecordedAttestation? {
        guard let highest = validator.highestSource, source < highest else { return nil }
        return try statements.attestation(statements.surrounded, source, target, validator: validator.id)
    }
}
