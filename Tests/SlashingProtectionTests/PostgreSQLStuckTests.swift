// SPDX-License-Identifier: Apache-2.0
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import Testing

/// A transaction of somebody else that does not end delays the validator it holds, and nobody else.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLStuckTests {
    /// What the other session does with one validator and never ends.
    enum Hold: String, CaseIterable, CustomTestStringConvertible {
        case advisoryLock
        /// A record past the lock, which makes ours wait at the unique index.
        case record
        case watermark
        case validatorRow
        case registration

        var testDescription: String { rawValue }

        func statement(_ batch: DutyBatch) -> String {
            switch self {
            case .advisoryLock: "SELECT pg_advisory_xact_lock(\(batch.lockKind), \(batch.records[0].row)) IS NULL"
            case .record: batch.insertion
            case .watermark: "INSERT INTO low_watermarks (validator_id) VALUES (\(batch.records[0].row))"
            case .validatorRow: "SELECT FROM validators WHERE id = \(batch.records[0].row) FOR UPDATE"
            case .registration: "INSERT INTO validators (public_key) VALUES (\(batch.records[0].literal))"
            }
        }
    }

    private static let keys = (0..<60).map { validator($0) }
    private static let stuck = validator(20)
    private static let others = keys.filter { $0 != stuck }

    /// With limits that are short, so that the stuck one is refused soon, and long enough for the others on a busy machine.
    private static func open(_ record: PostgreSQLRecord, poolSize: Int = 64) async throws -> PostgreSQLStore {
        await (try await record.open()).close()
        return try await record.open {
            $0.callLimit = .seconds(1)
            $0.answerLimit = .seconds(5)
            $0.poolSize = poolSize
        }
    }

    private static func isLate(_ verdict: Verdict) -> Bool {
        guard case .refused(.notCheckable(let reason)) = verdict else { return false }
        return reason.contains(stuck.description)
    }

    /// One connection: nothing else can answer the others meanwhile.
    @Test(arguments: Hold.allCases, [true, false])
    func `the others of its batch are answered, and it is refused by name`(hold: Hold, isBlock: Bool) async throws {
        let record = try await PostgreSQLRecord()
        let store = try await Self.open(record, poolSize: 1)
        _ = try await store.administer(.register(hold == .registration ? Self.others : Self.keys))
        func batch(_ keys: [RecordIdentity]) -> DutyBatch {
            isBlock ? .block(7, by: keys) : .attestation(10, 20, by: keys)
        }
        let other = try await record.session()
        try await other.run("BEGIN")
        try await other.run(hold.statement(batch([Self.stuck])))
        for (key, verdict) in zip(Self.keys, await store.decide(batch(Self.keys))) {
            if key == Self.stuck {
                #expect(Self.isLate(verdict), "\(verdict)")
            } else {
                #expect(verdict == .recorded)
            }
        }
        #expect(store.health == .ready)
        try await other.run("ROLLBACK")
        #expect(await store.decideOne(batch([Self.stuck])).refusal == nil)
        await store.close()
        try await record.remove()
    }

    @Test(arguments: Hold.allCases)
    func `requests that come later are answered`(hold: Hold) async throws {
        let record = try await PostgreSQLRecord()
        let store = try await Self.open(record)
        _ = try await store.administer(.register(hold == .registration ? Self.others : Self.keys))
        let batch = DutyBatch.attestation(10, 20, by: [Self.stuck])
        let other = try await record.session()
        try await other.run("BEGIN")
        try await other.run(hold.statement(batch))
        let late = Task { await store.decideOne(batch) }
        for key in Self.others { #expect(await store.decideOne(.attestation(10, 20, by: [key])) == .recorded) }
        #expect(Self.isLate(await late.value))
        try await other.run("ROLLBACK")
        #expect(await store.decideOne(batch).refusal == nil)
        await store.close()
        try await record.remove()
    }

    @Test func `pruning and imports leave out what is held, say so, and do the rest`() async throws {
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        for slot in UInt64(1)...3 {
            #expect(await store.decide(.block(slot * 32, by: Self.keys)).allSatisfy { $0 == .recorded })
        }
        let other = try await record.session()
        try await other.run("BEGIN")
        try await other.run("SELECT pg_advisory_xact_lock(0, \(Self.stuck.row)) IS NULL")

        do {
            try await store.prune(keepEpochs: 1)
            Issue.record("nothing was left out")
        } catch let error as StoreError {
            #expect(error.description.contains("1 validators were not pruned, \(Self.stuck)"), "\(error)")
        }
        let counts = try await other.run(
            "SELECT validator_id, count(*) FROM signed_blocks GROUP BY 1 HAVING count(*) > 1"
        )
        #expect(counts.rowCount == 1)

        let file = Interchange(
            genesisValidatorsRoot: network,
            validators: [Self.stuck, validator(70)].map {
                ValidatorRecord(publicKey: $0.publicKey, blocks: [RecordedBlock(200, root: 1)], attestations: [])
            }
        )
        let report = try await store.take(file)
        #expect(report.validators.map(\.outcome) == [.failed, .taken])
        try await other.run("ROLLBACK")
        #expect(try await store.take(file).validators.map(\.outcome) == [.taken, .taken])
        #expect(try await store.prune(keepEpochs: 1).blocks > 0)
        await store.close()
        try await record.remove()
    }

    /// The other session holds the second of two validators, ours the first; then each wants what the other has.
    @Test(arguments: [true, false], ["COMMIT", "ROLLBACK"])
    func `a deadlock is got over, whoever has to give way`(weGiveWay: Bool, end: String) async throws {
        let record = try await PostgreSQLRecord()
        try await record.psql(
            "ALTER DATABASE \(record.database) SET deadlock_timeout = '\(weGiveWay ? "2s" : "1h")'"
        )
        let store = try await record.open()
        let keys = [validator(0), validator(1)]
        // Rows in the order of the keys: calls go through validators in that order.
        _ = try await store.administer(.register(keys))
        let other = try await RawSession.open(record.server.administratorURL(record.database))
        try await other.run("SET deadlock_timeout = '\(weGiveWay ? "1h" : "10ms")'")
        try await other.run("BEGIN")
        try await other.run(DutyBatch.attestation(10, 20, root: 1, by: [keys[1]]).insertion)

        let verdicts = Task { await store.decide(.attestation(10, 20, root: 2, by: keys)) }
        try await eventually("ours waits for theirs") {
            let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity"
            return try await record.psql("\(sql) WHERE datname = '\(record.database)')") != "0"
        }
        let failure = try await other.failure(DutyBatch.attestation(10, 20, root: 1, by: [keys[0]]).insertion)
        if weGiveWay {
            // Who gives way goes again at once, and on a busy machine may be back before the other has got on.
            let isBackFirst = failure == "23505"
            #expect(failure == nil || isBackFirst)
            try await other.run(isBackFirst ? "ROLLBACK" : end)
            let expected: Verdict = end == "COMMIT" && !isBackFirst ? .refused(.doubleVote(target: 20)) : .recorded
            #expect(await verdicts.value == [expected, expected])
        } else {
            // deadlock_detected: their transaction is gone.
            #expect(failure == "40P01")
            #expect(await verdicts.value == [.recorded, .recorded])
        }
        await store.close()
        try await record.remove()
    }
}
