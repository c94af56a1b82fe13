// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import PostgreSQL
import PostgreSQLServer
import SlashingProtection
import TestSupport
import Testing

/// A server that dies, stands still or throws its sessions out, under the load of two signers.
@Suite(.fewAtOnce, .timeLimit(.minutes(10))) struct PostgreSQLFaultTests {
    enum Fault: String, CaseIterable, CustomTestStringConvertible {
        case kill
        case terminate
        case pause
        case stopFast
        case stopImmediate

        var testDescription: String { rawValue }
        var takesServerAway: Bool { self != .terminate }
    }

    /// As forgetful as a server may be configured: what is durable is so because we asked for it.
    private static let forgetful = ["synchronous_commit": "off", "wal_writer_delay": "10s"]

    @Test(arguments: Fault.allCases)
    func `nothing that was released is forgotten, and signing goes on by itself`(fault: Fault) async throws {
        let random = SeededGenerator.fromEnvironment()
        let server = try await PostgreSQLServer.started(settings: Self.forgetful)
        let record = try await PostgreSQLRecord(on: server)
        var signers: [PostgreSQLStore] = []
        for _ in 0..<2 {
            signers.append(
                try await record.open {
                    $0.callLimit = .seconds(1)
                    $0.answerLimit = .seconds(2)
                    $0.connection.connectTimeout = .seconds(2)
                    $0.poolSize = 4
                }
            )
        }
        let stores = signers
        let load = Load(random)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 { group.addTask { await load.run(on: stores[task % 2], task) } }
            defer { load.stop() }
            for _ in 0..<3 {
                try await load.waitForMore(200)
                try await strike(fault, server, stores)
                try await eventually("both signers are ready") { stores.allSatisfy { $0.health == .ready } }
            }
            try await load.waitForMore(200)
        }
        for store in stores { await store.close() }
        #expect(load.slashable == nil, "seed \(random.seed)")

        let store = try await record.open()
        let forgotten = await load.forgotten(by: store)
        #expect(forgotten == [], "seed \(random.seed)")
        await store.close()
        await server.stop()
    }

    private func strike(_ fault: Fault, _ server: PostgreSQLServer, _ stores: [PostgreSQLStore]) async throws {
        switch fault {
        case .kill: try await server.kill()
        case .terminate: try await server.terminateBackends()
        case .pause: server.pause()
        case .stopFast: await server.stop(.fast)
        case .stopImmediate: await server.stop(.immediate)
        }
        guard fault.takesServerAway else { return }
        try await eventually("both signers say that they cannot sign") { stores.allSatisfy { $0.isSuspended } }
        for store in stores {
            guard case .refused(.notCheckable(let reason)) = await store.decideOne(.block(1 << 40)) else {
                Issue.record("it signs without a database")
                continue
            }
            #expect(reason.contains("cannot be reached"))
        }
        if fault == .pause { server.resume() } else { try await server.start() }
    }
}

extension RecordStore {
    var isSuspended: Bool { if case .suspended(let reason) = health { !reason.isEmpty } else { false } }
}

/// Random duties on small numbers, where every conflict is likely, and what became of them.
private final class Load: Sendable {
    private struct State {
        var isOver = false
        var watch = SlashingWatch()
        var released: Set<Release> = []
        var slashable: String?
    }

    struct Release: Hashable, CustomStringConvertible {
        let duty: SlashableDuty
        let root: Int
        let validator: Int
        var description: String { "\(duty) root \(root) by \(validator)" }

        func batch(root: Int) -> DutyBatch {
            DutyBatch(
                duty: duty,
                signingRoot: SlashingProtectionTests.root(root),
                genesisValidatorsRoot: network,
                records: [SlashingProtectionTests.validator(validator)]
            )
        }
    }

    private let state = Lock(State())
    private let random: SeededGenerator

    init(_ random: SeededGenerator) { self.random = random }

    var slashable: String? { state.withLock { $0.slashable } }
    private var count: Int { state.withLock { $0.released.count } }

    func stop() { state.withLock { $0.isOver = true } }

    func waitForMore(_ more: Int) async throws {
        let goal = count + more
        try await eventually("\(more) more signatures") { count >= goal }
    }

    func run(on store: PostgreSQLStore, _ task: Int) async {
        var random = SeededGenerator(seed: random.seed &+ UInt64(task))
        while !state.withLock({ $0.isOver }) {
            // Moves on with what was released, so that there is always something new to sign.
            let now = UInt64(count / 6)
            let duty: SlashableDuty
            if Bool.random(using: &random) {
                duty = .block(slot: Slot(now + UInt64.random(in: 0...6, using: &random)))
            } else {
                let target = now + UInt64.random(in: 0...6, using: &random)
                let distance = UInt64.random(in: 0...4, using: &random)
                duty = .attestation(source: Epoch(target - min(target, distance)), target: Epoch(target))
            }
            let release = Release(
                duty: duty,
                root: Int.random(in: 0..<3, using: &random),
                validator: Int.random(in: 0..<8, using: &random)
            )
            let batch = release.batch(root: release.root)
            let verdict = await store.decideOne(batch)
            switch verdict {
            case .recorded, .repeated:
                state.withLock { state in
                    state.released.insert(release)
                    if state.watch.note(batch, batch.records[0]) { state.slashable = "\(release)" }
                }
            case .refused(.notCheckable): try? await Task.sleep(for: .milliseconds(2))
            case .refused: break
            }
        }
    }

    /// What was released and is not in the record: its repeat is not known, or another message is signed in its place.
    /// What is not known any more, with what was said to it and to another message in its place. One message of a
    /// validator at a time: all at once would wait for each other longer than a message may.
    func forgotten(by store: PostgreSQLStore) async -> [String] {
        let released = Dictionary(grouping: state.withLock { $0.released }, by: \.validator)
        return await withTaskGroup(of: [String].self) { group in
            for releases in released.values {
                group.addTask {
                    var forgotten: [String] = []
                    for release in releases {
                        let again = await store.decideOne(release.batch(root: release.root))
                        let twin = await store.decideOne(release.batch(root: 9))
                        let isKnown = again == .repeated && twin.refusal?.isUnsafe == true
                        if !isKnown { forgotten.append("\(release): \(again), \(twin)") }
                    }
                    return forgotten
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }
}
