// SPDX-License-Identifier: Apache-2.0
import Consensus
import PostgreSQLServer
import SlashingProtection
import Testing

/// Tables that lie in another schema than `public` (`currentSchema` in the URL).
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLSchemaTests {
    private func url(_ record: PostgreSQLRecord, _ schema: String) -> String {
        record.url + "&currentSchema=\(schema)"
    }

    @Test func `tables of Web3Signer in a schema of their own are used there`() async throws {
        let record = try await PostgreSQLRecord()
        let user = PostgreSQLServer.user
        try await record.psql("CREATE SCHEMA web3 AUTHORIZATION \(user)")
        try await record.psql(
            "SET ROLE \(user); SET search_path = web3;\n"
                + Web3SignerTables.script(version: Web3SignerTables.latest)
                    + """
                    INSERT INTO validators (public_key) VALUES (\(validator(0).literal));
                    INSERT INTO metadata VALUES (1, decode(repeat('00', 32), 'hex'));
                    INSERT INTO signed_blocks (validator_id, slot, signing_root) SELECT id, 5, \(root(1).literal) FROM validators;
                    """
        )
        let store = try await record.open(url: url(record, "web3")) { $0.createIfMissing = false }
        #expect(await store.decideOne(.block(5, root: 1)) == .repeated)
        #expect(await store.decideOne(.block(5, root: 2)) == .refused(.doubleBlock(slot: 5)))
        #expect(await store.decide(.block(6, by: [validator(0), validator(1)])) == [.recorded, .recorded])
        #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
        // Web3Signer's triggers, which name no schema.
        await #expect(throws: StoreError.self) { try await store.setHighWatermark(slot: 1, epoch: 1) }
        try await store.setHighWatermark(slot: 100, epoch: 10)
        #expect(try await record.psql("SELECT count(*) FROM web3.signed_blocks") == "3")
        try await store.prune(keepEpochs: 1)
        #expect(try await store.give().validators.count == 2)
        #expect(try await record.psql("SELECT to_regclass('public.validators') IS NULL") == "t")
        #expect(try await record.psql("SELECT to_regnamespace('containment_chamber') IS NULL") == "t")
        await store.close()

        // Without the name, nothing is made beside it.
        let refusal = try await record.refusal { $0.createIfMissing = false }
        guard case .missing = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        try await record.remove()
    }

    @Test func `two records in one database know nothing of each other`() async throws {
        let record = try await PostgreSQLRecord()
        let stores = [
            try await record.open(), try await record.open(url: url(record, "one")),
            try await record.open(url: url(record, "two")),
        ]
        for (number, store) in stores.enumerated() {
            #expect(
                await store.decide(.block(1, root: number, by: [validator(0), validator(1)])) == [.recorded, .recorded]
            )
            #expect(await store.decideOne(.attestation(1, 2, root: number)) == .recorded)
        }
        try await stores[1].raise(slot: 50, epoch: 5)
        #expect(await stores[1].decideOne(.block(2, by: [validator(5)])) == .refused(.belowLowWatermark(lowest: 50)))
        for number in [0, 2] {
            #expect(await stores[number].decideOne(.block(2, by: [validator(5)])) == .recorded)
            #expect(try await stores[number].count().blocks == 3)
        }
        for store in stores { await store.close() }
        try await record.remove()
    }

    @Test(arguments: [
        "Upper", "two,names", "pg_catalog_x", "9lives", "a%20b", "%22quoted%22", String(repeating: "a", count: 41),
    ])
    func `a schema that is not one plain name is refused`(name: String) async throws {
        let record = try await PostgreSQLRecord()
        let refusal = try await record.refusal(url: url(record, name))
        #expect(
            refusal?.description.contains("must be the name of one schema") == true,
            "\(String(describing: refusal))"
        )
        try await record.remove()
    }

    /// As the owner of the role or of the database may have set it: Web3Signer then works in that schema.
    @Test(arguments: [true, false])
    func `a search_path that leads elsewhere than the URL is refused`(hasTables: Bool) async throws {
        let record = try await PostgreSQLRecord()
        try await record.psql(
            """
            CREATE SCHEMA web3 AUTHORIZATION \(PostgreSQLServer.user);
            ALTER DATABASE \(record.database) SET search_path = web3, public;
            """
        )
        if hasTables {
            try await record.psql(
                "SET ROLE \(PostgreSQLServer.user); SET search_path = web3;\n"
                    + Web3SignerTables.script(version: Web3SignerTables.latest)
            )
        }
        let refusal = try await record.refusal()
        #expect(refusal?.description.contains("currentSchema=web3") == true, "\(String(describing: refusal))")
        let settings = try record.settings()
        #expect(throws: StoreError.self) { try PostgreSQLStore.initialize(settings) }
        #expect(throws: StoreError.self) { _ = try PostgreSQLStore.migrate(settings) }
        #expect(try await record.psql("SELECT to_regclass('public.validators') IS NULL") == "t")
        #expect(try await record.psql("SELECT to_regnamespace('containment_chamber') IS NULL") == "t")
        await (try await record.open(url: url(record, "web3"))).close()
        try await record.remove()
    }
}
