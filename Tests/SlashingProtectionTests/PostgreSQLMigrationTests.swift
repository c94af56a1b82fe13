// SPDX-License-Identifier: Apache-2.0
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import Testing

/// Databases of Web3Signer of every age become ours, with all that they know.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLMigrationTests {
    static let old = Array(1..<Web3SignerTables.latest)
    private static let blocks: [UInt64] = [100, 101, 105]

    /// Makes a database of a version, as its owner, with a history of two validators. As the version allows, the marks and
    /// the network too.
    private func database(version: Int) async throws -> PostgreSQLRecord {
        let record = try await PostgreSQLRecord()
        let rows = """
            INSERT INTO validators (public_key) VALUES (\(validator(0).literal)), (\(validator(1).literal));
            INSERT INTO signed_blocks (validator_id, slot, signing_root)
                SELECT v.id, s, \(root(1).literal) FROM validators AS v, unnest('{100, 101, 105}'::bigint[]) AS s;
            INSERT INTO signed_blocks (validator_id, slot) VALUES (\(validator(1).row), 110);
            INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                SELECT v.id, t - 1, t, \(root(1).literal) FROM validators AS v, generate_series(10, 20) AS t;
            INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                VALUES (\(validator(1).row), 22, 30, \(root(1).literal));
            """
        let marks = "INSERT INTO low_watermarks SELECT id, 100, 10, 9 FROM validators;"
        let pin = "INSERT INTO metadata VALUES (1, decode(repeat('00', 32), 'hex'));"
        let disabled = "UPDATE validators SET enabled = false WHERE public_key = \(validator(1).literal);"
        try await run(
            Web3SignerTables.script(version: version) + rows + (version >= 3 ? marks : "")
                + (version >= 4 ? pin : "") + (version >= 10 ? disabled : ""),
            record
        )
        return record
    }

    private func run(_ script: String, _ record: PostgreSQLRecord) async throws {
        try await record.psql("SET ROLE \(PostgreSQLServer.user);\n" + script)
    }

    private func migrate(_ record: PostgreSQLRecord) throws -> Int32? {
        try PostgreSQLStore.migrate(try record.settings())
    }

    /// Everything that is in the tables, and how they are made.
    private func content(_ record: PostgreSQLRecord) async throws -> String {
        let tables = ["validators", "signed_blocks", "signed_attestations", "low_watermarks", "metadata"]
        var script = ""
        for table in tables { script += "SELECT '\(table)', t.* FROM \(table) AS t ORDER BY 2, 3;\n" }
        script += """
            SELECT c.relname, a.attname, a.atttypid::regtype, a.attnotnull FROM pg_attribute AS a
                JOIN pg_class AS c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
                ORDER BY 1, a.attnum;
            SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2;
            SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
            SELECT tgrelid::regclass, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;
            SELECT oid::regprocedure, prosrc FROM pg_proc
                WHERE pronamespace IN ('public'::regnamespace, to_regnamespace('containment_chamber')) ORDER BY 1;
            """
        return try await record.psql(script)
    }

    @Test(arguments: old) func `the history of an older version is kept and counts`(version: Int) async throws {
        let record = try await database(version: version)
        #expect(try migrate(record) == (version < 7 ? 0 : Int32(version)))
        #expect(try await record.psql("SELECT version FROM database_version") == "12")
        let rows = try await record.psql(
            """
            SELECT validator_id, slot, signing_root = \(root(1).literal) FROM signed_blocks ORDER BY 1, 2;
            SELECT validator_id, source_epoch, target_epoch, signing_root = \(root(1).literal)
                FROM signed_attestations ORDER BY 1, 3;
            """
        )
        let blocks = Self.blocks.map { "|\($0)|t" }
        let votes = (10...20).map { "|\($0 - 1)|\($0)|t" }
        let expected = blocks.map { "1\($0)" } + blocks.map { "2\($0)" } + ["2|110|"]
        #expect(
            rows == (expected + votes.map { "1\($0)" } + votes.map { "2\($0)" } + ["2|22|30|t"]).joined(separator: "\n")
        )

        let store = try await record.open()
        // Disabled since version 10, where it says so.
        if version >= 10 {
            #expect(await store.decideOne(.block(111, by: [validator(1)])) == .refused(.disabled))
            try await record.psql("UPDATE validators SET enabled = true")
        }
        try await expectHistory(in: store, hasMarks: version >= 3)
        await store.close()
        try await record.remove()
    }

    private func expectHistory(in store: PostgreSQLStore, hasMarks: Bool) async throws {
        for key in [validator(0), validator(1)] {
            #expect(await store.decideOne(.block(105, root: 1, by: [key])) == .repeated)
            #expect(await store.decideOne(.block(105, root: 2, by: [key])) == .refused(.doubleBlock(slot: 105)))
            #expect(await store.decideOne(.attestation(19, 20, root: 1, by: [key])) == .repeated)
            #expect(
                await store.decideOne(.attestation(19, 20, root: 2, by: [key])) == .refused(.doubleVote(target: 20))
            )
            let around = await store.decideOne(.attestation(18, 21, by: [key]))
            #expect(around == .refused(.surrounds(source: 19, target: 20)))
            if hasMarks {
                #expect(await store.decideOne(.block(99, by: [key])) == .refused(.belowLowWatermark(lowest: 100)))
                #expect(
                    await store.decideOne(.attestation(8, 21, by: [key])) == .refused(.belowLowWatermark(lowest: 9))
                )
            }
        }
        // The block of unknown root, and the vote around.
        #expect(await store.decideOne(.block(110, root: 1, by: [validator(1)])) == .refused(.doubleBlock(slot: 110)))
        let inside = await store.decideOne(.attestation(23, 29, by: [validator(1)]))
        #expect(inside == .refused(.surroundedBy(source: 22, target: 30)))
        #expect(await store.decideOne(.attestation(23, 29, by: [validator(0)])) == .recorded)
        let both = await store.decide(.block(120, by: [validator(0), validator(1)]))
        #expect(both == [.recorded, .recorded])
        // The triggers of version 12.
        await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 20, epoch: 5) }
        try await store.setHighWatermark(slot: 500, epoch: 50)
        await #expect(throws: StoreError.self) { try await store.raise(slot: 501) }
    }

    @Test(arguments: old) func `tables of an older version are changed only where an operator says so`(
        version: Int
    ) async throws {
        let record = try await database(version: version)
        let before = try await contentWithoutMarks(record)
        for createIfMissing in [true, false] {
            let refusal = try await record.refusal { $0.createIfMissing = createIfMissing }
            let words = refusal?.description ?? ""
            #expect(
                words.contains("anti-slashing migrate") && words.contains("anti_slashing.migrate: true"),
                "\(words)"
            )
            #expect(words.contains(version < 7 ? "before version 7" : "(version \(version))"), "\(words)")
        }
        let settings = try record.settings()
        #expect(throws: StoreError.self) { try PostgreSQLStore.initialize(settings) }
        #expect(try await contentWithoutMarks(record) == before)
        #expect(try await record.psql("SELECT to_regnamespace('containment_chamber') IS NULL") == "t")
        await (try await record.open { $0.migrates = true }).close()
        // From here on nobody has to ask.
        await (try await record.open { $0.createIfMissing = false }).close()
        try await record.remove()
    }

    @Test func `our own schema beside current tables needs no leave`() async throws {
        let record = try await database(version: Web3SignerTables.latest)
        let store = try await record.open { $0.createIfMissing = false }
        #expect(await store.decideOne(.block(105, root: 1)) == .repeated)
        await store.close()
        try await record.remove()
    }

    @Test(arguments: old + [Web3SignerTables.latest])
    func `migrating again, alone or twice at once, changes nothing`(version: Int) async throws {
        let record = try await database(version: version)
        async let one = record.open { $0.migrates = true }
        async let two = record.open { $0.migrates = true }
        let stores = [try await one, try await two]
        for store in stores { await store.close() }
        let content = try await content(record)
        #expect(try migrate(record) == 12)
        // As if the number alone had been lost.
        if version == 1 { try await record.psql("UPDATE database_version SET version = 7") }
        _ = try migrate(record)
        #expect(try await self.content(record) == content)
        try await record.remove()
    }

    /// Versions 2 to 7 had no uniqueness.
    @Test(arguments: Array(2...7))
    func `rows that contradict each other become the stricter of both`(version: Int) async throws {
        let record = try await database(version: version)
        let key = validator(0)
        let marks = version >= 3 ? "UPDATE low_watermarks SET slot = 90, source_epoch = 2, target_epoch = 3;" : ""
        try await run(
            """
            \(marks)
            INSERT INTO signed_blocks (validator_id, slot, signing_root)
                VALUES (\(key.row), 105, \(root(1).literal)), (\(key.row), 101, \(root(2).literal)),
                    (\(key.row), 100, NULL);
            INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                VALUES (\(key.row), 19, 20, \(root(1).literal)), (\(key.row), 18, 19, \(root(2).literal)),
                    (\(key.row), 5, 18, \(root(1).literal)), (\(key.row), 4, 17, \(root(3).literal));
            """,
            record
        )
        _ = try migrate(record)
        let store = try await record.open()
        // Twice the same says no more than once.
        #expect(await store.decideOne(.block(105, root: 1)) == .repeated)
        #expect(await store.decideOne(.attestation(19, 20, root: 1)) == .repeated)
        for number in 0...3 {
            for slot in [UInt64(100), 101] {
                #expect(await store.decideOne(.block(slot, root: number)) == .refused(.doubleBlock(slot: Slot(slot))))
            }
            #expect(await store.decideOne(.attestation(18, 19, root: number)) == .refused(.doubleVote(target: 19)))
            for (source, target) in [(17, 18), (16, 17), (5, 18), (4, 17)] as [(UInt64, UInt64)] {
                let verdict = await store.decideOne(.attestation(source, target, root: number))
                #expect(verdict.refusal?.isUnsafe == true, "\(source)→\(target) root \(number): \(verdict)")
            }
        }
        // Around and inside 5→18 and 4→17, of which no row is left.
        for (source, target) in [(4, 40), (3, 40), (6, 16), (5, 16)] as [(UInt64, UInt64)] {
            let verdict = await store.decideOne(.attestation(source, target, root: 9))
            #expect(verdict.refusal?.isUnsafe == true, "\(source)→\(target): \(verdict)")
        }
        #expect(await store.decideOne(.attestation(19, 21)) == .recorded)
        #expect(await store.decideOne(.block(106)) == .recorded)
        await store.close()
        try await record.remove()
    }

    @Test func `a vote with its source behind its target, which somebody imported, is not forgotten`() async throws {
        let record = try await database(version: 8)
        let sql = "INSERT INTO signed_attestations (validator_id, source_epoch, target_epoch) VALUES"
        try await run("\(sql) (\(validator(0).row), 60, 40)", record)
        let store = try await record.open { $0.migrates = true }
        let verdict = await store.decideOne(.attestation(50, 55))
        #expect(verdict == .refused(.surrounds(source: 60, target: 40)))
        await store.close()
        try await record.remove()
    }

    /// Something in the way of the last steps: the database stays as Web3Signer knows it.
    @Test(arguments: old) func `a migration that fails leaves everything as it was`(version: Int) async throws {
        let record = try await database(version: version)
        let obstacle = """
            CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'not today'; END $$;
            CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION refuse();
            """
        try await record.psql(obstacle)
        let before = try await contentWithoutMarks(record)
        let settings = try record.settings()
        do {
            _ = try PostgreSQLStore.migrate(settings)
            Issue.record("the obstacle did not stand in the way")
        } catch { #expect("\(error)".contains("not today") && "\(error)".contains("to version 12")) }
        #expect(try await contentWithoutMarks(record) == before)
        #expect(try await record.psql("SELECT to_regnamespace('containment_chamber') IS NULL") == "t")

        try await record.psql("DROP EVENT TRIGGER refuse")
        await (try await record.open { $0.migrates = true }).close()
        try await record.remove()
    }

    /// Tables that each version has.
    private func contentWithoutMarks(_ record: PostgreSQLRecord) async throws -> String {
        try await record.psql(
            """
            SELECT c.relname, a.attname, a.atttypid::regtype, a.attnotnull FROM pg_attribute AS a
                JOIN pg_class AS c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
                ORDER BY 1, a.attnum;
            SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2;
            SELECT t.* FROM validators AS t ORDER BY 1;
            SELECT t.* FROM signed_blocks AS t ORDER BY 1, 2, 3;
            SELECT t.* FROM signed_attestations AS t ORDER BY 1, 2, 3;
            """
        )
    }
}
