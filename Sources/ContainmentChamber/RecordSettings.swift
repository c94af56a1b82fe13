// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import Arguments
internal import Concurrency
internal import Configuration
internal import Consensus
internal import DynamoDB
internal import Foundation
internal import PostgreSQL
internal import SignerAPI
internal import SlashingProtection

/// Where the record of a configuration is, and how it is opened.
enum RecordSettings {
    /// Nothing is kept.
    case none
    case sqlite(SQLiteStore.Settings)
    case postgreSQL(PostgreSQLStore.Settings)
    case dynamoDB(DynamoDBStore.Settings)

    /// What a record is opened for.
    enum Purpose {
        case signing
        /// A command never makes a record by the way.
        case administration
        /// Nothing is decided, so no clock is needed.
        case making
    }

    init(_ configuration: Configuration, network: Network, for purpose: Purpose) throws(Failure) {
        guard let root = network.genesisValidatorsRoot else { throw Failure("the network has no root") }
        let protection = configuration.antiSlashing
        var latestEpoch: @Sendable () -> Epoch? = { nil }
        if purpose != .making { latestEpoch = try protection.latestEpoch(network) }
        let createsIfMissing = purpose == .signing && protection.createsIfMissing
        switch protection.backend {
        case .noop: self = .none
        case .sqlite:
            self = .sqlite(
                SQLiteStore.Settings(
                    path: protection.path,
                    genesisValidatorsRoot: root,
                    slotsPerEpoch: network.preset.slotsPerEpoch,
                    latestEpoch: latestEpoch,
                    createIfMissing: createsIfMissing
                )
            )
        case .dynamodb:
            self = .dynamoDB(
                DynamoDBStore.Settings(
                    database: try DynamoDB(protection),
                    table: protection.table ?? "",
                    genesisValidatorsRoot: root,
                    slotsPerEpoch: network.preset.slotsPerEpoch,
                    latestEpoch: latestEpoch,
                    createIfMissing: createsIfMissing
                )
            )
        case .postgres:
            var settings = PostgreSQLStore.Settings(
                connection: try PostgreSQLSettings(protection),
                genesisValidatorsRoot: root,
                slotsPerEpoch: network.preset.slotsPerEpoch,
                latestEpoch: latestEpoch,
                createIfMissing: createsIfMissing,
                poolSize: protection.poolSize
            )
            settings.migrates = purpose == .signing && protection.migrates
            self = .postgreSQL(settings)
        }
    }

    /// For messages; never a password.
    var place: String {
        switch self {
        case .none: "nowhere"
        case .sqlite(let settings): settings.path
        case .postgreSQL(let settings): settings.connection.description
        case .dynamoDB(let settings): "table \(settings.table)"
        }
    }

    func open() async throws(StoreError) -> any RecordStore {
        switch self {
        case .none: NoopStore()
        case .sqlite(let settings): try SQLiteStore(settings)
        case .postgreSQL(let settings):
            // Connecting blocks, and may take as long as a database that is away needs to be given up.
            try await Blocking.run(name: "opening") {
                Result { () throws(StoreError) in try PostgreSQLStore(settings) }
            }.get()
        case .dynamoDB(let settings): try await DynamoDBStore.open(settings)
        }
    }

    /// Makes an empty record.
    func initialize() async throws(StoreError) {
        switch self {
        case .none: break
        case .sqlite(let settings): try SQLiteStore.initialize(settings)
        case .postgreSQL(let settings):
            try await Blocking.run(name: "making") {
                Result { () throws(StoreError) in try PostgreSQLStore.initialize(settings) }
            }.get()
        case .dynamoDB(let settings): try await DynamoDBStore.initialize(settings)
        }
    }
}

extension Configuration.AntiSlashing {
    /// How many epochs the clock guard lets duties be ahead, and the clock; nil where the guard is off.
    func clockGuard(_ network: Network) throws(Failure) -> (ahead: UInt64, clock: SlotClock)? {
        guard clockGuardEpochs > 0 else { return nil }
        guard let clock = SlotClock(network: network, now: { WallClock.nanoseconds / 1_000_000_000 }) else {
            throw Failure(
                "the clock guard needs the genesis time of network \(network.name)",
                hint: "set genesis_time, or anti_slashing.clock_guard_epochs: 0 to do without the guard",
                exitCode: .usage
            )
        }
        return (UInt64(clockGuardEpochs), clock)
    }

    /// The latest epoch that the clock guard lets be signed; nil where it is off.
    func latestEpoch(_ network: Network) throws(Failure) -> @Sendable () -> Epoch? {
        guard let (ahead, clock) = try clockGuard(network) else { return { nil } }
        return { Epoch(clock.currentEpoch.value + ahead) }
    }
}

extension ClockGuard {
    /// As the configuration has it. Without a record nothing is taken, and no clock is needed.
    init(_ settings: Configuration.AntiSlashing, _ network: Network) throws(Failure) {
        guard settings.backend != .noop else {
            self = .off
            return
        }
        self.init(slotsPerEpoch: network.preset.slotsPerEpoch, latestEpoch: try settings.latestEpoch(network))
    }
}

extension PostgreSQLSettings {
    /// As the configuration has it.
    init(_ protection: Configuration.AntiSlashing) throws(Failure) {
        let url = try protection.url?.text(for: "anti_slashing.url") ?? ""
        let password = try protection.password?.text(for: "anti_slashing.password")
        do throws(PostgreSQLError) {
            self = try PostgreSQLSettings(
                url: url,
                user: protection.username,
                password: password,
                applicationName: "containment-chamber",
                forceIPv4: protection.forcesIPv4
            )
        } catch {
            throw Failure("anti_slashing.url: \(error)", exitCode: .usage)
        }
    }
}

extension DynamoDB {
    /// As the configuration has it. One operation gets two seconds, retries included: an attestation has four in all.
    fileprivate init(_ protection: Configuration.AntiSlashing) throws(Failure) {
        let environment = ProcessInfo.processInfo.environment
        guard let region = protection.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] else {
            throw Failure(
                "no AWS region is known",
                hint: "set anti_slashing.region, or AWS_REGION in the environment",
                exitCode: .usage
            )
        }
        do throws(AWSError) {
            self = try DynamoDB(
                settings: AWSSettings(region: region, endpoint: protection.endpoint),
                runtime: try AWSRuntime(),
                within: .seconds(2)
            )
        } catch {
            throw Failure("anti_slashing: \(error)", exitCode: .usage)
        }
    }
}

extension Failure {
    static var withoutRecord: Failure { Failure("the backend noop keeps no record", exitCode: .usage) }
}
