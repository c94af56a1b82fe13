// SPDX-License-Identifier: Apache-2.0
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import Testing

/// What a call sees of a session that was at the validator first.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLLockTests {
    struct Conflict: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let theirs: DutyBatch
        let ours: DutyBatch
        let refusal: Refusal
    }

    private static let both = [validator(0), validator(1)]
    static let conflicts = [
        Conflict(
            testDescription: "surrounded",
            theirs: .attestation(10, 20),
            ours: .attestation(11, 19, by: both),
            refusal: .surroundedBy(source: 10, target: 20)
        ),
        Conflict(
            testDescription: "surrounding",
            theirs: .attestation(11, 19),
            ours: .attestation(10, 20, by: both),
            refusal: .surrounds(source: 11, target: 19)
        ),
        Conflict(
            testDescription: "double vote",
            theirs: .attestation(10, 20, root: 1),
            ours: .attestation(10, 20, root: 2, by: both),
            refusal: .doubleVote(target: 20)
        ),
        Conflict(
            testDescription: "double block",
            theirs: .block(7, root: 1),
            ours: .block(7, root: 2, by: both),
            refusal: .doubleBlock(slot: 7)
        ),
    ]

    /// The two sessions of blueprint §7. The validator beside it is decided in the same calls: once its row is there, ours
    /// has met the lock.
    @Test(arguments: conflicts, ["COMMIT", "ROLLBACK"])
    func `what another session records under the lock is seen when the lock is free`(
        conflict: Conflict,
        end: String
    ) async throws {
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        // History, so that no watermark speaks first.
        for batch in [DutyBatch.block(1, by: Self.both), .attestation(1, 2, by: Self.both)] {
            #expect(await store.decide(batch) == [.recorded, .recorded])
        }
        let other = try await record.session()
        try await other.run("BEGIN")
        try await other.run("SELECT pg_advisory_xact_lock(\(conflict.theirs.lockKind), \(validator(0).row)) IS NULL")
        try await other.run(conflict.theirs.insertion)

        let verdicts = Task { await store.decide(conflict.ours) }
        let table = conflict.theirs.lockKind == 0 ? "signed_blocks" : "signed_attestations"
        let watch = try await record.session()
        try await eventually("the free validator is recorded") {
            let sql = "SELECT count(*) FROM \(table) WHERE validator_id = \(validator(1).row)"
            return try await watch.run(sql).int64(0, 0) == 2
        }
        try await other.run(end)
        #expect(await verdicts.value == [end == "COMMIT" ? .refused(conflict.refusal) : .recorded, .recorded])
        await store.close()
        try await record.remove()
    }

    private static let calls = [
        "decide_blocks_v1('\\x00', ARRAY['\\x00'::bytea], ARRAY[1]::bigint[], ARRAY['\\x00'::bytea], '1s')",
        "decide_attestations_v1('\\x00', ARRAY['\\x00'::bytea], '{1}', '{2}', ARRAY['\\x00'::bytea], '1s')",
        "register_v1(ARRAY['\\x00'::bytea], '1s')", "prune_v1(1, 1, 1, 1, 1)", "prepare_v1('1s')",
    ]

    @Test(arguments: ["REPEATABLE READ", "SERIALIZABLE"])
    func `the functions refuse a transaction whose snapshot is older than its locks`(level: String) async throws {
        let record = try await PostgreSQLRecord()
        await (try await record.open()).close()
        let session = try await record.session()
        for call in Self.calls {
            try await session.run("BEGIN ISOLATION LEVEL \(level)")
            // invalid_transaction_state
            #expect(try await session.failure("SELECT FROM containment_chamber.\(call)") == "25000", "\(call)")
            try await session.run("BEGIN ISOLATION LEVEL READ COMMITTED")
            #expect(try await session.failure("SELECT FROM containment_chamber.\(call)") == nil, "\(call)")
            try await session.run("ROLLBACK")
        }
        try await record.remove()
    }

    /// Two signers begin at once, migration and pin included.
    @Test(arguments: ["repeatable read", "serializable"])
    func `whatever isolation is the default, signers work and of conflicting votes one wins`(
        level: String
    ) async throws {
        let record = try await PostgreSQLRecord()
        try await record.psql(
            "ALTER DATABASE \(record.database) SET default_transaction_isolation = '\(level)'"
        )
        async let one = record.open()
        async let two = record.open()
        let stores = [try await one, try await two]
        for round in UInt64(1)...40 {
            let verdicts = await withTaskGroup(of: Verdict.self) { group in
                for number in 0..<8 {
                    let batch: DutyBatch =
                        number < 6
                        ? .attestation(round * 10, round * 10 + 5, root: number)
                        : .attestation(round * 10 + 1, round * 10 + 4, root: number)
                    group.addTask { await stores[number % 2].decideOne(batch) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts.filter { $0 == .recorded }.count == 1)
            #expect(verdicts.allSatisfy { $0 == .recorded || $0.refusal?.isUnsafe == true })
        }
        try await stores[0].take(Interchange(of: validator(1), blocks: [RecordedBlock(3, root: 1)]))
        try await stores[1].raise(epoch: 5)
        try await stores[0].prune(keepEpochs: 4)
        try await stores[1].setHighWatermark(slot: 90_000, epoch: 90_000)
        #expect(try await stores[0].give().validators.count == 2)
        #expect(try await stores[1].status().health == "ready")
        for store in stores { await store.close() }
        try await record.remove()
    }

    @Test(arguments: [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
    func `a commit waits for the disk whatever the session's default`(standard: String, inside: String) async throws {
        let record = try await PostgreSQLRecord()
        await (try await record.open()).close()
        try await record.psql("ALTER DATABASE \(record.database) SET synchronous_commit = '\(standard)'")
        let session = try await record.session()
        for call in Self.calls {
            try await session.run("BEGIN")
            #expect(try await session.run("SHOW synchronous_commit").text(0, 0) == standard)
            try await session.run("SELECT FROM containment_chamber.\(call)")
            #expect(try await session.run("SHOW synchronous_commit").text(0, 0) == inside, "\(call)")
            try await session.run("ROLLBACK")
        }
        try await record.remove()
    }
}
