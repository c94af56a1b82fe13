// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import DynamoDB
import SlashingProtection
import TestSupport
import Testing

/// What is this record's own; the rest is in the tests of all stores.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(10))) struct DynamoDBRuleTests {
    @Test func `behind the newest only exact repeats are answered`() async throws {
        try await withTable { store async throws in
            try await store.take(
                Interchange(
                    blocks: [RecordedBlock(5, root: 1), RecordedBlock(9)],
                    attestations: [RecordedAttestation(1, 4, root: 1), RecordedAttestation(3, 8, root: 2)]
                )
            )
            #expect(await store.decideOne(.block(5, root: 1)) == .repeated)
            #expect(await store.decideOne(.block(7)) == .refused(.belowLowWatermark(lowest: 9)))
            #expect(await store.decideOne(.block(10)) == .recorded)
            #expect(await store.decideOne(.attestation(1, 4, root: 1)) == .repeated)
            #expect(await store.decideOne(.attestation(3, 7)) == .refused(.belowLowWatermark(lowest: 8)))
            #expect(await store.decideOne(.attestation(2, 9)) == .refused(.belowLowWatermark(lowest: 3)))
            #expect(await store.decideOne(.attestation(3, 9)) == .recorded)
        }
    }

    @Test func `of conflicting messages raced by three signers exactly one wins`() async throws {
        let settings = try await DynamoDBStore.Settings.fresh()
        var stores: [DynamoDBStore] = []
        for _ in 0..<3 { stores.append(try await DynamoDBStore.open(settings)) }
        for round in UInt64(1)...6 {
            let base = round * 10
            let votes: [DutyBatch] =
                (0..<4).map { .attestation(base, base + 5, root: $0) }
                + [.attestation(base + 1, base + 4), .attestation(base + 2, base + 3)]
            let verdicts = await withTaskGroup(of: Verdict.self) { group in
                for (number, vote) in votes.shuffled().enumerated() {
                    let store = stores[number % 3]
                    group.addTask { await store.decideOne(vote) }
                }
                return await group.reduce(into: [Verdict]()) { $0.append($1) }
            }
            let winners = verdicts.filter { $0 == .recorded }.count
            #expect(winners == 1, "\(verdicts)")
        }
    }
}

/// Answers that get lost, and tables that are not there.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(10))) struct DynamoDBFaultTests {
    /// Says which requests to lose, once each.
    private final class Losses: Sendable {
        private let left: Lock<[LossyServer.Loss]>
        init(_ losses: [LossyServer.Loss]) { left = Lock(losses) }
        func next(_ operation: String) -> LossyServer.Loss {
            guard operation == "TransactWriteItems" else { return .nothing }
            return left.withLock { $0.isEmpty ? .nothing : $0.removeFirst() }
        }
    }

    @Test(arguments: [[LossyServer.Loss.answer], [.request], [.answer, .request, .answer], [.request, .answer]])
    func `a lost answer is settled by what stands in the table`(losses: [LossyServer.Loss]) async throws {
        let table = try await DynamoDBStore.Settings.fresh()
        let direct = try await DynamoDBStore.open(table)
        #expect(await direct.decideOne(.attestation(1, 2, root: 1)) == .recorded)
        let lossy = Losses(losses)
        let server = try await LossyServer { lossy.next($0) }
        let settings = try await DynamoDBStore.Settings.fresh(endpoint: server.server.endpoint, table: table.table)
        let store = try await DynamoDBStore.open(settings)
        #expect(await store.decideOne(.attestation(2, 3, root: 1)).refusal == nil)
        #expect(await direct.decideOne(.attestation(2, 3, root: 1)) == .repeated)
        #expect(await direct.decideOne(.attestation(2, 3, root: 2)) == .refused(.doubleVote(target: 3)))
    }

    @Test func `without the table nothing is signed, and signing goes on when it is back`() async throws {
        let isDown = Lock(false)
        let server = try await LossyServer { _ in isDown.withLock { $0 } ? .request : .nothing }
        var settings = try await DynamoDBStore.Settings.fresh(endpoint: server.server.endpoint)
        settings.createIfMissing = true
        let store = try await DynamoDBStore.open(settings)
        #expect(await store.decideOne(.block(1)) == .recorded)
        isDown.withLock { $0 = true }
        guard case .refused(.notCheckable(let reason)) = await store.decideOne(.block(2)) else {
            Issue.record("it was signed without a record")
            return
        }
        #expect(reason.contains(settings.table) && reason.contains("eu-central-1"))
        #expect(store.health != .ready)
        isDown.withLock { $0 = false }
        while store.health != .ready { try await Task.sleep(for: .milliseconds(5)) }
        #expect(await store.decideOne(.block(2)).refusal == nil)
        await store.close()
    }

    @Test func `a missing record is said and not made`() async throws {
        var settings = try await DynamoDBStore.Settings.fresh()
        settings.createIfMissing = false
        let path = "table \(settings.table) of \(settings.database.place)"
        #expect(await failure(of: settings) == .missing(path: path))
        try await DynamoDBStore.initialize(settings)
        do throws(StoreError) {
            try await DynamoDBStore.initialize(settings)
            Issue.record("a record was made in the place of another")
        } catch { #expect(error == .alreadyExists(path: path)) }
        #expect(await failure(of: settings) == nil)
    }

    @Test func `a record of another network and a table of something else are refused`() async throws {
        var settings = try await DynamoDBStore.Settings.fresh()
        #expect(await failure(of: settings) == nil)
        settings.genesisValidatorsRoot = otherNetwork
        let path = "table \(settings.table) of \(settings.database.place)"
        #expect(
            await failure(of: settings) == .otherNetwork(path: path, pinned: network, configured: otherNetwork)
        )
        let other = try await DynamoDBStore.Settings.fresh()
        try await other.database.createTable(other.table, keys: TableKeys(partition: .init("pk", .string)))
        guard case .storage = await failure(of: other) else {
            Issue.record("a table with other keys was taken for a record")
            return
        }
    }

    /// Why a record cannot be opened.
    private func failure(of settings: DynamoDBStore.Settings) async -> StoreError? {
        do throws(StoreError) {
            _ = try await DynamoDBStore.open(settings)
            return nil
        } catch { return error }
    }
}
