// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Concurrency
internal import Configuration
internal import Consensus
internal import Foundation
internal import HTTPClient
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

    /// Runs one task.
    func run(_ task: AdministrativeTask) async throws(Failure) -> AdministrativeAnswer {
        let socket = configuration.adminSocketPath
        do throws(StoreError) {
            if FileManager.default.fileExists(atPath: socket), let answer = try ask(socket, task) { return answer }
        } catch {
            throw Failure("\(error)")
        }
        let settings = try RecordSettings(configuration, network: network, for: .administration)
        do throws(StoreError) {
            let store = try await settings.open()
            let result: Result<AdministrativeAnswer, StoreError>
            do throws(StoreError) { result = .success(try await store.administer(task)) } catch {
                result = .failure(error)
            }
            await store.close()
            return try result.get()
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
                if let body = try send(socket, target, []) { return try RecordAdministration.decodeReport(body) }
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

    /// Asks a running signer; nil where nobody listens on the socket any more.
    private func ask(_ socket: String, _ task: AdministrativeTask) throws(StoreError) -> AdministrativeAnswer? {
        let (target, body) = RecordAdministration.encode(task)
        guard let answer = try send(socket, target, body) else { return nil }
        return try RecordAdministration.decode(answer, for: task)
    }

    /// The answer of a running signer; nil where nobody listens.
    private func send(_ socket: String, _ target: String, _ body: [UInt8]) throws(StoreError) -> [UInt8]? {
        let client = HTTPClient(unixSocket: socket, timeout: .seconds(3600), largestAnswer: 4 << 30)
        let answer: HTTPClient.Answer
        do throws(HTTPClient.Failure) {
            answer = try client.send("POST", "http://localhost" + target, body: body)
        } catch {
            if case .cannotConnect = error { return nil }
            throw .storage(reason: "\(error)")
        }
        guard answer.status == 200 else {
            struct Document: Decodable {
                struct Content: Decodable { let message: String }
                let error: Content
            }
            let document = try? JSONDecoder().decode(Document.self, from: Data(answer.body))
            throw .refused(reason: document?.error.message ?? "the running signer answered \(answer.status)")
        }
        return answer.body
    }
}
