// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import Testing

/// What the health says is so, whether or not anybody asks for a signature.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLHealthTests {
    // MARK: Nobody asks

    enum Loss: String, CaseIterable, CustomTestStringConvertible {
        case kill
        case pause
        case stop
        var testDescription: String { rawValue }
    }

    @Test(arguments: Loss.allCases)
    func `a database that dies, and that comes back, is noticed without a message`(loss: Loss) async throws {
        let server = try await PostgreSQLServer.started()
        let record = try await PostgreSQLRecord(on: server)
        let store = try await record.open {
            $0.probeInterval = .milliseconds(20)
            // What stands still is given up.
            if loss == .pause {
                $0.probeLimit = .seconds(1)
                $0.connection.connectTimeout = .seconds(1)
            }
        }
        for _ in 0..<2 {
            #expect(store.health == .ready)
            switch loss {
            case .kill: try await server.kill()
            case .pause: server.pause()
            case .stop: await server.stop(.fast)
            }
            try await eventually("the store says that it cannot sign") { store.isSuspended }
            #expect(store.health.reason?.contains("cannot be reached") == true, "\(store.health)")
            if loss == .pause { server.resume() } else { try await server.start() }
            try await eventually("the store is ready") { store.health == .ready }
        }
        #expect(await store.decideOne(.block(1)) == .recorded)
        await store.close()
        await server.stop()
    }

    @Test func `a server that is started anew raises the generation without a message`() async throws {
        let server = try await PostgreSQLServer.started()
        let record = try await PostgreSQLRecord(on: server)
        let store = try await record.open { $0.probeInterval = .milliseconds(20) }
        let generation = store.connectionGeneration
        await server.stop(.fast)
        try await server.start()
        try await eventually("the generation rises") { store.connectionGeneration > generation }
        await store.close()
        await server.stop()
    }

    // MARK: A database that answers and takes nothing

    /// What makes every write fail while connections stay, and what mends it.
    enum Obstacle: String, CaseIterable, CustomTestStringConvertible {
        case readOnly
        case revoked
        case functionGone
        case schemaGone
        case diskFull

        var testDescription: String { rawValue }

        var breaking: String {
            switch self {
            case .readOnly: "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();"
            case .revoked: "REVOKE INSERT ON signed_attestations FROM \(PostgreSQLServer.user)"
            case .functionGone: "ALTER FUNCTION containment_chamber.decide_attestations_v1 RENAME TO away"
            case .schemaGone: "ALTER SCHEMA containment_chamber RENAME TO away"
            case .diskFull:
                """
                CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
                CREATE TRIGGER full_disk BEFORE INSERT ON signed_attestations EXECUTE FUNCTION full_disk();
                """
            }
        }

        var mending: String {
            switch self {
            case .readOnly: "ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf();"
            case .revoked: "GRANT INSERT ON signed_attestations TO \(PostgreSQLServer.user)"
            case .functionGone: "ALTER FUNCTION containment_chamber.away RENAME TO decide_attestations_v1"
            case .schemaGone: "ALTER SCHEMA away RENAME TO containment_chamber"
            case .diskFull: "DROP TRIGGER full_disk ON signed_attestations"
            }
        }

        /// What the operator reads: of the message that failed, or of what a new connection found since.
        var words: [String] {
            switch self {
            case .readOnly: ["25006", "read-only"]
            case .revoked: ["42501"]
            case .functionGone: ["anti-slashing migrate"]
            case .schemaGone: ["anti-slashing migrate"]
            case .diskFull: ["53100"]
            }
        }

        /// Whether a look without a write meets it.
        var isSeenWithoutMessage: Bool { self == .readOnly || self == .schemaGone }
    }

    @Test(arguments: Obstacle.allCases)
    func `a database that takes no writes suspends signing until it does again`(obstacle: Obstacle) async throws {
        let server = try await PostgreSQLServer.started()
        let record = try await PostgreSQLRecord(on: server)
        // A message is what finds it.
        let store = try await record.open { $0.probeInterval = .seconds(3600) }
        let keys = (0..<20).map { validator($0) }
        #expect(await store.decide(.attestation(1, 2, by: keys)).allSatisfy { $0 == .recorded })
        for round in UInt64(1)...2 {
            try await record.psql(obstacle.breaking)
            try await eventually("the setting holds") {
                let batch = DutyBatch.attestation(round * 10, round * 10 + 1, by: keys)
                let verdicts = await store.decide(batch)
                if verdicts[0].refusal == nil { return false }
                for verdict in verdicts {
                    guard case .refused(.notCheckable(let reason)) = verdict else {
                        Issue.record("\(verdict)")
                        continue
                    }
                    if !obstacle.words.contains(where: reason.contains) { Issue.record("\(reason)") }
                }
                return true
            }
            let reason = try #require(store.health.reason)
            #expect(obstacle.words.contains(where: reason.contains), "\(reason)")
            // Blocks too: nothing is written any more, so nothing is tried.
            #expect(await store.decideOne(.block(round)).refusal?.isUnsafe == false)
            try await record.psql(obstacle.mending)
            try await eventually("the store is ready") { store.health == .ready }
            let verdicts = await store.decide(.attestation(round * 10 + 1, round * 10 + 2, by: keys))
            #expect(verdicts.allSatisfy { $0 == .recorded })
        }
        // What the probes wrote was taken back.
        #expect(try await store.status().validators == keys.count)
        #expect(try await record.psql("SELECT count(*) FROM signed_attestations WHERE source_epoch <= 1") == "20")
        await store.close()
        await server.stop()
    }

    @Test(arguments: Obstacle.allCases.filter(\.isSeenWithoutMessage))
    func `what can be seen without a write is seen without a message`(obstacle: Obstacle) async throws {
        let server = try await PostgreSQLServer.started()
        let record = try await PostgreSQLRecord(on: server)
        let store = try await record.open { $0.probeInterval = .milliseconds(20) }
        try await record.psql(obstacle.breaking)
        try await eventually("the store says that it cannot sign") { store.isSuspended }
        try await record.psql(obstacle.mending)
        try await eventually("the store is ready") { store.health == .ready }
        #expect(await store.decideOne(.block(1)) == .recorded)
        await store.close()
        await server.stop()
    }

    @Test(arguments: ["53100", "42501", "23514", "P0001"])
    func `an error of one validator stays its own`(code: String) async throws {
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        let keys = (0..<20).map { validator($0) }
        _ = try await store.administer(.register(keys))
        try await record.psql(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.validator_id = \(keys[7].row) THEN
                    RAISE EXCEPTION 'not this one' USING ERRCODE = '\(code)';
                END IF;
                RETURN NEW; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON signed_attestations FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        )
        for round in UInt64(1)...3 {
            let verdicts = await store.decide(.attestation(round, round + 1, by: keys))
            for (key, verdict) in zip(keys, verdicts) {
                if key == keys[7] {
                    #expect(verdict == .refused(.notCheckable(reason: "the database refused: not this one")))
                } else {
                    #expect(verdict == .recorded)
                }
            }
            #expect(store.health == .ready)
        }
        await store.close()
        try await record.remove()
    }

    // MARK: Threads

    @Test func `a thread that has ended is let go, one that runs is waited for`() async throws {
        let threads = LaneThreads()
        for _ in 0..<20 { threads.start("short") {} }
        try await eventually("the threads are let go") { threads.count == 0 }
        let gate = Condition(false)
        let isOver = Lock(false)
        threads.start("long") {
            _ = gate.wait { $0 ? true : nil }
            isOver.withLock { $0 = true }
        }
        #expect(threads.count == 1)
        gate.broadcast { $0 = true }
        await Blocking.run(name: "joining") { threads.join() }
        #expect(isOver.withLock { $0 } && threads.count == 0)
    }
}
