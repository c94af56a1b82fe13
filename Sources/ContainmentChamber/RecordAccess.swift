// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Consensus
internal import Foundation
internal import SignerAPI
internal import SlashingProtection

/// The record of a configuration, for one command: through the running signer where there is one, else by opening it.
struct RecordAccess {
    private let configuration: Configuration
    private let network: Network

    init(_ configuration: Configuration) throws(Failure) {
        guard configuration.antiSlashing.backend != .noop else { throw .withoutRecord }
        self.configuration = configuration
        network = try Network.selected(by: configuration.network)
    }

    /// For messages.
    var place: String {
        switch configuration.antiSlashing.backend {
        case .noop: "nowhere"
        case .sqlite: configuration.antiSlashing.path
        case .postgres: "the PostgreSQL database"
        case .dynamodb: "the DynamoDB table \(configuration.antiSlashing.table ?? "")"
        }
    }

    /// The network that the configuration names.
    var genesisValidatorsRoot: Root? { network.genesisValidatorsRoot }

    /// Runs one task.
    func run(_ task: AdministrativeTask) async throws(Failure) -> AdministrativeAnswer {
        try await session { session throws(Failure) in try await session.run(task) }
    }

    /// Lets `body` run tasks, as many as it likes, through the same door.
    ///
    /// - Parameter isBulk: whether much is written: then a record in PostgreSQL gets two connections, because its server works
    ///   on each with one processor.
    /// - Parameter asInstance: whether what is done happens in the name of this instance, as its floor has it.
    func session<Result>(
        isBulk: Bool = false,
        asInstance: Bool = false,
        _ body: (RecordSession) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let session = try await open(isBulk: isBulk, asInstance: asInstance)
        let result: Swift.Result<Result, Failure>
        do throws(Failure) { result = .success(try await body(session)) } catch { result = .failure(error) }
        await session.close()
        return try result.get()
    }

    private func open(isBulk: Bool, asInstance: Bool) async throws(Failure) -> RecordSession {
        let socket = configuration.adminSocketPath
        let running = RecordSession(place: place, .runningSigner(AdminSocket(path: socket)))
        if FileManager.default.fileExists(atPath: socket), try await running.isAnswered { return running }
        if asInstance {
            return RecordSession(
                place: place,
                .opened([try await OpenedRecord(configuration, network, for: .administration).store])
            )
        }
        let settings = try RecordSettings(configuration, network: network, for: .administration)
        do throws(StoreError) {
            var stores = [try await settings.open()]
            // Where the role may not have a second connection, one does it too.
            if isBulk, case .postgreSQL = settings, let second = try? await settings.open() { stores.append(second) }
            return RecordSession(place: place, .opened(stores))
        } catch {
            if case .inUse = error {
                throw Failure(
                    "\(error)",
                    hint: "the signer that holds it has no admin socket at \(socket); use its configuration, or stop it"
                )
            }
            throw Failure("\(error)")
        }
    }

    /// Merges the floor of this instance into the record after an alarm.
    func reconcile(acceptingClockFloor: Bool) async throws(Failure) -> ReconcileReport {
        let socket = configuration.adminSocketPath
        if FileManager.default.fileExists(atPath: socket) {
            let target = RecordAdministration.reconcileTarget(acceptingClockFloor: acceptingClockFloor)
            do throws(StoreError) {
                if let body = try await AdminSocket(path: socket).send(target, []) {
                    return try RecordAdministration.decodeReport(body)
                }
            } catch {
                throw Failure("\(error)")
            }
        }
        let record = try await OpenedRecord(configuration, network, for: .administration)
        let result: Result<ReconcileReport, Failure>
        do throws(Failure) { result = .success(try await record.reconcile(acceptingClockFloor)) } catch {
            result = .failure(error)
        }
        await record.store.close()
        return try result.get()
    }
}
