// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import PostgreSQLServer
import SlashingProtection
import Testing

/// A server that was told to wait for a synchronous standby, which is not there. A commit that no standby has confirmed is
/// on one server only: nothing is released on it.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLStandbyTests {
    private let server: PostgreSQLServer
    private let record: PostgreSQLRecord

    init() async throws {
        server = try await PostgreSQLServer.started()
        record = try await PostgreSQLRecord(on: server)
    }

    /// - Parameter isNeeded: every commit waits for a standby that does not exist.
    private func standby(isNeeded: Bool) async throws {
        let change = isNeeded ? "SET synchronous_standby_names = 'nobody'" : "RESET synchronous_standby_names"
        try await record.psql("ALTER SYSTEM \(change); SELECT pg_reload_conf();")
        try await eventually("the setting holds") {
            try await record.psql("SHOW synchronous_standby_names") == (isNeeded ? "nobody" : "")
        }
    }

    /// The sessions whose commit waits for a standby.
    private func waiting() async throws -> [String] {
        try await record.psql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").split(separator: "\n")
            .map(String.init)
    }

    private func waitForWaiting(besides others: [String] = []) async throws -> [String] {
        var found: [String] = []
        try await eventually("a commit waits for the standby") {
            found = try await waiting().filter { !others.contains($0) }
            return !found.isEmpty
        }
        return found
    }

    @Test func `a message is refused in time, and the health says what is missing`() async throws {
        let store = try await record.open {
            $0.callLimit = .milliseconds(500)
            $0.answerLimit = .seconds(2)
            $0.probeInterval = .milliseconds(20)
        }
        #expect(await store.decide(.block(1, by: [validator(0), validator(1)])) == [.recorded, .recorded])
        try await standby(isNeeded: true)
        guard case .refused(.notCheckable) = await store.decideOne(.block(2)) else {
            Issue.record("it signs what no standby has")
            return
        }
        try await eventually("the store says what is missing") {
            store.health.reason?.contains("synchronous_standby_names = 'nobody'") == true
        }
        // While it is suspended nobody asks, so no further session is left waiting on the server.
        for number in UInt64(3)...40 {
            #expect(await store.decideOne(.block(number, by: [validator(1)])).refusal?.isUnsafe == false)
        }
        #expect(try await waiting().count < 8)
        try await standby(isNeeded: false)
        try await eventually("the store is ready") { store.health == .ready }
        #expect(await store.decideOne(.block(2)).refusal == nil)
        #expect(await store.decideOne(.block(2, root: 9)) == .refused(.doubleBlock(slot: 2)))
        await store.close()
        await server.stop()
    }

    /// The server answers such a COMMIT with success and a warning.
    @Test func `a commit whose wait was cancelled is not released before it is replicated`() async throws {
        let store = try await record.open { $0.probeInterval = .seconds(3600) }
        #expect(await store.decideOne(.block(1)) == .recorded)
        try await standby(isNeeded: true)
        let isAnswered = Lock(false)
        let verdict = Task {
            let verdict = await store.decideOne(.block(2))
            isAnswered.withLock { $0 = true }
            return verdict
        }
        var cancelled: [String] = []
        for _ in 0..<3 {
            // Offered again, it is found, and what was found waits in its turn.
            let waiting = try await waitForWaiting(besides: cancelled)
            cancelled += waiting
            for session in waiting { try await record.psql("SELECT pg_cancel_backend(\(session))") }
        }
        _ = try await waitForWaiting(besides: cancelled)
        #expect(isAnswered.withLock { $0 } == false)
        #expect(try await record.psql("SELECT count(*) FROM signed_blocks") == "2")
        try await standby(isNeeded: false)
        #expect(await verdict.value == .repeated)
        await store.close()
        await server.stop()
    }

    @Test func `a repeat of what another signer has recorded on one server only waits for the standby`() async throws {
        let store = try await record.open { $0.probeInterval = .seconds(3600) }
        _ = try await store.administer(.register([validator(0)]))
        try await standby(isNeeded: true)
        let batch = DutyBatch.attestation(1, 2)
        let other = try await record.session()
        let theirs = Task { try await other.run(batch.insertion) }
        let cancelled = try await waitForWaiting()
        for session in cancelled { try await record.psql("SELECT pg_cancel_backend(\(session))") }
        _ = await theirs.result
        #expect(try await record.psql("SELECT count(*) FROM signed_attestations") == "1")

        let isAnswered = Lock(false)
        let verdict = Task {
            let verdict = await store.decideOne(batch)
            isAnswered.withLock { $0 = true }
            return verdict
        }
        _ = try await waitForWaiting(besides: cancelled)
        #expect(isAnswered.withLock { $0 } == false)
        try await standby(isNeeded: false)
        #expect(await verdict.value == .repeated)
        #expect(await store.decideOne(.attestation(1, 2, root: 9)) == .refused(.doubleVote(target: 2)))
        await store.close()
        await server.stop()
    }
}
