// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import DynamoDB
import SlashingProtection
import TestSupport
import Testing

/// What `anti-slashing verify` finds in a record that somebody has changed past the store.
@Suite(.timeLimit(.minutes(10))) struct RecordVerificationTests {
    /// Damage, and what is said of it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var sqlite: String
        var postgres: String
        let severity: HistoryFinding.Severity
        let said: String
        var kinds: [StoreKind] = [.sqlite, .postgres]

        init(
            _ name: String,
            _ sql: String,
            postgres: String? = nil,
            _ severity: HistoryFinding.Severity = .error,
            says said: String
        ) {
            testDescription = name
            sqlite = sql
            self.postgres = postgres ?? sql
            self.severity = severity
            self.said = said
        }
    }

    private static let doubledBlocks = """
        ALTER TABLE signed_blocks DROP CONSTRAINT unique_signed_block;
        INSERT INTO signed_blocks (validator_id, slot) SELECT validator_id, slot FROM signed_blocks WHERE slot = 40
        """
    private static let doubledVotes = """
        ALTER TABLE signed_attestations DROP CONSTRAINT unique_signed_attestation;
        INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
            SELECT validator_id, source_epoch, target_epoch, decode(repeat('ab', 32), 'hex')
            FROM signed_attestations WHERE target_epoch = 7
        """

    static let damages: [Damage] = {
        var damages = [
            Damage(
                "a vote that surrounds",
                "UPDATE signed_attestations SET source_epoch = 2 WHERE target_epoch = 9",
                says: "the attestation 2 to 9 surrounds 7 to 8"
            ),
            Damage(
                "a source behind its target",
                "UPDATE signed_attestations SET source_epoch = 50 WHERE target_epoch = 9",
                says: "source 50 later than its target 9"
            ),
            Damage(
                "no watermark for slots",
                "UPDATE low_watermarks SET slot = NULL",
                says: "from slot 10 on, and no low watermark"
            ),
            Damage(
                "no watermark for attestations",
                "UPDATE low_watermarks SET source_epoch = NULL, target_epoch = NULL",
                says: "from target epoch 1 on, and no low watermark"
            ),
            Damage(
                "half a watermark",
                "PRAGMA ignore_check_constraints = ON; UPDATE low_watermarks SET source_epoch = NULL",
                postgres: """
                    ALTER TABLE low_watermarks DROP CONSTRAINT IF EXISTS both_epochs_set_or_null;
                    UPDATE low_watermarks SET source_epoch = NULL
                    """,
                says: "a source or a target epoch without the other"
            ),
            Damage(
                "blocks deleted below which no watermark rose",
                "DELETE FROM signed_blocks WHERE slot < 30",
                .warning,
                says: "the low watermark is slot 10, but the lowest block is at 30"
            ),
            Damage(
                "attestations deleted below which no watermark rose",
                "DELETE FROM signed_attestations WHERE target_epoch < 5",
                .warning,
                says: "the low watermark is target epoch 1, but the lowest attestation is for 5"
            ),
            Damage(
                "a high watermark below a low one",
                "UPDATE metadata SET high_watermark_slot = 5, high_watermark_epoch = 90",
                postgres: """
                    ALTER TABLE metadata DISABLE TRIGGER USER;
                    UPDATE metadata SET high_watermark_slot = 5, high_watermark_epoch = 90
                    """,
                says: "the low watermark, slot 10, is above the high watermark, slot 5"
            ),
            Damage(
                "records beyond the high watermark",
                "UPDATE metadata SET high_watermark_slot = 35, high_watermark_epoch = 9",
                .warning,
                says: "is not below the high watermark"
            ),
        ]
        var blocks = Damage(
            "two blocks at a slot",
            "",
            postgres: doubledBlocks,
            says: "two different blocks at slot 40, one of unknown root"
        )
        blocks.kinds = [.postgres]
        var votes = Damage(
            "two votes for a target",
            "",
            postgres: doubledVotes,
            says: "two different attestations for target epoch 7"
        )
        votes.kinds = [.postgres]
        damages += [blocks, votes]
        return damages
    }()

    /// A record of one validator with blocks at 10, 20, 30, 40 and a vote for each epoch from 1 to 9.
    private func history() -> Interchange {
        Interchange(
            blocks: (1...4).map { RecordedBlock($0 * 10, root: 1) },
            attestations: (1...9).map { RecordedAttestation($0 - 1, $0, root: 1) }
        )
    }

    @Test(arguments: damages) func `each kind of damage is found and named`(_ damage: Damage) async throws {
        for kind in damage.kinds {
            let place = try await RecordPlace(kind)
            let before = try await place.open()
            try await before.take(history())
            #expect(try await before.verify().findings.isEmpty)
            await before.close()
            try await place.execute(kind == .sqlite ? damage.sqlite : damage.postgres)
            let store = try await place.open()
            let report = try await store.verify()
            await store.close()
            try await place.remove()
            #expect(report.validators == 1 && report.blocks > 0, "\(kind)")
            #expect(
                report.findings.contains {
                    $0.severity == damage.severity && $0.problem.contains(damage.said)
                        && $0.publicKey == validator(0).description
                },
                "\(kind): \(report.findings)"
            )
        }
    }

    /// Signing, pruning, raising, importing, newcomers: what the store does by itself is never found fault with.
    @Test(arguments: StoreKind.allCases)
    func `what the store does itself has no findings`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            func findings() async throws -> [HistoryFinding] { try await store.verify().findings }
            for number in 1...9 {
                #expect(await store.decideOne(.attestation(UInt64(number) - 1, UInt64(number), root: 1)) == .recorded)
                #expect(await store.decideOne(.block(UInt64(number) * 32, root: 1)) == .recorded)
            }
            try await store.take(Interchange(of: validator(1), blocks: [RecordedBlock(500)], attestations: []))
            #expect(try await findings().isEmpty)
            try await store.prune(keepEpochs: 3)
            #expect(try await findings().isEmpty)
            // The record keeps what is older, and refuses it by the watermark.
            try await store.raise(slot: 1_000, epoch: 100)
            let raised = try await store.verify()
            #expect(raised.findings.isEmpty && raised.belowWatermark == 7, "\(raised)")
            // One that comes later begins where the others were raised to, with nothing at its watermark.
            #expect(await store.decideOne(.block(1_050, by: [validator(2)])) == .recorded)
            #expect(await store.decideOne(.attestation(101, 120, by: [validator(2)])) == .recorded)
            #expect(await store.decideOne(.block(1_050)) == .recorded)
            #expect(try await findings().isEmpty)
            try await store.prune(keepEpochs: 1)
            try await store.setHighWatermark(slot: 2_000, epoch: 200)
            #expect(try await findings().isEmpty)
        }
    }

    @Test func `a file that names a validator twice is held against itself as one history`() {
        var both = Interchange(attestations: [RecordedAttestation(1, 9, root: 1)])
        both.validators += Interchange(attestations: [RecordedAttestation(3, 5, root: 1)]).validators
        #expect(both.contradictions().map(\.problem) == ["the attestation 1 to 9 surrounds 3 to 5"])
    }

    @Test func `of very many findings of a kind the first are told`() {
        let votes = (0..<50).flatMap {
            [RecordedAttestation($0, $0 + 1, root: 1), RecordedAttestation($0, $0 + 1, root: 2)]
        }
        let findings = Interchange(attestations: votes).contradictions()
        #expect(findings.count == 11)
        #expect(findings.last?.problem.contains("40 more like this") == true)
    }

    @Test func `in a DynamoDB table marks behind the entries and an import that was cut off are found`() async throws {
        let settings = try await DynamoDBStore.Settings.fresh()
        let store = try await DynamoDBStore.open(settings)
        try await store.take(history())
        #expect(await store.decideOne(.attestation(9, 10, root: 2)) == .recorded)
        #expect(try await store.verify().findings.isEmpty)
        let key: Item = ["record_key": .string(validator(0).description), "entry_key": .string("marks")]
        var marks = try #require(try await settings.database.getItem(table: settings.table, key: key))
        marks["highest_slot"] = .number(UInt64(30))
        marks["highest_target"] = .number(UInt64(9))
        marks["importing"] = .boolean(true)
        try await settings.database.putItem(table: settings.table, marks)
        let findings = try await store.verify().findings
        await store.close()
        #expect(findings.count == 3, "\(findings)")
        #expect(findings.contains { $0.severity == .error && $0.problem.contains("slot 40, beyond the mark") })
        #expect(findings.contains { $0.severity == .error && $0.problem.contains("target epoch 10, beyond the mark") })
        #expect(findings.contains { $0.severity == .warning && $0.problem.contains("an import has begun") })
    }
}
