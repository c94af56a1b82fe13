// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import TestSupport
import Testing

/// Both signers at once on the same tables and the same validators.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct Web3SignerSQLTests {
    private static let keys = (0..<4).map { validator($0) }

    /// Two messages of which one may be signed, one for each signer.
    private static func conflict(_ round: UInt64, _ random: inout SeededGenerator) -> (DutyBatch, DutyBatch) {
        let key = [keys[Int.random(in: 0..<keys.count, using: &random)]]
        let base = round * 10
        let pair: (DutyBatch, DutyBatch) =
            switch Int.random(in: 0..<3, using: &random) {
            case 0: (.block(round, root: 1, by: key), .block(round, root: 2, by: key))
            case 1: (.attestation(base, base + 5, root: 1, by: key), .attestation(base, base + 5, root: 2, by: key))
            default: (.attestation(base, base + 5, by: key), .attestation(base + 1, base + 4, by: key))
            }
        return Bool.random(using: &random) ? pair : (pair.1, pair.0)
    }

    @Test func `of two messages that contradict each other one is signed, by either signer`() async throws {
        var random = SeededGenerator.fromEnvironment()
        let seed = random.seed
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        let other = try await Web3SignerPlayer(record)
        try await other.register(Self.keys)
        var winners = [0, 0]
        for round in UInt64(1)...300 {
            let (ours, theirs) = Self.conflict(round, &random)
            // Sometimes one of them is clearly first, sometimes they race.
            let lead = Int.random(in: 0..<4, using: &random)
            var verdict: Verdict?
            var isSigned: Bool?
            if lead == 0 { verdict = await store.decideOne(ours) }
            if lead == 1 { isSigned = try await other.sign(theirs) }
            if verdict == nil, isSigned == nil {
                async let one = store.decideOne(ours)
                async let two = other.sign(theirs)
                (verdict, isSigned) = (await one, try await two)
            }
            if verdict == nil { verdict = await store.decideOne(ours) }
            if isSigned == nil { isSigned = try await other.sign(theirs) }
            let weSigned = verdict == .recorded
            #expect(weSigned != isSigned, "round \(round), seed \(seed): \(ours.duty) \(theirs.duty) \(verdict!)")
            winners[weSigned ? 0 : 1] += 1
            // The winner's message again, to the loser: what the other has signed is known.
            if weSigned {
                #expect(try await other.sign(ours))
            } else {
                #expect(verdict?.refusal?.isUnsafe == true)
                #expect(await store.decideOne(theirs) == .repeated)
            }
        }
        #expect(winners.allSatisfy { $0 > 20 }, "\(winners)")
        await store.close()
        try await record.remove()
    }

    @Test func `both sign and prune at once, and nothing becomes signable`() async throws {
        let random = SeededGenerator.fromEnvironment()
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        try await (try await Web3SignerPlayer(record)).register(Self.keys)
        let watch = Lock(SlashingWatch())
        let slashable = Lock<[String]>([])
        let isOver = Lock(false)
        let note = { @Sendable (batch: DutyBatch) in
            if watch.withLock({ $0.note(batch, batch.records[0]) }) {
                slashable.withLock { $0.append("\(batch.duty)") }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                let player = task < 2 ? nil : try await Web3SignerPlayer(record)
                group.addTask {
                    var random = SeededGenerator(seed: random.seed &+ UInt64(task))
                    for step in UInt64(0)..<250 {
                        let key = [Self.keys[Int.random(in: 0..<4, using: &random)]]
                        let number = 3 + step / 10 + UInt64.random(in: 0...5, using: &random)
                        let source = number - UInt64.random(in: 0...3, using: &random)
                        let content = Int.random(in: 0..<2, using: &random)
                        // As in life, messages with the same root are the same: it does not compare more.
                        let batch: DutyBatch =
                            Bool.random(using: &random)
                            ? .block(number, root: content, by: key)
                            : .attestation(source, number, root: 2 * Int(source) + content, by: key)
                        if let player {
                            if try await player.sign(batch) { note(batch) }
                        } else {
                            let verdict = await store.decideOne(batch)
                            #expect(verdict.refusal?.isUnsafe != false, "\(verdict)")
                            if verdict.refusal == nil { note(batch) }
                        }
                    }
                }
            }
            let pruner = try await Web3SignerPlayer(record)
            let pruning = Task {
                while !isOver.withLock({ $0 }) {
                    async let ours = store.prune(keepEpochs: 3)
                    async let theirs: Void = pruner.prune(Self.keys, keepEpochs: 3, slotsPerEpoch: 1)
                    _ = try await (ours, theirs)
                }
            }
            defer { isOver.withLock { $0 = true } }
            try await group.waitForAll()
            isOver.withLock { $0 = true }
            try await pruning.value
        }
        #expect(slashable.withLock { $0 } == [], "seed \(random.seed)")
        await store.close()
        try await record.remove()
    }

    @Test func `both register the same validators at once, and each has one row`() async throws {
        let record = try await PostgreSQLRecord()
        let store = try await record.open()
        let players = [try await Web3SignerPlayer(record), try await Web3SignerPlayer(record)]
        let keys = (0..<400).map { validator($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in stride(from: 0, to: 400, by: 40) {
                let some = Array(keys[part..<min(part + 60, 400)])
                group.addTask { _ = try await store.administer(.register(some.shuffled())) }
                // As it does it: in the order in which its keys were loaded, all at once.
                group.addTask { try await players[part / 40 % 2].register(some) }
                group.addTask { #expect(await store.decide(.block(1, by: some)).allSatisfy { $0.refusal == nil }) }
            }
            try await group.waitForAll()
        }
        #expect(try await record.psql("SELECT count(*), count(DISTINCT public_key) FROM validators") == "400|400")
        #expect(try await record.psql("SELECT count(DISTINCT validator_id) FROM signed_blocks") == "400")
        await store.close()
        try await record.remove()
    }
}
