// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import Arguments
internal import Concurrency
internal import Configuration
internal import DynamoDB
internal import Foundation
internal import PostgreSQL
internal import SignerState

/// The signer state of a configuration.
enum OpenedState {
    static func open(_ configuration: Configuration) async throws(Failure) -> any StateStore {
        let settings = configuration.signerState
        switch settings.backend {
        case .sqlite:
            let path = configuration.signerStatePath
            // Opening waits for the disk, and for a lock.
            let result = await Blocking.run(name: "signer-state") { () -> Result<SQLiteState, StateError> in
                Result { () throws(StateError) in try SQLiteState(path: path) }
            }
            do throws(StateError) { return try result.get() } catch {
                throw Failure("\(error)", hint: "signer_state.path names the file")
            }
        case .postgres: return try await postgreSQL(settings)
        case .dynamodb:
            let database = try dynamoDB(settings)
            do throws(StateError) {
                return try await DynamoDBState.open(database, table: settings.table ?? "")
            } catch {
                throw Failure("\(error)")
            }
        }
    }

    /// Connecting blocks, so it has a thread of its own.
    private static func postgreSQL(_ settings: Configuration.SignerState) async throws(Failure) -> any StateStore {
        let connection = try PostgreSQLSettings(settings)
        let result = await Blocking.run(name: "signer-state") { () -> Result<PostgreSQLState, StateError> in
            Result { () throws(StateError) in try PostgreSQLState(connection) }
        }
        do throws(StateError) { return try result.get() } catch { throw Failure("\(error)") }
    }

    private static func dynamoDB(_ settings: Configuration.SignerState) throws(Failure) -> DynamoDB {
        let environment = ProcessInfo.processInfo.environment
        guard let region = settings.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] else {
            throw Failure(
                "no AWS region is known",
                hint: "set signer_state.region, or AWS_REGION in the environment",
                exitCode: .usage
            )
        }
        do throws(AWSError) {
            return try DynamoDB(
                settings: AWSSettings(region: region, endpoint: settings.endpoint),
                runtime: try AWSRuntime(),
                within: .seconds(5)
            )
        } catch {
            throw Failure("signer_state: \(error)", exitCode: .usage)
        }
    }
}

extension PostgreSQLSettings {
    /// As the configuration has it.
    init(_ settings: Configuration.SignerState) throws(Failure) {
        let url = try settings.url?.text(for: "signer_state.url") ?? ""
        let password = try settings.password?.text(for: "signer_state.password")
        do throws(PostgreSQLError) {
            self = try PostgreSQLSettings(
                url: url,
                user: settings.username,
                password: password,
                applicationName: "containment-chamber",
                forceIPv4: settings.forcesIPv4
            )
        } catch {
            throw Failure("signer_state.url: \(error)", exitCode: .usage)
        }
    }
}
