// SPDX-License-Identifier: Apache-2.0

extension Web3SignerOption {
    /// Options of the chain and of slashing protection, behind `eth2`.
    static let eth2: [Self] =
        [
            .init(.eth2, "network", .translated(network)),
            .init(.eth2, "Xtrusted-setup", .needless("signing needs no trusted setup")),
            .init(
                .eth2,
                "Xsigning-ext-enabled",
                isSwitch: true,
                .missing("there is no signing extension (PROOF_OF_VALIDATION) in this version", inert: "false")
            ),
            .init(.eth2, "slashing-protection-db-url", .translated(database)),
            .init(.eth2, "slashing-protection-enabled", isSwitch: true, .translated(protection)),
            .init(.eth2, "slashing-protection-db-username", .setting("anti_slashing.username")),
            .init(.eth2, "slashing-protection-db-password", .translated(password)),
            .init(.eth2, "slashing-protection-db-pool-configuration-file", .needless(noPool)),
            .init(.eth2, "slashing-protection-pruning-db-pool-configuration-file", .needless(noPool)),
            .init(.eth2, "Xslashing-protection-db-connection-pool-enabled", isSwitch: true, .needless(noPool)),
            .init(
                .eth2,
                "slashing-protection-pruning-enabled",
                isSwitch: true,
                .setting("anti_slashing.pruning.enabled")
            ),
            .init(
                .eth2,
                "slashing-protection-pruning-epochs-to-keep",
                .setting("anti_slashing.pruning.epochs_to_keep")
            ),
            .init(
                .eth2,
                "slashing-protection-pruning-slots-per-epoch",
                .needless("the number of slots in an epoch is taken from the network")
            ),
            .init(.eth2, "slashing-protection-pruning-interval", .setting("anti_slashing.pruning.interval_hours")),
            .init(
                .eth2,
                "slashing-protection-pruning-at-boot-enabled",
                isSwitch: true,
                .setting("anti_slashing.pruning.at_boot")
            ),
            .init(.eth2, "slashing-protection-db-health-check-timeout-milliseconds", .needless(health)),
            .init(.eth2, "slashing-protection-db-health-check-interval-milliseconds", .needless(health)),
        ]
        + ["altair", "bellatrix", "capella", "deneb", "electra", "fulu", "gloas"].map { fork in
            .init(.eth2, "Xnetwork-\(fork)-fork-epoch", .setting("network_overrides.\(fork)_fork_epoch"))
        }

    /// Options of the words behind `eth2`. These words are commands here as well.
    static let subcommands: [Self] = [
        .init(.export, "to", .missing("run containment-chamber anti-slashing export --to FILE")),
        .init(.import, "from", .missing("run containment-chamber anti-slashing import --from FILE")),
        .init(.watermarkRepair, "epoch", .missing(watermark)),
        .init(.watermarkRepair, "slot", .missing(watermark)),
        .init(.watermarkRepair, "set-high-watermark", isSwitch: true, .missing(watermark, inert: "false")),
        .init(.watermarkRepair, "remove-high-watermark", isSwitch: true, .missing(watermark, inert: "false")),
    ]

    private static let noPool = "connections are opened as they are needed, at most anti_slashing.pool_size"
    private static let health = "the record is watched all the time; /healthcheck shows it"
    private static let watermark = "run containment-chamber anti-slashing watermark; see its --help"

    private static func network(_ name: String) -> Web3SignerTranslation {
        if name.hasPrefix("http://") || name.hasPrefix("https://") {
            return .init(
                difference:
                    "is a URL, which is not fetched: download the file, set network to its path and add genesis_validators_root"
            )
        }
        let isPath = name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml")
        return .setting(
            "network",
            name,
            isPath ? "add genesis_validators_root, which is required with a file" : nil
        )
    }

    /// The same database serves both signers. The URL itself is not copied: it may hold a password.
    private static func database(_ url: String) -> Web3SignerTranslation {
        Web3SignerTranslation(
            settings: [
                ("anti_slashing.backend", .text("postgres")), ("anti_slashing.url", .text("env:SLASHING_DATABASE_URL")),
            ],
            difference:
                "is not copied, it may hold a password: put it into the environment as SLASHING_DATABASE_URL, or name a file "
                + "(file:PATH); without sslmode in it, TLS with the server's name verified is now required"
        )
    }

    private static func password(_ password: String) -> Web3SignerTranslation {
        .setting(
            "anti_slashing.password",
            "env:SLASHING_DATABASE_PASSWORD",
            "is not copied: put it into the environment as SLASHING_DATABASE_PASSWORD, or name a file (file:PATH)"
        )
    }

    private static func protection(_ value: String) -> Web3SignerTranslation {
        if value.lowercased() != "false" { return Web3SignerTranslation() }
        return .setting(
            "anti_slashing.backend",
            "noop",
            "nothing keeps validators from being slashed; set it to sqlite or postgres for protection"
        )
    }
}
