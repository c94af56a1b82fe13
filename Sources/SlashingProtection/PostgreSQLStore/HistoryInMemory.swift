// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import Encoding
internal import PostgreSQL

/// The part of a validator's history that an import touches, and what it changes.
struct HistoryInMemory: HistoryEditor {
    /// What an import has done to an entry.
    enum Change { case stands, added, replaced }

    let validator: Int32
    var watermarks: Watermarks
    private(set) var blocks: [Slot: (entry: RecordedBlock, change: Change)] = [:]
    private(set) var attestations: [Epoch: (entry: RecordedAttestation, change: Change)] = [:]

    init(validator: Int32, watermarks: Watermarks) {
        self.validator = validator
        self.watermarks = watermarks
    }

    /// Notes what the record has.
    mutating func stands(_ block: RecordedBlock) { blocks[block.slot] = (block, .stands) }
    mutating func stands(_ attestation: RecordedAttestation) {
        attestations[attestation.target] = (attestation, .stands)
    }

    func block(at slot: Slot) throws(Never) -> RecordedBlock? { blocks[slot]?.entry }
    func attestation(target: Epoch) throws(Never) -> RecordedAttestation? { attestations[target]?.entry }

    mutating func add(_ block: RecordedBlock) throws(Never) { blocks[block.slot] = (block, .added) }
    mutating func add(_ attestation: RecordedAttestation) throws(Never) {
        attestations[attestation.target] = (attestation, .added)
    }

    mutating func replace(_ block: RecordedBlock) throws(Never) {
        blocks[block.slot] = (block, blocks[block.slot]?.change == .added ? .added : .replaced)
    }

    mutating func replace(_ attestation: RecordedAttestation) throws(Never) {
        let change = attestations[attestation.target]?.change
        attestations[attestation.target] = (attestation, change == .added ? .added : .replaced)
    }
}

/// What brings the database to the state of some histories.
struct HistoryChanges {
    fileprivate struct Blocks {
        var (validators, slots, roots): ([Int32], [Int64?], [[UInt8]?]) = ([], [], [])
    }
    fileprivate struct Attestations {
        var (validators, sources, targets, roots): ([Int32], [Int64?], [Int64?], [[UInt8]?]) = ([], [], [], [])
    }
    private var (addedBlocks, replacedBlocks) = (Blocks(), Blocks())
    private var (addedAttestations, replacedAttestations) = (Attestations(), Attestations())
    private let histories: [HistoryInMemory]
    private var isReversed = false

    init(_ histories: [HistoryInMemory]) {
        self.histories = histories
        for history in histories {
            for slot in history.blocks.keys.sorted() {
                guard let (block, change) = history.blocks[slot] else { continue }
                switch change {
                case .stands: break
                case .added: addedBlocks.append(block, history.validator)
                case .replaced: replacedBlocks.append(block, history.validator)
                }
            }
            for target in history.attestations.keys.sorted() {
                guard let (attestation, change) = history.attestations[target], change != .stands else { continue }
                isReversed = isReversed || attestation.source > attestation.target
                if change == .added {
                    addedAttestations.append(attestation, history.validator)
                } else {
                    replacedAttestations.append(attestation, history.validator)
                }
            }
        }
    }

    /// Watermarks only rise.
    func statements(_ schema: PostgreSQLSchema) -> [PostgreSQLStatement] {
        var statements = addedBlocks.insertion(schema) + addedAttestations.insertion(schema)
        statements += replacedBlocks.replacement(schema) + replacedAttestations.replacement(schema)
        func marks(_ mark: (Watermarks) -> UInt64?) -> PostgreSQLParameter {
            .int64s(histories.map { mark($0.watermarks).map { Int64($0) } })
        }
        statements.append(
            PostgreSQLStatement(
                """
                INSERT INTO \(schema.tables).low_watermarks AS w (validator_id, slot, source_epoch, target_epoch)
                    SELECT id, slot, source, target
                    FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n (id, slot, source, target)
                    ON CONFLICT (validator_id) DO UPDATE SET slot = greatest(w.slot, excluded.slot),
                        source_epoch = greatest(w.source_epoch, excluded.source_epoch),
                        target_epoch = greatest(w.target_epoch, excluded.target_epoch)
                """,
                [
                    .int32s(histories.map(\.validator)), marks { $0.slot?.value }, marks { $0.source?.value },
                    marks { $0.target?.value },
                ]
            )
        )
        if isReversed {
            statements.append(
                PostgreSQLStatement("UPDATE \(schema.call("floor")) SET has_reversed = true WHERE id = 1")
            )
        }
        return statements
    }
}

extension HistoryChanges.Blocks {
    fileprivate mutating func append(_ block: RecordedBlock, _ validator: Int32) {
        validators.append(validator)
        slots.append(Int64(block.slot.value))
        roots.append(block.root?.bytes.array)
    }

    private var parameters: [PostgreSQLParameter] { [.int32s(validators), .int64s(slots), .byteStrings(roots)] }

    private static let given = "unnest($1::integer[], $2::bigint[], $3::bytea[]) AS n (id, slot, root)"

    /// What was looked for under the validator's locks and not found.
    fileprivate func insertion(_ schema: PostgreSQLSchema) -> [PostgreSQLStatement] {
        guard !slots.isEmpty else { return [] }
        let sql = """
            INSERT INTO \(schema.tables).signed_blocks (validator_id, slot, signing_root)
                SELECT id, slot, root FROM \(Self.given)
            """
        return [PostgreSQLStatement(sql, parameters)]
    }

    fileprivate func replacement(_ schema: PostgreSQLSchema) -> [PostgreSQLStatement] {
        guard !slots.isEmpty else { return [] }
        let sql = """
            UPDATE \(schema.tables).signed_blocks AS b SET signing_root = n.root FROM \(Self.given)
                WHERE b.validator_id = n.id AND b.slot = n.slot
            """
        return [PostgreSQLStatement(sql, parameters)]
    }
}

extension HistoryChanges.Attestations {
    fileprivate mutating func append(_ attestation: RecordedAttestation, _ validator: Int32) {
        validators.append(validator)
        sources.append(Int64(attestation.source.value))
        targets.append(Int64(attestation.target.value))
        roots.append(attestation.root?.bytes.array)
    }

    private var parameters: [PostgreSQLParameter] {
        [.int32s(validators), .int64s(sources), .int64s(targets), .byteStrings(roots)]
    }

    private static let given =
        "unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bytea[]) AS n (id, source, target, root)"

    fileprivate func insertion(_ schema: PostgreSQLSchema) -> [PostgreSQLStatement] {
        guard !targets.isEmpty else { return [] }
        let sql = """
            INSERT INTO \(schema.tables).signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                SELECT id, source, target, root FROM \(Self.given)
            """
        return [PostgreSQLStatement(sql, parameters)]
    }

    fileprivate func replacement(_ schema: PostgreSQLSchema) -> [PostgreSQLStatement] {
        guard !targets.isEmpty else { return [] }
        let sql = """
            UPDATE \(schema.tables).signed_attestations AS a SET source_epoch = n.source, signing_root = n.root
                FROM \(Self.given) WHERE a.validator_id = n.id AND a.target_epoch = n.target
            """
        return [PostgreSQLStatement(sql, parameters)]
    }
}
