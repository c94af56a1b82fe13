// SPDX-License-Identifier: Apache-2.0
internal import Encoding

extension Configuration {
    /// Who may do what.
    package struct Auth: Sendable {
        package enum Mode: String, Sendable, CaseIterable {
            /// Nothing without a token that allows it.
            case enforced
            /// Callers without a token may sign with every key: for moving from a signer without tokens.
            case open
        }

        /// Nil: `open` on a loopback address, `enforced` on any other.
        package var mode: Mode?
        /// How long policies and tokens in memory are believed while the signer state cannot be read; 0 for ever.
        package var cacheLimit = Duration.seconds(3600)
    }

    /// Where policies and tokens are kept.
    package struct SignerState: Sendable {
        package enum Backend: String, Sendable, CaseIterable {
            case sqlite
            /// Shared by several signers.
            case postgres
            /// A table of AWS, shared by several signers.
            case dynamodb
        }

        /// As the operator has written it; nil where nothing is said.
        package var namedBackend: Backend?
        package var backend: Backend { namedBackend ?? .sqlite }
        /// Nil stands for the place beside the slashing database: `Configuration.signerStatePath`.
        package var path: String?
        package var url: SecretReference?
        package var username: String?
        package var password: SecretReference?
        package var forcesIPv4 = false
        package var table: String?
        package var region: String?
        package var endpoint: String?
        /// Zero where other instances are not followed.
        package var refreshInterval = Duration.seconds(1)
        package var isFollowed: Bool { refreshInterval > .zero }
        /// From the first operator's share to the last, and from a proposal to its end.
        package var unsealTimeout = Duration.seconds(30 * 60)
        /// Nil stands for the place beside an sqlite state: `Configuration.signerStateMemoryPath`.
        package var memoryPath: String?
    }

    /// Where an sqlite state lies.
    package var signerStatePath: String { signerState.path ?? antiSlashing.path + ".state" }

    /// Where this instance remembers how far it has seen the signer state; nil where it does not.
    package var signerStateMemoryPath: String? {
        signerState.memoryPath ?? (signerState.backend == .sqlite ? signerStatePath + ".memory" : nil)
    }

    /// The mode that holds.
    package var authMode: Auth.Mode { auth.mode ?? (isSigningLocal ? .open : .enforced) }
}

extension Configuration.Auth {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "auth.mode",
            at: \.auth.mode,
            optional: .choice(),
            unset: "open on a loopback address, enforced on any other",
            "enforced answers nobody without a token that allows it. open lets callers without a token do everything but manage policies and tokens, the chamber and its keys, for moving from a signer without tokens; whoever shows a token is held to it."
        ),
        Setting(
            "auth.cache_limit_seconds",
            at: \.auth.cacheLimit,
            .seconds(0...31_536_000),
            "How long tokens are still honoured while the signer state cannot be read, so that none can be revoked. 0 is for ever."
        ),
    ]
}

extension Configuration.SignerState {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "signer_state.backend",
            at: \.signerState.namedBackend,
            optional: .choice(),
            unset: "sqlite; to be named where keys are sealed",
            "Where policies and tokens are kept: a file for one signer, a PostgreSQL database or a DynamoDB table for several."
        ),
        Setting(
            "signer_state.path",
            at: \.signerState.path,
            optional: .path,
            unset: "anti_slashing.path with .state added",
            "The file of the sqlite state; made at the first start. Without it, or with an older copy of it, what was granted or revoked since is forgotten."
        ),
        Setting(
            "signer_state.url",
            at: \.signerState.url,
            optional: .secret,
            unset: "none; the postgres state needs one",
            "The PostgreSQL database, as in anti_slashing.url; it may be the same. The tables are in the schema containment_chamber."
        ),
        Setting(
            "signer_state.username",
            at: \.signerState.username,
            optional: .word,
            unset: "the one in the URL",
            "The database's user, where the URL does not name it."
        ),
        Setting(
            "signer_state.password",
            at: \.signerState.password,
            optional: .secret,
            unset: "the one in the URL",
            "The user's password, where the URL does not hold it."
        ),
        Setting(
            "signer_state.force_ipv4",
            at: \.signerState.forcesIPv4,
            .boolean,
            "Reaches PostgreSQL over IPv4 only."
        ),
        Setting(
            "signer_state.table",
            at: \.signerState.table,
            optional: .word,
            unset: "none; the dynamodb state needs one",
            "The DynamoDB table; one of its own, with the keys of docs/formats.md."
        ),
        Setting(
            "signer_state.region",
            at: \.signerState.region,
            optional: .word,
            unset: "AWS_REGION, AWS_DEFAULT_REGION",
            "The AWS region of the table."
        ),
        Setting(
            "signer_state.endpoint",
            at: \.signerState.endpoint,
            optional: .word,
            unset: "that of the region",
            "Where DynamoDB answers, https://HOST[:PORT]; http:// only for this machine."
        ),
        Setting(
            "signer_state.refresh_interval_seconds",
            at: \.signerState.refreshInterval,
            .seconds(0...3600),
            "How soon this signer follows what another has changed, at most. 0 switches that off: what another seals, revokes or rotates is learnt when this one changes something itself, or restarts."
        ),
        Setting(
            "signer_state.unseal_timeout_minutes",
            at: \.signerState.unsealTimeout,
            .minutes(1...1440),
            "How long operators may take to unseal the chamber together, or to approve a change: then the shares that are there are dropped."
        ),
        Setting(
            "signer_state.memory_path",
            at: \.signerState.memoryPath,
            optional: .path,
            unset: "signer_state.path with .memory added; none for postgres and dynamodb",
            "The file in which this signer remembers how far it has seen the catalogue of policies and tokens. With it, a state that was set back while the signer was stopped is refused. Keep it on another disk than the state, one that survives restarts."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["signer_state.path", "anti_slashing.path", "anti_slashing.floor.path"]) { all in
            let (path, protection) = (all.signerStatePath, all.antiSlashing)
            guard all.signerState.backend == .sqlite else { return nil }
            guard [protection.path, protection.floor.path].map(FilePath.init).contains(FilePath(path)) else {
                return nil
            }
            return .init("signer_state.path", "is the file of the slashing record or its floor too")
        },
        Rule(["signer_state.memory_path", "signer_state.path", "anti_slashing.path"]) { all in
            guard let path = all.signerState.memoryPath else { return nil }
            let others = [all.signerStatePath, all.antiSlashing.path, all.antiSlashing.floor.path]
            guard others.map(FilePath.init).contains(FilePath(path)) else { return nil }
            return .init("signer_state.memory_path", "is the file of the state, the slashing record or its floor too")
        },
        Rule(["signer_state.url", "signer_state.backend"]) { all in
            guard all.signerState.backend == .postgres, all.signerState.url == nil else { return nil }
            return .init("signer_state.url", "is missing: the postgres state needs the URL of its database")
        },
        Rule(["signer_state.table", "signer_state.backend"]) { all in
            guard all.signerState.backend == .dynamodb, all.signerState.table == nil else { return nil }
            return .init("signer_state.table", "is missing: the dynamodb state needs the name of its table")
        },
        Rule(["signer_state.table", "anti_slashing.table"]) { all in
            guard let table = all.signerState.table, table == all.antiSlashing.table else { return nil }
            return .init("signer_state.table", "is the table of the slashing record too; each needs one of its own")
        },
        Rule(["signer_state.path", "anti_slashing.path"]) { all in
            guard all.signerState.path?.hasPrefix(":memory:") == true else { return nil }
            return .init("signer_state.path", "is not a file: a state in memory forgets every token with the process")
        },
    ]
}

extension ValueType where Value == AddressRange {
    /// A block of addresses.
    static let addressRange = ValueType(
        "block of addresses",
        placeholder: "CIDR",
        read: { text throws(ValueFailure) in
            do throws(AddressRange.Failure) { return try AddressRange(text) } catch { throw ValueFailure("\(error)") }
        },
        write: { "\($0)" }
    )
}
