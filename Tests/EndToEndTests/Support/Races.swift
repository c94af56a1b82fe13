// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import TestSupport
import Testing

/// What is held against each race: signing requests are under way while what they need is taken away, and nothing that is
/// asked for after the answer may be signed.
struct RaceFigures: Sendable {
    var races = 0
    var signed = 0
    var refused = 0
    /// Signatures that came after the answer, for requests that were sent before it.
    var crossing = 0
    /// Signatures for requests that were sent after the answer.
    var late: [String] = []
    /// Requests that were answered neither with a signature nor with a refusal of what was taken away.
    var problems: [String] = []

    var line: String {
        "\(races) races: \(signed) signed, \(refused) refused, \(crossing) crossed the answer, \(late.count) after it"
    }
}

/// Clients with a connection each that sign until what they need is taken away.
final class RaceClients: Sendable {
    static let count = 4
    /// Requests that each client sends after the answer.
    private static let after = 2

    /// Used by one thread after another.
    private final class Client: @unchecked Sendable {
        var connection: HTTPConnection
        init(_ connection: HTTPConnection) { self.connection = connection }
    }

    fileprivate struct State {
        var figures = RaceFigures()
        /// One order for everything that is sent and answered.
        var moment: UInt64 = 0
        /// Of blocks.
        var slot: UInt64 = 1000
        /// Of attestations, which must not be ahead of the clock.
        var epoch: UInt64 = 1000
        /// When the change of this race was answered.
        var answered: UInt64?
    }

    private let clients: [Client]
    private let port: UInt16
    private let refusals: Set<Int>
    private let state = Lock(State())

    /// - Parameter refusals: the statuses of a request whose permission or key is gone.
    init(_ signer: RunningSigner, refusals: Set<Int>) throws {
        port = signer.port
        self.refusals = refusals
        clients = try (0..<Self.count).map { _ in Client(try HTTPConnection(port: signer.port)) }
    }

    var figures: RaceFigures { state.withLock { $0.figures } }

    /// All clients sign; once `signatures` have been let out, `change` is made and its answer noted; then all end.
    func race(
        _ key: TestKey,
        _ headers: [String] = [],
        after signatures: Int,
        change: @escaping @Sendable () throws -> Void
    ) async throws {
        let begun = Places(0)
        state.withLock { $0.answered = nil }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in clients.indices {
                group.addTask { try await onThread { try self.sign(number, key, headers, begun, signatures) } }
            }
            for _ in 0..<signatures { await begun.take() }
            try await onThread {
                // Whatever happens, the clients come to an end.
                defer { self.state.withLock { $0.answered = $0.next() } }
                try change()
            }
            try await group.waitForAll()
        }
        state.withLock { $0.figures.races += 1 }
    }

    private func sign(
        _ number: Int,
        _ key: TestKey,
        _ headers: [String],
        _ begun: Places,
        _ signatures: Int
    ) throws {
        // Nobody waits for a client that has failed.
        defer { for _ in 0..<signatures { begun.giveBack() } }
        var left = Self.after
        while left > 0 {
            let (sent, message, isAfter) = state.withLock { ($0.next(), $0.message(number), $0.answered != nil) }
            if isAfter { left -= 1 }
            let answer = try exchange(clients[number], key, headers, message)
            state.withLock { $0.note(answer, sent: sent, refusals) }
            if answer.status == 200 { begun.giveBack() }
        }
    }

    /// Again on another connection, where the signer has ended this one between two requests.
    private func exchange(_ client: Client, _ key: TestKey, _ headers: [String], _ body: String) throws -> HTTPAnswer {
        let target = "/api/v1/eth2/sign/\(key.publicKey)"
        if let answer = try? client.connection.exchange("POST", target, headers, body: body) { return answer }
        client.connection = try HTTPConnection(port: port)
        return try client.connection.exchange("POST", target, headers, body: body)
    }
}

extension RaceClients.State {
    fileprivate mutating func next() -> UInt64 {
        moment += 1
        return moment
    }

    /// What can be slashed and what cannot: the record stops the one, the signer the other.
    fileprivate mutating func message(_ client: Int) -> String {
        slot += 1
        switch client % 4 {
        case 0: return SigningBody.block(slot: slot)
        case 1:
            epoch += 1
            return SigningBody.attestation(source: epoch, target: epoch + 1)
        default: return SigningBody.randaoReveal(epoch: slot % 10_000)
        }
    }

    fileprivate mutating func note(_ answer: HTTPAnswer, sent: UInt64, _ refusals: Set<Int>) {
        let received = next()
        switch answer.status {
        case 200:
            figures.signed += 1
            guard let answered, received > answered else { return }
            if sent > answered { figures.late.append("race \(figures.races)") } else { figures.crossing += 1 }
        case let status where refusals.contains(status): figures.refused += 1
        default: figures.problems.append("race \(figures.races): \(answer.status) \(answer.body)")
        }
    }
}
