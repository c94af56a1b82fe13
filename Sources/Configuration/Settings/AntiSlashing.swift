// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// The record of what was signed.
    package struct AntiSlashing: Sendable {
        package enum Backend: String, Sendable, CaseIterable {
            case sqlite
            /// Shared by several signers, Web3Signer among them.
            case postgres
            /// A table of AWS, shared by several signers.
            case dynamodb
            /// No protection at all; said loudly at every start.
            case noop

            /// Whether a floor is kept unless the configuration says otherwise: where several signers may share a record.
            var isFloored: Bool {
                switch self {
                case .sqlite, .noop: false
                case .postgres, .dynamodb: true
                }
            }
        }

        package var backend = Backend.sqlite
        package var path = "./slashing_protection.sqlite"
        package var url: SecretReference?
        package var username: String?
        package var password: SecretReference?
        package var table: String?
        package var region: String?
        package var endpoint: String?
        package var poolSize = 64
        package var forcesIPv4 = false
        package var createsIfMissing = false
        /// Web3Signer's tables of an older version are changed at the start.
        package var migrates = false
        /// How far ahead of local time a duty may be; 0 switches the guard off.
        package var clockGuardEpochs = 2
        package var pruning = Pruning()
        /// An empty or missing record stops the start, a missing floor stops signing.
        package var expectsHistory = false
        package var floor = Floor()

        /// Whether this instance keeps a floor beside the record.
        package var keepsFloor: Bool { backend != .noop && floor.isEnabled ?? backend.isFloored }
    }

    /// What this instance let out, kept apart from the record.
    package struct Floor: Sendable {
        /// Nil: as the backend has it.
        package var isEnabled: Bool?
        package var path = "./slashing_floor.sqlite"
    }

    package struct Pruning: Sendable {
        package var isEnabled = true
        package var epochsToKeep = 250
        package var interval = Duration.seconds(12 * 3600)
        package var atBoot = false
    }
}

extension Configuration.AntiSlashing {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "anti_slashing.backend",
            at: \.antiSlashing.backend,
            .choice(),
            "Where the record of what was signed is kept: a file for one signer, a PostgreSQL database or a DynamoDB table for several. noop keeps none: for tests only, it signs anything."
        ),
        Setting(
            "anti_slashing.path",
            at: \.antiSlashing.path,
            .path,
            flags: ["anti-slashing-sqlite-path"],
            "The file of the sqlite record. It must be on a disk that survives restarts and be used by nobody else."
        ),
        Setting(
            "anti_slashing.url",
            at: \.antiSlashing.url,
            optional: .secret,
            unset: "none; the postgres record needs one",
            "The PostgreSQL database: postgresql://USER:PASSWORD@HOST:PORT/DATABASE?…, or the same behind jdbc:. TLS with the server's name verified unless the URL says otherwise (sslmode, sslrootcert, sslcert, sslkey)."
        ),
        Setting(
            "anti_slashing.username",
            at: \.antiSlashing.username,
            optional: .word,
            unset: "the one in the URL",
            "The database's user, where the URL does not name it."
        ),
        Setting(
            "anti_slashing.password",
            at: \.antiSlashing.password,
            optional: .secret,
            unset: "the one in the URL",
            "The user's password, where the URL does not hold it."
        ),
        Setting(
            "anti_slashing.pool_size",
            at: \.antiSlashing.poolSize,
            .integer(1...1_000),
            "Connections to PostgreSQL for signing, at most; they are opened as they are needed. One more serves imports, pruning and the like."
        ),
        Setting(
            "anti_slashing.force_ipv4",
            at: \.antiSlashing.forcesIPv4,
            .boolean,
            "Reaches PostgreSQL over IPv4 only, where IPv6 addresses are published but lead nowhere."
        ),
        Setting(
            "anti_slashing.table",
            at: \.antiSlashing.table,
            optional: .word,
            unset: "none; the dynamodb record needs one",
            "The DynamoDB table. Credentials come from the standard chain: environment, profile, web identity, container, instance."
        ),
        Setting(
            "anti_slashing.region",
            at: \.antiSlashing.region,
            optional: .word,
            unset: "AWS_REGION, AWS_DEFAULT_REGION",
            "The AWS region of the table."
        ),
        Setting(
            "anti_slashing.endpoint",
            at: \.antiSlashing.endpoint,
            optional: .word,
            unset: "that of the region",
            "Where DynamoDB answers, https://HOST[:PORT]; http:// only for this machine."
        ),
        Setting(
            "anti_slashing.create_if_missing",
            at: \.antiSlashing.createsIfMissing,
            .boolean,
            "Makes an empty record at the start where there is none. Otherwise a missing record stops the start, because a lost one must never be replaced by an empty one unnoticed."
        ),
        Setting(
            "anti_slashing.migrate",
            at: \.antiSlashing.migrates,
            .boolean,
            "Brings Web3Signer's tables of an older schema version to 12 at the start. Otherwise such a database stops the start, because a Web3Signer may be running on it; `anti-slashing migrate` does it once."
        ),
        Setting(
            "anti_slashing.clock_guard_epochs",
            at: \.antiSlashing.clockGuardEpochs,
            .integer(0...1_000_000),
            "How many epochs ahead of local time a duty may be; further ones are refused, so that a client with a wrong clock cannot block a validator for ever. 0 switches it off."
        ),
        Setting(
            "anti_slashing.pruning.enabled",
            at: \.antiSlashing.pruning.isEnabled,
            .boolean,
            "Removes old entries of the record on a schedule. The low watermark is raised first: nothing becomes signable."
        ),
        Setting(
            "anti_slashing.pruning.epochs_to_keep",
            at: \.antiSlashing.pruning.epochsToKeep,
            .integer(1...1_000_000_000),
            "How many epochs are kept, counted from the newest entry of each validator."
        ),
        Setting(
            "anti_slashing.pruning.interval_hours",
            at: \.antiSlashing.pruning.interval,
            .hours(1...8760),
            "How often old entries are removed."
        ),
        Setting(
            "anti_slashing.pruning.at_boot",
            at: \.antiSlashing.pruning.atBoot,
            .boolean,
            "Removes old entries at the start, too."
        ),
        Setting(
            "anti_slashing.expect_history",
            at: \.antiSlashing.expectsHistory,
            .boolean,
            flags: ["expect-history"],
            "Says that there is a record with history: an empty or missing one stops the start, and a missing floor stops signing until it was reconciled. Set it once the signer runs."
        ),
        Setting(
            "anti_slashing.floor.enabled",
            at: \.antiSlashing.floor.isEnabled,
            optional: .boolean,
            unset: "true where several signers may share the record, false for sqlite",
            "Keeps what this instance let out in a small file of its own, written before every release, so that a record which went back in time (a restored backup, a failover that lost commits) stops signing."
        ),
        Setting(
            "anti_slashing.floor.path",
            at: \.antiSlashing.floor.path,
            .path,
            "The file of the floor, one for each signer. It must be on a disk that survives restarts, and must not be restored together with the record."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["anti_slashing.path", "anti_slashing.backend"]) { all in
            guard all.antiSlashing.backend == .sqlite, all.antiSlashing.path.hasPrefix(":memory:") else { return nil }
            return .init("anti_slashing.path", "is not a file: a record in memory is lost with the process")
        },
        Rule(["anti_slashing.table", "anti_slashing.backend"]) { all in
            guard all.antiSlashing.backend == .dynamodb, all.antiSlashing.table == nil else { return nil }
            return .init("anti_slashing.table", "is missing: the dynamodb record needs the name of its table")
        },
        Rule(["anti_slashing.url", "anti_slashing.backend"]) { all in
            guard all.antiSlashing.backend == .postgres, all.antiSlashing.url == nil else { return nil }
            return .init("anti_slashing.url", "is missing: the postgres record needs the URL of its database")
        },
        Rule(["anti_slashing.url", "anti_slashing.backend"]) { all in
            guard all.antiSlashing.backend == .sqlite, all.antiSlashing.url != nil else { return nil }
            return .init("anti_slashing.url", "is set, but anti_slashing.backend is sqlite; set it to postgres")
        },
        Rule(["anti_slashing.floor.path", "anti_slashing.floor.enabled", "anti_slashing.backend"]) { all in
            guard all.antiSlashing.keepsFloor, all.antiSlashing.floor.path.hasPrefix(":memory:") else { return nil }
            return .init("anti_slashing.floor.path", "is not a file: a floor in memory is lost with the process")
        },
        Rule(["anti_slashing.expect_history", "anti_slashing.create_if_missing"]) { all in
            guard all.antiSlashing.expectsHistory, all.antiSlashing.createsIfMissing else { return nil }
            return .init(
                "anti_slashing.expect_history",
                "says that there is a record, anti_slashing.create_if_missing that there may be none",
                hint: "leave create_if_missing to the first start"
            )
        },
    ]
}
