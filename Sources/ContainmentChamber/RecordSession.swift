// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation
internal import HTTPClient
internal import SignerAPI
internal import SlashingProtection

/// The record of a configuration while a command works on it: through the running signer, or opened by the command.
struct RecordSession: Sendable {
    enum Door: Sendable {
        case runningSigner(AdminSocket)
        /// The same record, more than once where its parts can be worked on at once. Not empty.
        case opened([any RecordStore])
    }
    /// For messages.
    let place: String
    private let door: Door

    init(place: String, _ door: Door) {
        self.place = place
        self.door = door
    }

    /// Whether somebody listens behind the door.
    var isAnswered: Bool {
        get async throws(Failure) {
            guard case .runningSigner(let socket) = door else { return true }
            do throws(StoreError) {
                return try await socket.isAnswered
            } catch {
                throw Failure("\(error)")
            }
        }
    }

    /// How many tasks are worked on at once.
    var width: Int {
        if case .opened(let stores) = door { return stores.count }
        return 1
    }

    /// The same record through one of its doors, for tasks that should not wait for others.
    func lane(_ number: Int) -> RecordSession {
        guard case .opened(let stores) = door else { return self }
        return RecordSession(place: place, .opened([stores[number % stores.count]]))
    }

    /// Runs one task.
    func run(_ task: AdministrativeTask) async throws(Failure) -> AdministrativeAnswer {
        do throws(StoreError) {
            switch door {
            case .opened(let stores): return try await stores[0].administer(task)
            case .runningSigner(let socket):
                guard let answer = try await socket.ask(task) else {
                    throw .storage(reason: "the running signer has stopped listening at \(socket.path)")
                }
                return answer
            }
        } catch {
            throw Failure("\(error)")
        }
    }

    func close() async {
        guard case .opened(let stores) = door else { return }
        for store in stores { await store.close() }
    }
}

/// The socket of a running signer.
struct AdminSocket: Sendable {
    let path: String

    /// The answer to a task; nil where nobody listens.
    func ask(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer? {
        let (target, body) = RecordAdministration.encode(task)
        guard let answer = try await send(target, body) else { return nil }
        return try RecordAdministration.decode(answer, for: task)
    }

    /// Whether a signer listens, whatever it says to a question that is none.
    var isAnswered: Bool {
        get async throws(StoreError) { try await exchange("GET", RecordAdministration.path, nil) != nil }
    }

    /// The answer to a request; nil where nobody listens.
    func send(_ target: String, _ body: [UInt8]) async throws(StoreError) -> [UInt8]? {
        guard let answer = try await exchange("POST", target, body) else { return nil }
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

    private func exchange(
        _ method: String,
        _ target: String,
        _ body: [UInt8]?
    ) async throws(StoreError) -> HTTPClient.Answer? {
        let client = HTTPClient(
            unixSocket: path,
            timeout: .seconds(3600),
            largestAnswer: RecordAdministration.largestBody
        )
        let result = await Blocking.run(name: "admin-socket") { () -> Result<HTTPClient.Answer, HTTPClient.Failure> in
            do throws(HTTPClient.Failure) {
                return .success(try client.send(method, "http://localhost" + target, body: body))
            } catch {
                return .failure(error)
            }
        }
        do throws(HTTPClient.Failure) { return try result.get() } catch {
            if case .cannotConnect = error { return nil }
            throw .storage(reason: "\(error)")
        }
    }
}
