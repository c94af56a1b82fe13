// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import Arguments
internal import Concurrency
internal import Configuration
internal import DynamoDB
internal import Foundation
internal import PostgreSQL
internal import SealedKeys
internal import Signer

/// The store of encrypted keys of a configuration.
struct OpenedKeySource: Sendable {
    let store: any SealedKeyStore
    /// One of `KeySourceName`.
    let name: String
    let statuses: Set<SealedKeyStatus>

    /// Nil where no keys are sealed.
    static func open(_ configuration: Configuration) async throws(Failure) -> OpenedKeySource? {
        guard let source = configuration.sealedKeys else { return nil }
        let statuses = Set(source.statusFilter.map { $0 == .active ? SealedKeyStatus.active : .inactive })
        switch source {
        case .sqlite(let keys):
            return .init(store: try await sqlite(keys), name: KeySourceName.sqlite, statuses: statuses)
        case .postgres(let keys):
            return .init(store: try await postgreSQL(keys), name: KeySourceName.postgres, statuses: statuses)
        case .dynamodb(let keys):
            return .init(store: try await dynamoDB(keys), name: KeySourceName.dynamodb, statuses: statuses)
        }
    }

    private static func sqlite(
        _ settings: Configuration.SealedKeySource.SQLiteKeys
    ) async throws(Failure) -> any SealedKeyStore {
        let (path, creates) = (settings.path ?? "", settings.createsIfMissing)
        // Opening waits for the disk, and for a lock.
        let result = await Blocking.run(name: "sealed-keys") { () -> Result<SQLiteSealedKeys, SealedKeyError> in
            Result { () throws(SealedKeyError) in try SQLiteSealedKeys(path: path, createIfMissing: creates) }
        }
        return try opened(result, "key_sources.sqlite")
    }

    private static func postgreSQL(
        _ settings: Configuration.SealedKeySource.PostgreSQLKeys
    ) async throws(Failure) -> any SealedKeyStore {
        let connection = try PostgreSQLSettings(settings)
        let (name, creates) = (settings.table ?? "sealed_keys", settings.createsIfMissing)
        let result = await Blocking.run(name: "sealed-keys") { () -> Result<PostgreSQLSealedKeys, SealedKeyError> in
            Result { () throws(SealedKeyError) in
                try PostgreSQLSealedKeys(connection, name: name, createIfMissing: creates)
            }
        }
        return try opened(result, "key_sources.postgres")
    }

    private static func dynamoDB(
        _ settings: Configuration.SealedKeySource.DynamoDBKeys
    ) async throws(Failure) -> any SealedKeyStore {
        let environment = ProcessInfo.processInfo.environment
        guard let region = settings.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] else {
            throw Failure(
                "no AWS region is known",
                hint: "set key_sources.dynamodb.region, or AWS_REGION in the environment",
                exitCode: .usage
            )
        }
        let database: DynamoDB
        do throws(AWSError) {
            database = try DynamoDB(
                settings: AWSSettings(region: region, endpoint: settings.endpoint),
                runtime: try AWSRuntime()
            )
        } catch { throw Failure("key_sources.dynamodb: \(error)", exitCode: .usage) }
        do throws(SealedKeyError) {
            return try await DynamoDBSealedKeys.open(
                database,
                table: settings.table ?? "",
                readers: settings.maxConcurrentReads
            )
        } catch { throw Failure("\(error)", hint: "key_sources.dynamodb names the table") }
    }

    private static func opened(
        _ result: Result<some SealedKeyStore, SealedKeyError>,
        _ section: String
    ) throws(Failure) -> any SealedKeyStore {
        do throws(SealedKeyError) { return try result.get() } catch {
            throw Failure(
                "\(error)",
                hint:
                    "\(section) says where the encrypted keys are; \(section).create_if_missing: true makes an empty store"
            )
        }
    }
}

extension PostgreSQLSettings {
    /// As the configuration has it.
    init(_ settings: Configuration.SealedKeySource.PostgreSQLKeys) throws(Failure) {
        let url = try settings.url?.text(for: "key_sources.postgres.url") ?? ""
        let password = try settings.password?.text(for: "key_sources.postgres.password")
        do throws(PostgreSQLError) {
            self = try PostgreSQLSettings(
                url: url,
                user: settings.username,
                password: password,
                applicationName: "containment-chamber",
                forceIPv4: settings.forcesIPv4
            )
        } catch {
            throw Failure("key_sources.postgres.url: \(error)", exitCode: .usage)
        }
    }
}
