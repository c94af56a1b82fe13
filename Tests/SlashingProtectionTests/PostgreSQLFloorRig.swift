// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Foundation
import PostgreSQLServer
import SlashingProtection
import TestSupport
import Testing

/// Instances with a floor each on one database, in a server of its own that a test stops, sets back and starts again.
final class PostgreSQLFloorRig: Sendable {
    private struct State {
        var stores: [FlooredStore] = []
        var watch = SlashingWatch()
        var released: [(batch: DutyBatch, instance: Int)] = []
        var slashable: [String] = []
        var step = 0
    }

    let server: PostgreSQLServer
    let record: PostgreSQLRecord
    private let folder: TemporaryFolder
    private let count: Int
    private let url: String?
    private let state = Lock(State())

    /// - Parameter url: where the instances find the database, if not in the server itself.
    init(
        instances count: Int,
        on given: PostgreSQLServer? = nil,
        url: (@Sendable (PostgreSQLRecord) -> String)? = nil
    ) async throws {
        if let given { server = given } else { server = try await PostgreSQLServer.started() }
        record = try await PostgreSQLRecord(on: server)
        folder = try TemporaryFolder()
        self.count = count
        self.url = url?(record)
        try await open()
    }

    var stores: [FlooredStore] { state.withLock { $0.stores } }
    var releasedCount: Int { state.withLock { $0.released.count } }
    var slashable: [String] { state.withLock { $0.slashable } }
    var alarms: [String] { stores.compactMap(\.alarm) }

    func open() async throws {
        var stores: [FlooredStore] = []
        for number in 0..<count {
            let inner = try await record.open(url: url) { $0.poolSize = 4 }
            let store = FlooredStore(inner: inner, floor: try floor(number))
            try await store.start()
            stores.append(store)
        }
        state.withLock { $0.stores = stores }
    }

    /// The floor of an instance, which nobody may hold.
    func floor(_ number: Int) throws -> SQLiteFloor {
        try SQLiteFloor(.init(path: folder.file("floor-\(number)"), name: "host-\(number)"))
    }

    func close() async { for store in stores { await store.close() } }

    /// At the end of a test.
    func end() async {
        await close()
        await server.stop()
    }

    // MARK: Signing

    /// Offers a message to an instance and notes whether it may have a signature now.
    @discardableResult
    func sign(_ batch: DutyBatch, _ instance: Int) async -> Verdict {
        let verdict = await stores[instance].decideOne(batch)
        guard verdict.refusal == nil else { return verdict }
        state.withLock { state in
            state.released.append((batch, instance))
            if state.watch.note(batch, batch.records[0]) {
                state.slashable.append("\(batch.duty) of \(batch.records[0]) by \(instance)")
            }
        }
        return verdict
    }

    /// The next of rising duties.
    func next() -> DutyBatch {
        .step(
            state.withLock { state in
                state.step += 1; return state.step
            }
        )
    }

    /// Rising duties, in turn by every instance.
    func live(_ messages: Int) async {
        for number in 0..<messages { await sign(next(), number % count) }
    }

    /// Messages on few numbers with two contents each, so that nearly every one has a twin; each by some instance.
    func live(_ messages: Int, above first: UInt64, _ random: inout SeededGenerator) async {
        for _ in 0..<messages {
            let height = first + UInt64.random(in: 1...60, using: &random)
            let record = [validator(Int.random(in: 0..<4, using: &random))]
            let content = Int.random(in: 1...2, using: &random)
            let batch: DutyBatch =
                Bool.random(using: &random)
                ? .block(height, root: content, by: record)
                : .attestation(height, height + 1, root: content, by: record)
            await sign(batch, Int.random(in: 0..<count, using: &random))
        }
    }

    /// Every instance signs again, a block of `slot` and those after it.
    func waitUntilSigning(from slot: UInt64) async throws {
        for instance in 0..<count {
            let batch = DutyBatch.block(slot + UInt64(instance), root: instance, by: [validator(instance % 4)])
            try await eventually("instance \(instance) signs") { [self] in
                if let alarm = stores[instance].alarm { throw WaitedInVain(description: alarm) }
                return await sign(batch, instance).refusal == nil
            }
        }
    }

    /// Every instance signs again, after a restart that is nobody's alarm or after all was reconciled.
    func waitUntilSigning() async throws {
        for instance in 0..<count {
            try await eventually("instance \(instance) signs") { [self] in
                if let alarm = stores[instance].alarm { throw WaitedInVain(description: alarm) }
                return await sign(next(), instance).refusal == nil
            }
        }
    }

    /// The other message for the last duties that were released is refused by all.
    func expectTwinsRefused(last: Int = 60, by instances: [Int]? = nil, _ comment: Comment = "") async {
        for (batch, _) in state.withLock({ $0.released.suffix(last) }) {
            for instance in instances ?? Array(0..<count) {
                let verdict = await sign(batch.twin, instance)
                if verdict.refusal == nil {
                    Issue.record("\(comment): \(batch.duty) was released, its twin by \(instance)")
                }
            }
        }
    }

    // MARK: The floor

    /// Every instance has seen how far the database was written now.
    func waitUntilSeenByAll() async throws {
        let written = stores.compactMap { $0.lastSeen?.position }.max() ?? 0
        for (instance, store) in stores.enumerated() {
            try await eventually("instance \(instance) sees what was written") {
                store.lastSeen.map { $0.position >= written } ?? false
            }
        }
    }

    func tend() async { for store in stores { await store.tend() } }

    /// Looks after every instance until each has told what is wrong.
    func waitForAlarms() async throws {
        for (instance, store) in stores.enumerated() {
            try await eventually("instance \(instance) has an alarm (\(store.health))") {
                if store.alarm == nil { await store.tend() }
                return store.alarm != nil
            }
        }
    }

    /// Looks after every instance until none has an alarm. How many times that takes depends on the machine: what looks
    /// after a store lets an answer that is late pass, and asks again the next time.
    func waitForNoAlarms() async throws {
        try await eventually("all alarms are over") {
            await self.tend()
            return self.alarms == []
        }
    }

    /// What an operator does: once for every instance. The rest they do by themselves.
    func reconcile(in order: [Int]) async throws {
        for instance in order { _ = try await stores[instance].reconcile(acceptingClockFloor: false) }
        try await waitForNoAlarms()
    }

    // MARK: Time

    /// Copies the data of the server, which is away meanwhile.
    func copy(_ name: String, _ mode: PostgreSQLServer.StopMode = .fast) async throws -> String {
        await server.stop(mode)
        let copy = try await server.copyData(to: name)
        try await server.start()
        return copy
    }

    /// Puts an older copy in the place of the data. `meanwhile` happens while the server is away.
    func goBack(
        to copy: String,
        _ mode: PostgreSQLServer.StopMode = .fast,
        meanwhile: () async -> Void = {}
    ) async throws {
        await server.stop(mode)
        await meanwhile()
        try await server.restoreData(from: copy)
        try await server.start()
    }
}

/// A record that counts how often a floor was held against it.
final class CountingRecord: RecordStore {
    private let inner: any RecordStore
    private let count = Lock(0)

    init(_ inner: any RecordStore) { self.inner = inner }

    /// Comparisons of marks, not those that only look at the database again.
    var comparisons: Int { count.withLock { $0 } }

    var health: StoreHealth { inner.health }
    var connectionGeneration: UInt64 { inner.connectionGeneration }
    func decide(_ batch: DutyBatch) async -> [Verdict] { await inner.decide(batch) }

    func decide(_ batch: DutyBatch, generation: UInt64) async -> IdentifiedVerdicts {
        await inner.decide(batch, generation: generation)
    }

    func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        try await inner.administer(task)
    }

    func perform(_ task: FloorTask) async throws(StoreError) -> FloorAnswer {
        if case .compare(let marks) = task, !marks.isEmpty { count.withLock { $0 += 1 } }
        return try await inner.perform(task)
    }

    func close() async { await inner.close() }
}
