// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import Testing

/// Servers and databases that cannot keep the record, or keep it in an unusual way.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLServerTests {
    @Test func `a server that does not sync is refused`() async throws {
        let server = try await PostgreSQLServer.started(settings: ["fsync": "off"])
        let record = try await PostgreSQLRecord(on: server)
        let refusal = try await record.refusal()
        #expect(refusal?.description.contains("runs with fsync = off") == true, "\(String(describing: refusal))")
        await server.stop()
    }

    @Test func `a database that turns read-only suspends signing until it can be written again`() async throws {
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        #expect(await store.decideOne(.block(1)) == .recorded)
        try await setReadOnly(true, record)
        let verdict = await store.decideOne(.block(2))
        guard case .refused(.notCheckable) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(store.health.reason?.contains("read-only") == true, "\(store.health)")
        try await setReadOnly(false, record)
        try await eventually("the store is ready") { store.health == .ready }
        #expect(await store.decideOne(.block(2)) == .recorded)
        await store.close()
        try await record.remove()
    }

    /// As on a standby: every new session is read-only, and old ones are gone.
    private func setReadOnly(_ isReadOnly: Bool, _ record: PostgreSQLRecord) async throws {
        // From another database, where it does not hold.
        try await record.server.psql(
            """
            ALTER DATABASE \(record.database) SET default_transaction_read_only = \(isReadOnly ? "on" : "off");
            SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                WHERE datname = '\(record.database)' AND backend_type = 'client backend';
            """
        )
    }

    @Test func `two signers work through PgBouncer in transaction mode`() async throws {
        let record = try await PostgreSQLRecord()
        let bouncer = try await PgBouncer.started(before: record.server)
        let url = bouncer.url(record.database)
        let stores = [try await record.open(url: url), try await record.open(url: url)]
        for round in UInt64(1)...40 {
            let verdicts = await withTaskGroup(of: [Verdict].self) { group in
                for number in 0..<8 {
                    let keys = [validator(0), validator(number + 1)]
                    group.addTask { await stores[number % 2].decide(.block(round, root: number, by: keys)) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts.filter { $0[0] == .recorded }.count == 1)
            #expect(verdicts.filter { $0[0] == .refused(.doubleBlock(slot: Slot(round))) }.count == 7)
            #expect(verdicts.allSatisfy { $0[1] == .recorded })
        }
        try await stores[0].take(Interchange(of: validator(20), blocks: [RecordedBlock(3, root: 1)]))
        #expect(await stores[1].decideOne(.block(3, root: 2, by: [validator(20)])) == .refused(.doubleBlock(slot: 3)))
        try await stores[1].prune(keepEpochs: 1)
        #expect(try await stores[1].give().validators.count == 10)
        for store in stores { await store.close() }
    }

    @Test func `a record of another network is refused`() async throws {
        let record = try await PostgreSQLRecord()
        await (try await record.open()).close()
        let refusal = try await record.refusal { $0.genesisValidatorsRoot = otherNetwork }
        let place = "127.0.0.1:\(record.server.port)/\(record.database)"
        #expect(refusal == .otherNetwork(path: place, pinned: network, configured: otherNetwork))
        try await record.remove()
    }

    @Test func `tables of a newer version are refused and left alone`() async throws {
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        try await record.psql("UPDATE database_version SET version = 13")
        for refusal in [try await record.refusal(), try await record.refusal { $0.createIfMissing = false }] {
            guard case .unknownVersion(_, "13", 12) = refusal else {
                Issue.record("\(String(describing: refusal))")
                continue
            }
        }
        let settings = try record.settings()
        #expect(throws: StoreError.self) { _ = try PostgreSQLStore.migrate(settings) }
        #expect(try await record.psql("SELECT version FROM database_version") == "13")

        // One that runs notices when it connects again.
        try await setReadOnly(false, record)
        let verdict = await store.decideOne(.block(1))
        #expect(verdict.refusal?.isUnsafe == false && store.health.reason?.contains("has version 13") == true)
        try await record.psql("UPDATE database_version SET version = 12")
        try await eventually("the store is ready") { store.health == .ready }
        await store.close()
        try await record.remove()
    }

    @Test func `nothing is signed once the record is pinned to no network, or to another`() async throws {
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        #expect(await store.decideOne(.block(1)) == .recorded)
        let sabotages = [
            "DELETE FROM metadata", "INSERT INTO metadata (id, genesis_validators_root) VALUES (1, '\\x0102')",
            "UPDATE metadata SET genesis_validators_root = decode(repeat('ab', 32), 'hex')",
        ]
        for (number, sabotage) in sabotages.enumerated() {
            try await record.psql(sabotage)
            for batch in [DutyBatch.block(UInt64(number + 2)), .attestation(1, UInt64(number + 2)), .block(1)] {
                guard case .refused(.notCheckable(let reason)) = await store.decideOne(batch) else {
                    Issue.record("\(sabotage): \(batch.duty) is signed")
                    continue
                }
                #expect(reason.contains("pinned to another network"))
            }
        }
        try await record.psql("UPDATE metadata SET genesis_validators_root = decode(repeat('00', 32), 'hex')")
        #expect(await store.decideOne(.block(1)) == .repeated)
        #expect(await store.decideOne(.block(2)) == .recorded)
        await store.close()
        try await record.remove()
    }

    /// The grants that the documentation names; everything the daemon does works with them.
    private static func grants(to role: String) -> String {
        """
        GRANT SELECT, INSERT ON validators TO \(role);
        GRANT SELECT, INSERT, UPDATE, DELETE ON signed_blocks, signed_attestations TO \(role);
        GRANT SELECT, INSERT, UPDATE ON low_watermarks TO \(role);
        GRANT SELECT, UPDATE ON metadata TO \(role);
        GRANT SELECT ON database_version TO \(role);
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO \(role);
        GRANT SELECT, UPDATE ON containment_chamber.floor TO \(role);
        """
    }

    @Test func `a role that may not create anything signs once the owner has migrated`() async throws {
        let record = try await PostgreSQLRecord()
        let role = "signer_of_\(record.database)"
        try await record.psql("CREATE ROLE \(role) LOGIN PASSWORD 'secret'")
        let url = "postgresql://\(role):secret@127.0.0.1:\(record.server.port)/\(record.database)?sslmode=disable"
        let missing = try await record.refusal(url: url) { $0.createIfMissing = false }
        #expect(missing == .missing(path: "127.0.0.1:\(record.server.port)/\(record.database)"))
        let notAllowed = try await record.refusal(url: url)
        #expect(notAllowed?.description.contains("anti-slashing migrate") == true)

        try PostgreSQLStore.initialize(try record.settings())
        let withoutGrants = try await record.refusal(url: url) { $0.createIfMissing = false }
        #expect(withoutGrants?.description.contains("permission denied") == true)
        try await record.psql(Self.grants(to: role))
        let store = try await record.open(url: url) { $0.createIfMissing = false }
        #expect(await store.decide(.block(5, by: [validator(0), validator(1)])) == [.recorded, .recorded])
        #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
        try await store.take(Interchange(of: validator(2), attestations: [RecordedAttestation(7, 6, root: 1)]))
        try await store.raise(slot: 9, epoch: 3)
        try await store.setHighWatermark(slot: 900, epoch: 90)
        #expect(await store.decideOne(.block(70)) == .recorded)
        try await store.prune(keepEpochs: 1)
        #expect(try await store.give().validators.count == 3)
        #expect(try await store.status().validators == 3)
        await store.close()
        try await record.remove()
        try await record.server.psql("DROP ROLE \(role)")
    }
}
