// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import PostgreSQLServer
import TestSupport
import Testing

/// Four signers on one PostgreSQL get contradicting messages at the same moment. `CHAMBER_CONFLICT_SETS` asks for more
/// sets; a fifth of them under faults.
@Suite(.serialized, .timeLimit(.minutes(120)))
struct ConflictSetTests {
    private static let sets =
        ProcessInfo.processInfo.environment["CHAMBER_CONFLICT_SETS"].flatMap { Int($0) } ?? 5_000
    private static let keyCount = 160
    private static let clients = 16
    private static let faults = 8

    /// What came of all sets.
    private struct Outcome: Sendable {
        var released: [ReleasedMessage] = []
        var problems: [String] = []
        var done = 0
        /// Nothing more is asked: what went wrong would only make every set slow.
        var isOver = false
    }

    @Test(arguments: [false, true])
    func `exactly one is signed, and its repeat is answered by every signer`(underFaults: Bool) async throws {
        let random = SeededGenerator.fromEnvironment()
        let count = underFaults ? Self.sets / 5 : Self.sets - Self.sets / 5
        let signers = try await FourSigners.start(keys: try (0..<Self.keyCount).map { try TestKey(20_000 + $0) })
        let outcome = Lock(Outcome())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<Self.clients {
                group.addTask {
                    try await onThread { Self.work(client, of: count, signers, random, outcome) }
                }
            }
            if underFaults {
                group.addTask {
                    do { try await Self.disturb(signers, of: count, random, outcome) } catch {
                        outcome.withLock { $0.isOver = true }
                        throw error
                    }
                }
            }
            try await group.waitForAll()
        }
        let result = outcome.withLock { $0 }
        #expect(result.problems.prefix(10) == [], "seed \(random.seed)")
        #expect(result.done == count)
        #expect(OfflineChecker.slashablePairs(result.released) == [], "seed \(random.seed)")
        #expect(await signers.stop() == [0, 0, 0, 0])
    }

    /// One client: the sets of its own keys, one after another.
    private static func work(
        _ client: Int,
        of count: Int,
        _ signers: FourSigners,
        _ random: SeededGenerator,
        _ outcome: Lock<Outcome>
    ) {
        var random = SeededGenerator(seed: random.seed &+ UInt64(client))
        var connections = FourConnections(signers)
        for number in 0..<count where number % keyCount % clients == client && !outcome.withLock({ $0.isOver }) {
            let set = ConflictSet(number, keys: keyCount, &random)
            var problem: String?
            let released = offer(set, &connections, signers, &problem)
            outcome.withLock { outcome in
                outcome.released += released
                outcome.done += 1
                if let problem { outcome.problems.append("set \(number), \(set.messages): \(problem)") }
                if outcome.problems.count == 10 { outcome.isOver = true }
            }
        }
    }

    /// Offers each message to another signer, all at once; again where an answer was none. Then the winner to all of them.
    private static func offer(
        _ set: ConflictSet,
        _ connections: inout FourConnections,
        _ signers: FourSigners,
        _ problem: inout String?
    ) -> [ReleasedMessage] {
        let key = signers.keys[set.key]
        let answers = settled(set.messages.map(\.body), key, &connections, &problem)
        var released: [ReleasedMessage] = []
        for (message, signatures) in zip(set.messages, answers) {
            released += signatures.map { ReleasedMessage(key: set.key, message: message, signature: $0) }
        }
        let winners = Set(released.map(\.message))
        guard winners.count == 1, let winner = winners.first else {
            problem = problem ?? "\(winners.count) winners"
            return released
        }
        let bodies = Array(repeating: winner.body, count: FourSigners.count)
        for signatures in settled(bodies, key, &connections, &problem) {
            if signatures.isEmpty { problem = problem ?? "the repeat of \(winner) was refused" }
            released += signatures.map { ReleasedMessage(key: set.key, message: winner, signature: $0) }
        }
        return released
    }

    /// Until each signer has said yes or no to its message; every signature that came.
    private static func settled(
        _ bodies: [String],
        _ key: TestKey,
        _ connections: inout FourConnections,
        _ problem: inout String?
    ) -> [[String]] {
        var signatures = bodies.map { _ in [String]() }
        var waiting: [String?] = bodies
        for attempt in 0..<400 where waiting.contains(where: { $0 != nil }) {
            // A signer that starts again, or has lost the database, needs a moment.
            if attempt > 0 { usleep(25_000) }
            let answers = connections.exchange(waiting, key: key)
            for (position, answer) in answers.enumerated() where waiting[position] != nil {
                switch answer?.status {
                case 200: signatures[position].append(answer?.body ?? "")
                case 412: break
                case 503, nil: continue
                default: problem = problem ?? "status \(answer?.status ?? 0): \(answer?.body ?? "")"
                }
                waiting[position] = nil
            }
        }
        if waiting.contains(where: { $0 != nil }) { problem = problem ?? "no answer in 400 attempts" }
        return signatures
    }

    /// Kills signers and ends sessions of the database, spread over the sets.
    private static func disturb(
        _ signers: FourSigners,
        of count: Int,
        _ random: SeededGenerator,
        _ outcome: Lock<Outcome>
    ) async throws {
        var random = SeededGenerator(seed: random.seed &+ 1_000)
        for fault in 0..<faults {
            let place = count * (fault + 1) / (faults + 2)
            _ = try await eventually("\(place) sets", within: .seconds(3600)) {
                outcome.withLock { $0.done >= place || $0.isOver } ? true : nil
            }
            if outcome.withLock({ $0.isOver }) { return }
            if Bool.random(using: &random) {
                try await signers.replace(Int.random(in: 0..<FourSigners.count, using: &random))
            } else {
                try await signers.server.terminateBackends()
            }
        }
    }
}
