// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Foundation
import SQLite
import SlashingProtection
import TestSupport
import Testing

/// A record and a floor in a folder, opened and closed as a daemon does, and what was released with them.
struct FloorRig {
    let folder: TemporaryFolder
    var record: SQLiteStore.Settings
    var floor: SQLiteFloor.Settings
    var settings = FlooredStore.Settings()
    private var watch = SlashingWatch()
    private(set) var released: [DutyBatch] = []

    init(createIfMissing: Bool = true) throws {
        folder = try TemporaryFolder()
        record = SQLiteStore.Settings(in: folder, createIfMissing: createIfMissing)
        floor = SQLiteFloor.Settings(path: folder.file("floor.sqlite"), name: "here", retryInterval: .milliseconds(2))
    }

    /// Opens both and holds them against each other.
    func open() async throws -> FlooredStore {
        let inner = try SQLiteStore(record)
        do {
            let store = FlooredStore(inner: inner, floor: try SQLiteFloor(floor), settings: settings)
            do {
                try await store.start()
                return store
            } catch {
                await store.close()
                throw error
            }
        } catch {
            await inner.close()
            throw error
        }
    }

    /// Opens both, lets `body` use them, and closes them.
    @discardableResult
    mutating func withStore<Result>(
        _ body: (inout FloorRig, FlooredStore) async throws -> Result
    ) async throws -> Result {
        let store = try await open()
        do {
            let result = try await body(&self, store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }

    /// Signs one message and notes whether it may have a signature now; a slashable pair is an issue.
    @discardableResult
    mutating func sign(_ batch: DutyBatch, with store: any RecordStore, _ comment: Comment = "") async -> Verdict {
        let verdict = await store.decideOne(batch)
        if verdict.refusal == nil {
            released.append(batch)
            if watch.note(batch, batch.records[0]) { Issue.record("\(comment): \(batch.duty) is slashable") }
        }
        return verdict
    }

    mutating func live(_ steps: ClosedRange<Int>, with store: any RecordStore) async {
        for step in steps { await sign(.step(step), with: store) }
    }

    /// Every released message is refused in another form.
    func expectTwinsRefused(by store: any RecordStore, _ comment: Comment = "") async {
        for batch in released {
            let verdict = await store.decideOne(batch.twin)
            if verdict.refusal == nil { Issue.record("\(comment): \(batch.duty) was released, its twin is \(verdict)") }
        }
    }

    // MARK: Time travel

    /// A copy of the record; nobody holds it now.
    func backUp() throws -> [String: Data] {
        var copy: [String: Data] = [:]
        for name in try folder.names where name.hasPrefix("record.sqlite") && !name.hasSuffix(".lock") {
            copy[name] = try folder.contents(name)
        }
        return copy
    }

    func restore(_ copy: [String: Data]) throws {
        for name in try folder.names where name.hasPrefix("record.sqlite") { try remove(name) }
        for (name, data) in copy { try folder.write(data, to: name) }
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: folder.file(name)) }

    func removeFloor() throws {
        for name in try folder.names where name.hasPrefix("floor.sqlite") { try remove(name) }
    }
}

extension DutyBatch {
    /// Another message for the same duty.
    var twin: DutyBatch {
        DutyBatch(duty: duty, signingRoot: root(999_999), genesisValidatorsRoot: network, records: records)
    }
}

/// A record that several instances share, that says which database it is, and that a test can set back under them.
final class SharedRecord: RecordStore {
    private struct State {
        var store: SQLiteStore
        var generation: UInt64 = 0
        var identity: DatabaseIdentity?
    }
    private let state: Lock<State>

    init(_ store: SQLiteStore, identity: DatabaseIdentity? = nil) {
        state = Lock(State(store: store, identity: identity))
    }

    private var store: SQLiteStore { state.withLock { $0.store } }

    /// Puts another database in the place of this one; the old one is closed. Without a new connection it is as if a
    /// proxy had changed the server.
    func replace(by store: SQLiteStore, identity: DatabaseIdentity? = nil, reconnects: Bool = true) async {
        let old = state.withLock { state in
            defer {
                state.store = store
                state.identity = identity
                if reconnects { state.generation += 1 }
            }
            return state.store
        }
        await old.close()
    }

    /// As if the connection had been lost and made again, to the same database.
    func reconnect() { state.withLock { $0.generation += 1 } }

    var identity: DatabaseIdentity? { state.withLock { $0.identity } }

    /// The identity after one more write.
    private func moveOn() -> DatabaseIdentity? {
        state.withLock { state in
            state.identity = state.identity.map {
                DatabaseIdentity(system: $0.system, timeline: $0.timeline, position: $0.position + 1)
            }
            return state.identity
        }
    }

    var health: StoreHealth { store.health }
    var connectionGeneration: UInt64 { state.withLock { $0.generation } }
    func decide(_ batch: DutyBatch) async -> [Verdict] { await store.decide(batch) }

    func decide(_ batch: DutyBatch, generation: UInt64) async -> IdentifiedVerdicts {
        let (store, current) = state.withLock { ($0.store, $0.generation) }
        guard generation == current else {
            return IdentifiedVerdicts(batch.records.map { _ in .refused(.notCheckable(reason: "connected anew")) })
        }
        return IdentifiedVerdicts(await store.decide(batch), identity: moveOn())
    }

    func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        try await store.administer(task)
    }

    func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer {
        switch try await store.perform(task) {
        case .comparison(var comparison):
            comparison.identity = identity
            return .comparison(comparison)
        case .merged(let report):
            return .merged(FloorMergeReport(raised: report.raised, recovery: report.recovery, identity: moveOn()))
        case .registered: return .registered
        }
    }

    /// The instances do not own it.
    func close() async {}
    func closeForGood() async { await store.close() }
}

/// A record whose answer to one message is on its way for as long as a test says.
final class SlowRecord: RecordStore {
    private struct State {
        var root: SigningRoot?
        var waiting: CheckedContinuation<Void, Never>?
    }
    private let inner: SharedRecord
    private let state = Lock(State())

    init(_ inner: SharedRecord) { self.inner = inner }

    /// Holds the answer to the message with this root.
    func hold(_ root: SigningRoot) { state.withLock { $0.root = root } }

    /// Ends when the message is recorded and its answer is held; the suite's time limit ends a wait that would not.
    func waitUntilHeld() async { while !state.withLock({ $0.waiting != nil }) { await Task.yield() } }

    func letGo() {
        let waiting = state.withLock { state in
            state.root = nil
            return state.waiting.take()
        }
        waiting?.resume()
    }

    var health: StoreHealth { inner.health }
    var connectionGeneration: UInt64 { inner.connectionGeneration }
    func decide(_ batch: DutyBatch) async -> [Verdict] { await inner.decide(batch) }

    func decide(_ batch: DutyBatch, generation: UInt64) async -> IdentifiedVerdicts {
        let verdicts = await inner.decide(batch, generation: generation)
        guard state.withLock({ $0.root }) == batch.signingRoot else { return verdicts }
        await withCheckedContinuation { continuation in state.withLock { $0.waiting = continuation } }
        return verdicts
    }

    func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        try await inner.administer(task)
    }

    func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer { try await inner.perform(task) }
    func close() async { await inner.close() }
}
