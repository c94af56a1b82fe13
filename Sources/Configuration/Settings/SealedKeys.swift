// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// Keys that lie encrypted under the chamber's master key, in a store that all instances share: where, and which.
    package enum SealedKeySource: Sendable {
        case sqlite(SQLiteKeys)
        case postgres(PostgreSQLKeys)
        case dynamodb(DynamoDBKeys)

        package enum Status: String, Sendable, CaseIterable {
            case active
            case inactive
        }

        package struct SQLiteKeys: Sendable {
            /// Nil where this source is not used.
            package var path: String?
            package var createsIfMissing = false
            package var statusFilter: [Status] = [.active]
            package var refreshInterval = Duration.seconds(1)
        }

        package struct PostgreSQLKeys: Sendable {
            /// Nil where this source is not used.
            package var url: SecretReference?
            package var username: String?
            package var password: SecretReference?
            package var forcesIPv4 = false
            package var table: String?
            package var createsIfMissing = false
            package var statusFilter: [Status] = [.active]
            package var refreshInterval = Duration.seconds(1)
        }

        package struct DynamoDBKeys: Sendable {
            /// Nil where this source is not used.
            package var table: String?
            package var region: String?
            package var endpoint: String?
            package var maxConcurrentReads = 16
            package var statusFilter: [Status] = [.active]
            package var refreshInterval = Duration.seconds(1)
        }

        /// Of the keys that sign.
        package var statusFilter: [Status] {
            switch self {
            case .sqlite(let keys): keys.statusFilter
            case .postgres(let keys): keys.statusFilter
            case .dynamodb(let keys): keys.statusFilter
            }
        }

        /// Zero where other instances are not followed.
        package var refreshInterval: Duration {
            switch self {
            case .sqlite(let keys): keys.refreshInterval
            case .postgres(let keys): keys.refreshInterval
            case .dynamodb(let keys): keys.refreshInterval
            }
        }

        /// The setting that names it.
        var key: String {
            switch self {
            case .sqlite: "key_sources.sqlite.path"
            case .postgres: "key_sources.postgres.url"
            case .dynamodb: "key_sources.dynamodb.table"
            }
        }
    }

    /// The one store of sealed keys; nil where none is configured.
    package var sealedKeys: SealedKeySource? {
        if keySources.sqlite.path != nil { return .sqlite(keySources.sqlite) }
        if keySources.postgres.url != nil { return .postgres(keySources.postgres) }
        if keySources.dynamodb.table != nil { return .dynamodb(keySources.dynamodb) }
        return nil
    }
}

extension Configuration.SealedKeySource {
    static let settings: [Setting<Configuration>] =
        [
            Setting(
                "key_sources.sqlite.path",
                at: \.keySources.sqlite.path,
                optional: .path,
                unset: "none; the source is not used",
                "A file with encrypted keys, for a chamber of one instance."
            ),
            Setting(
                "key_sources.sqlite.create_if_missing",
                at: \.keySources.sqlite.createsIfMissing,
                .boolean,
                "Makes an empty store where there is none. Otherwise that stops the start: a store that is only not mounted must not be replaced by an empty one."
            ),
        ] + common("sqlite", \.keySources.sqlite.statusFilter, \.keySources.sqlite.refreshInterval)
        + [
            Setting(
                "key_sources.postgres.url",
                at: \.keySources.postgres.url,
                optional: .secret,
                unset: "none; the source is not used",
                "A PostgreSQL database with encrypted keys, as in anti_slashing.url; it may be the same. The tables are in the schema containment_chamber."
            ),
            Setting(
                "key_sources.postgres.username",
                at: \.keySources.postgres.username,
                optional: .word,
                unset: "the one in the URL",
                "The database's user, where the URL does not name it."
            ),
            Setting(
                "key_sources.postgres.password",
                at: \.keySources.postgres.password,
                optional: .secret,
                unset: "the one in the URL",
                "The user's password, where the URL does not hold it."
            ),
            Setting(
                "key_sources.postgres.force_ipv4",
                at: \.keySources.postgres.forcesIPv4,
                .boolean,
                "Reaches PostgreSQL over IPv4 only."
            ),
            Setting(
                "key_sources.postgres.table",
                at: \.keySources.postgres.table,
                optional: .word,
                unset: "sealed_keys",
                "What the tables are called, where several chambers share a database."
            ),
            Setting(
                "key_sources.postgres.create_if_missing",
                at: \.keySources.postgres.createsIfMissing,
                .boolean,
                "Makes an empty store where there is none. Otherwise that stops the start: a store that is only not mounted must not be replaced by an empty one."
            ),
        ] + common("postgres", \.keySources.postgres.statusFilter, \.keySources.postgres.refreshInterval)
        + [
            Setting(
                "key_sources.dynamodb.table",
                at: \.keySources.dynamodb.table,
                optional: .word,
                unset: "none; the source is not used",
                "A DynamoDB table with encrypted keys; one of its own, with the keys and the index of docs/formats.md."
            ),
            Setting(
                "key_sources.dynamodb.region",
                at: \.keySources.dynamodb.region,
                optional: .word,
                unset: "AWS_REGION, AWS_DEFAULT_REGION",
                "The AWS region of the table."
            ),
            Setting(
                "key_sources.dynamodb.endpoint",
                at: \.keySources.dynamodb.endpoint,
                optional: .word,
                unset: "that of the region",
                "Where DynamoDB answers, https://HOST[:PORT]; http:// only for this machine."
            ),
            Setting(
                "key_sources.dynamodb.max_concurrent_reads",
                at: \.keySources.dynamodb.maxConcurrentReads,
                .integer(1...256),
                "How many readers load the table at the same time. Fewer burst less on a table with provisioned capacity."
            ),
        ] + common("dynamodb", \.keySources.dynamodb.statusFilter, \.keySources.dynamodb.refreshInterval)

    private static func common(
        _ name: String,
        _ statuses: any WritableKeyPath<Configuration, [Status]> & Sendable,
        _ interval: any WritableKeyPath<Configuration, Duration> & Sendable
    ) -> [Setting<Configuration>] {
        [
            Setting(
                "key_sources.\(name).status_filter",
                at: statuses,
                listOf: .choice(),
                mayBeEmpty: false,
                "Which keys sign: active ones, or inactive ones too. Where inactive ones do, deactivating a key does not end it: only deleting it does."
            ),
            Setting(
                "key_sources.\(name).refresh_interval_seconds",
                at: interval,
                .seconds(0...3600),
                "How often it is looked for keys that other instances have changed. 0 switches that off."
            ),
        ]
    }

    static let rules: [Rule<Configuration>] = [
        Rule(["key_sources.sqlite.path", "key_sources.postgres.url", "key_sources.dynamodb.table"]) { all in
            let sources = all.keySources
            let given = [
                ("key_sources.sqlite.path", sources.sqlite.path != nil),
                ("key_sources.postgres.url", sources.postgres.url != nil),
                ("key_sources.dynamodb.table", sources.dynamodb.table != nil),
            ].filter(\.1)
            guard given.count > 1 else { return nil }
            return .init(
                given[1].0,
                "is given together with \(given[0].0): a chamber has one store of encrypted keys",
                hint: "keys of files are loaded beside it"
            )
        },
        Rule([
            "key_sources.sqlite.path", "key_sources.postgres.url", "key_sources.dynamodb.table", "signer_state.backend",
        ]) { all in
            guard let source = all.sealedKeys, all.signerState.namedBackend == nil else { return nil }
            return .init(
                source.key,
                "needs signer_state.backend: how the master key is held has to lie somewhere that you have named",
                hint: "sqlite for one instance, postgres or dynamodb for several"
            )
        },
        Rule(["key_sources.dynamodb.table", "signer_state.table", "anti_slashing.table"]) { all in
            var tables: [(key: String, table: String)] = []
            if let table = all.keySources.dynamodb.table { tables.append(("key_sources.dynamodb.table", table)) }
            if all.signerState.backend == .dynamodb, let table = all.signerState.table {
                tables.append(("signer_state.table", table))
            }
            if all.antiSlashing.backend == .dynamodb, let table = all.antiSlashing.table {
                tables.append(("anti_slashing.table", table))
            }
            for (place, first) in tables.enumerated() {
                guard let second = tables.dropFirst(place + 1).first(where: { $0.table == first.table }) else {
                    continue
                }
                return .init(second.key, "is the same table as \(first.key); each has one of its own")
            }
            return nil
        },
        Rule(["key_sources.sqlite.path", "signer_state.path", "anti_slashing.path"]) { all in
            var files: [(key: String, path: String)] = []
            if let path = all.keySources.sqlite.path { files.append(("key_sources.sqlite.path", path)) }
            if all.signerState.backend == .sqlite { files.append(("signer_state.path", all.signerStatePath)) }
            if all.antiSlashing.backend == .sqlite { files.append(("anti_slashing.path", all.antiSlashing.path)) }
            for (place, first) in files.enumerated() {
                guard
                    let second = files.dropFirst(place + 1).first(where: { FilePath($0.path) == FilePath(first.path) })
                else {
                    continue
                }
                return .init(second.key, "is the same file as \(first.key); each has one of its own")
            }
            return nil
        },
    ]
}
