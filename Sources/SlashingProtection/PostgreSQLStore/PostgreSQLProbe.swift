// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Consensus
internal import Encoding
internal import PostgreSQL

/// What a look at an idle database finds.
struct DatabaseSight {
    let identity: DatabaseIdentity
    /// Whether a transaction of ours would be read-only.
    let isReadOnly: Bool
    /// Why no commit comes back although the database answers.
    let standstill: String?
}

extension PostgreSQLDatabase {
    /// Bytes of a probe's signing root. More than a row holds, so that they need pages of their own: on a full disk a small
    /// row may still find room in a page that is there.
    private static let probeBytes = 65_536

    /// Sees which database answers on a session and whether it says itself that it takes writes; writes nothing.
    func look(_ session: inout PostgreSQLSession) throws(PostgreSQLError) -> DatabaseSight {
        let results = try session.connection.run(
            [identityStatement(expected: session.incarnation), standing],
            within: settings.probeLimit
        )
        return DatabaseSight(
            identity: try incarnation(results[0]).identity,
            isReadOnly: results[1].bool(0, 0) == true,
            standstill: standstill(results[1])
        )
    }

    /// Sessions of ours that wait for a synchronous standby nearly as long as a call may take are those of calls that were
    /// given up: each goes on waiting on the server, holding its locks and its place among `max_connections`.
    private var standing: PostgreSQLStatement {
        PostgreSQLStatement(
            """
            SELECT current_setting('transaction_read_only') = 'on', current_setting('synchronous_standby_names'),
                (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'
                    AND clock_timestamp() - query_start > $1 * interval '1 millisecond')
            """,
            [.int64(settings.callLimit.nanoseconds / 8_000_000 * 7)]
        )
    }

    private func standstill(_ table: ResultTable) -> String? {
        guard let waiting = table.int64(0, 2), waiting > 0 else { return nil }
        return
            "\(waiting) commits wait for a synchronous standby that does not confirm them (synchronous_standby_names = "
            + "'\(table.text(0, 1) ?? "")'); bring the standby back, or take it out of that setting"
    }

    /// Why no commit comes back over a connection that was made just now; nil where they do.
    func standstill(_ connection: inout PostgreSQLConnection) throws(StoreError) -> String? {
        do throws(PostgreSQLError) {
            return standstill(try connection.run([standing], within: settings.callLimit)[0])
        } catch {
            throw .storage(reason: "\(error)")
        }
    }

    /// Does all that signing does to the tables for a validator that nobody has, and takes it back: `.server` where the
    /// database does not take what signing writes.
    ///
    /// A row that was never committed is cleared away by the server's vacuum.
    func tryWriting(_ session: inout PostgreSQLSession) throws(PostgreSQLError) {
        var random = SystemRandomNumberGenerator()
        let key = PostgreSQLParameter.bytes((0..<48).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        let network = PostgreSQLParameter.bytes(settings.genesisValidatorsRoot.bytes.array)
        // Random, because the server compresses.
        let root = (0..<Self.probeBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let patience = PostgreSQLParameter.text(settings.lockPatience)
        _ = try session.connection.run(
            [
                Self.begin,
                PostgreSQLStatement("SELECT \(schema.call("register_v1"))(ARRAY[$1::bytea], $2)", [key, patience]),
                PostgreSQLStatement(
                    "SELECT code FROM \(schema.call("decide_blocks_v1"))($1, ARRAY[$2::bytea], '{0}', ARRAY[''::bytea], $3)",
                    [network, key, patience]
                ),
                PostgreSQLStatement(
                    """
                    SELECT code FROM \(schema.call("decide_attestations_v1"))(
                        $1, ARRAY[$2::bytea], '{0}', '{0}', ARRAY[''::bytea], $3)
                    """,
                    [network, key, patience]
                ),
                PostgreSQLStatement(
                    """
                    INSERT INTO \(schema.tables).signed_blocks (validator_id, slot, signing_root)
                        SELECT id, 1, $2 FROM \(schema.tables).validators WHERE public_key = $1
                    """,
                    [key, .bytes(root)]
                ),
                PostgreSQLStatement(
                    """
                    INSERT INTO \(schema.tables).signed_attestations (validator_id, source_epoch, target_epoch, signing_root)
                        SELECT id, 1, 1, $2 FROM \(schema.tables).validators WHERE public_key = $1
                    """,
                    [key, .bytes(root)]
                ), PostgreSQLStatement("ROLLBACK"),
            ],
            within: settings.callLimit
        )
    }
}

/// SQLSTATE codes (PostgreSQL, appendix A), and a few of our own.
enum SQLState {
    /// `identity_v1` found another incarnation than the session began with.
    static let otherIncarnation = "CC001"
    /// Made on this side: the database answers, but cannot keep the record as it is.
    static let unsuitable = "CC002"

    /// Serialization failure, deadlock, lock not available, a row that somebody else put in without the lock meanwhile (the
    /// next call sees it), and shutdown or start of the server.
    static func passes(_ code: String) -> Bool {
        ["23505", "40001", "40P01", "55P03", "57P01", "57P02", "57P03"].contains(code)
    }

    /// What an operator can do about it; begins with a separator.
    static func advice(_ code: String) -> String {
        switch code {
        case "53100": "; free space on the database's disk"
        case let code where code.hasPrefix("53"): "; the server has run out of what it needs"
        case "25006", "0A000":
            "; only a primary that takes writes can keep the record. Is this a standby, or was it frozen?"
        case "42501": "; grant the signer's role what docs/operations.md names"
        case "42883", "3F000", "42P01", "42703": "; run anti-slashing migrate"
        default: "; see the server's log"
        }
    }
}

extension PostgreSQLError {
    /// In the record's words, with what to do.
    var words: String {
        switch self {
        case .server(SQLState.unsuitable, let message): message
        case .server(let state, let message):
            "the database does not take what signing writes: \(message) (SQLSTATE \(state))\(SQLState.advice(state))"
        case .unreachable(let reason): "the slashing record cannot be reached: \(reason)"
        case .settings, .lost, .timedOut: "the slashing record cannot be reached: \(self)"
        }
    }
}

extension StoreError {
    /// A call of administration that failed.
    static func storage(_ error: PostgreSQLError) -> StoreError {
        if case .server(SQLState.unsuitable, let message) = error { return .storage(reason: message) }
        return .storage(reason: "\(error)")
    }
}
