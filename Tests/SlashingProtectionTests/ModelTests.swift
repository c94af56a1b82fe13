// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// Random operations on small numbers, where every conflict is likely, against a model that keeps all history.
@Suite(.timeLimit(.minutes(10))) struct ModelTests {
    /// 100 campaigns of about 1,200 operations, each on a fresh record; on a database an eighth of them.
    static let campaigns = 100
    static let operationsEach = 1_200

    @Test(arguments: StoreKind.allCases)
    func `no difference from a model that keeps all history`(_ kind: StoreKind) async throws {
        let (campaigns, each) =
            switch kind {
            case .sqlite: (Self.campaigns, Self.operationsEach)
            case .postgres: (Self.campaigns / 8, Self.operationsEach)
            case .dynamodb: (2, Self.operationsEach / 4)
            }
        var seeds = SeededGenerator.fromEnvironment()
        let seed = seeds.seed
        var operations = 0
        for number in 0..<campaigns {
            var campaign = try await Campaign(kind, SeededGenerator(seed: seeds.next()))
            operations += try await campaign.run(operations: each)
            if let difference = campaign.difference {
                Issue.record("campaign \(number), CHAMBER_TEST_SEED=\(seed): \(difference)")
                return
            }
        }
        #expect(operations >= campaigns * each)
    }
}

/// One record with its model, and a random life.
private struct Campaign {
    static let validators = (0..<8).map { validator($0) }
    private static let slotsPerEpoch: UInt64 = 4

    private var random: SeededGenerator
    private let clock: Lock<UInt64?>
    private let place: RecordPlace
    /// One signer, or two that share the record.
    private var stores: [any RecordStore]
    private var model = HistoryModel(pinned: network, slotsPerEpoch: Campaign.slotsPerEpoch)
    private var watch = SlashingWatch()
    /// Where most duties lie; it moves on as in real life.
    private var now: UInt64 = 8
    private(set) var difference: String?

    init(_ kind: StoreKind, _ random: SeededGenerator) async throws {
        self.random = random
        let clock = Lock<UInt64?>(nil)
        self.clock = clock
        var options = StoreOptions()
        options.slotsPerEpoch = Self.slotsPerEpoch
        options.latestEpoch = { clock.withLock { $0 }.map { Epoch($0) } }
        place = try await RecordPlace(kind, options)
        stores = [try await place.open()]
        if kind == .dynamodb { stores.append(try await place.open()) }
    }

    private var kind: StoreKind { place.kind }
    private var store: any RecordStore { mutating get { stores[Int.random(in: 0..<stores.count, using: &random)] } }

    /// How many operations it made.
    mutating func run(operations: Int) async throws -> Int {
        var done = 0
        while done < operations, difference == nil {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<70: done += await signTogether()
            case 70..<82: done += await race()
            case 82..<90: done += await signAsOneBatch()
            case 90..<92: try await take()
            case 92: try await prune()
            case 93: try await raise()
            case 94: try await moveHighWatermark()
            case 95: moveClock()
            case 96: try await reopen()
            case 97: try await compareExport()
            default: now += 1
            }
            done += 1
        }
        for store in stores { await store.close() }
        try await place.remove()
        return done
    }

    // MARK: Signing

    private mutating func duty(for record: RecordIdentity) -> DutyBatch {
        let root = Int.random(in: 0..<3, using: &random)
        let onOther = random.once(in: 200)
        if Bool.random(using: &random) {
            let slot = number(around: now * Self.slotsPerEpoch, 14)
            return .block(slot, root: root, by: [record], on: onOther ? otherNetwork : network)
        }
        let target = number(around: now, 8)
        let source = random.once(in: 20) ? number(around: now, 8) : target - min(target, number(around: 2, 3))
        return .attestation(source, target, root: root, by: [record], on: onOther ? otherNetwork : network)
    }

    /// Mostly close to a number, sometimes at the edges of 63 and 64 bits.
    private mutating func number(around middle: UInt64, _ spread: UInt64) -> UInt64 {
        if random.once(in: 400) {
            let edges: [UInt64] = [0, 1, 1 << 63 - 1, 1 << 63, .max]
            return edges[Int.random(in: 0..<edges.count, using: &random)]
        }
        let value = middle + UInt64.random(in: 0...(2 * spread), using: &random)
        return value < spread ? 0 : value - spread
    }

    /// One message for each of some validators at once: they share commits, and their order cannot matter.
    private mutating func signTogether() async -> Int {
        let batches = Self.validators.map { duty(for: $0) }
        let verdicts = await decideTogether(batches)
        for (batch, verdict) in zip(batches, verdicts) { check(batch, batch.records[0], verdict[0]) }
        return batches.count
    }

    /// One duty for all validators, as after Electra.
    private mutating func signAsOneBatch() async -> Int {
        let duty = duty(for: Self.validators[0])
        let batch = DutyBatch(
            duty: duty.duty,
            signingRoot: duty.signingRoot,
            genesisValidatorsRoot: duty.genesisValidatorsRoot,
            records: Self.validators + [Self.validators[0]]
        )
        let verdicts = await store.decide(batch)
        for (record, verdict) in zip(batch.records, verdicts) { check(batch, record, verdict) }
        return batch.records.count
    }

    /// Several messages of one validator at once: some order of them must explain the answers.
    private mutating func race() async -> Int {
        let record = Self.validators[Int.random(in: 0..<Self.validators.count, using: &random)]
        let batches = (0..<3).map { _ in duty(for: record) }
        let answers = await decideTogether(batches).map { HistoryModel.Answer($0[0]) }
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        for order in orders {
            var attempt = model
            if order.allSatisfy({ attempt.sign(batches[$0], record, answered: answers[$0], by: kind) }) {
                model = attempt
                for position in order where answers[position] != .refused { note(batches[position], record) }
                return 3
            }
        }
        difference = "no order of \(batches.map(\.duty)) explains \(answers)"
        return 3
    }

    private mutating func decideTogether(_ batches: [DutyBatch]) async -> [[Verdict]] {
        let stores = batches.map { _ in store }
        return await withTaskGroup(of: (Int, [Verdict]).self) { group in
            for (position, batch) in batches.enumerated() {
                group.addTask { (position, await stores[position].decide(batch)) }
            }
            var verdicts = [[Verdict]](repeating: [], count: batches.count)
            for await (position, answer) in group { verdicts[position] = answer }
            return verdicts
        }
    }

    private mutating func check(_ batch: DutyBatch, _ record: RecordIdentity, _ verdict: Verdict) {
        guard model.sign(batch, record, answered: HistoryModel.Answer(verdict), by: kind) else {
            difference = difference ?? "\(batch.duty) by \(record): the store says \(verdict), the model does not"
            return
        }
        if verdict.refusal == nil { note(batch, record) }
    }

    private mutating func note(_ batch: DutyBatch, _ record: RecordIdentity) {
        if watch.note(batch, record) { difference = difference ?? "\(batch.duty) by \(record) is slashable" }
    }

    // MARK: Administration

    private mutating func take() async throws {
        let elements = (0..<Int.random(in: 1...3, using: &random)).map { _ in element() }
        let report = try await store.take(Interchange(genesisValidatorsRoot: network, validators: elements))
        for (element, taken) in zip(elements, report.validators) {
            let expected = model.take(element)
            if expected { watch.note(element) }
            if expected != (taken.outcome != .failed) {
                difference = difference ?? "import of \(element): the model says \(expected), the store \(taken)"
            }
        }
    }

    private mutating func element() -> ValidatorRecord {
        let record = Self.validators[Int.random(in: 0..<Self.validators.count, using: &random)]
        var offered = ValidatorRecord(publicKey: record.publicKey, blocks: [], attestations: [])
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let duty = duty(for: record)
            let root = random.once(in: 3) ? nil : duty.signingRoot
            switch duty.duty {
            case .block(let slot): offered.blocks.append(RecordedBlock(slot: slot, root: root))
            case .attestation(let source, let target):
                offered.attestations.append(RecordedAttestation(source: source, target: target, root: root))
            }
        }
        return offered
    }

    private mutating func prune() async throws {
        let keep = UInt64.random(in: 1...6, using: &random)
        try await store.prune(keepEpochs: keep)
        model.prune(keepEpochs: keep)
    }

    private mutating func raise() async throws {
        let slot = Bool.random(using: &random) ? UInt64.random(in: 0...(now * Self.slotsPerEpoch), using: &random) : nil
        let epoch = Bool.random(using: &random) ? UInt64.random(in: 0...now, using: &random) : nil
        let expected = model.raise(slot: slot, epoch: epoch)
        let happened = try await succeeds { try await store.raise(slot: slot, epoch: epoch) }
        if expected != happened { difference = difference ?? "raise to \(slot ?? 0), \(epoch ?? 0): \(happened)" }
    }

    private mutating func moveHighWatermark() async throws {
        if model.highSlot != nil {
            _ = try await store.administer(.setHighWatermark(nil))
            model.highSlot = nil
            model.highEpoch = nil
            return
        }
        let epoch = now + UInt64.random(in: 0...4, using: &random)
        let slot = epoch * Self.slotsPerEpoch
        let expected = model.setHighWatermark(slot: slot, epoch: epoch)
        let happened = try await succeeds { try await store.setHighWatermark(slot: slot, epoch: epoch) }
        if expected != happened { difference = difference ?? "high watermark \(slot), \(epoch): \(happened)" }
    }

    private func succeeds(_ body: () async throws -> some Any) async throws -> Bool {
        do {
            _ = try await body()
            return true
        } catch StoreError.refused {
            return false
        }
    }

    private mutating func moveClock() {
        let latest = random.once(in: 3) ? nil : now + UInt64.random(in: 0...3, using: &random)
        clock.withLock { $0 = latest }
        model.latestEpoch = latest
    }

    private mutating func reopen() async throws {
        for position in stores.indices {
            await stores[position].close()
            stores[position] = try await place.open()
        }
    }

    /// What the record refuses, a fresh one refuses too after an import of its export.
    private mutating func compareExport() async throws {
        let latest = clock.withLock { $0 }
        let store = store
        let batches = Self.validators.flatMap { record in (0..<6).map { _ in duty(for: record) } }
        try await withCopy(of: store) { copy async throws in
            for batch in batches {
                // On a copy of the model, so that asking records nothing in the store that lives on.
                var answer = model
                guard answer.sign(batch, batch.records[0]) == .refused, model.isRefusedByHistory(batch) else {
                    continue
                }
                if await copy.decideOne(batch).refusal == nil {
                    difference =
                        difference
                        ?? "\(batch.duty) is refused here and allowed after an export (\(String(describing: latest)))"
                }
            }
        }
    }
}

extension HistoryModel {
    /// Signs as the store has; false where the store may not answer so.
    fileprivate mutating func sign(
        _ batch: DutyBatch,
        _ record: RecordIdentity,
        answered answer: Answer,
        by kind: StoreKind
    ) -> Bool {
        var attempt = self
        let complete = attempt.sign(batch, record)
        guard kind.mayAnswer(answer, where: complete, batch, record, self) else { return false }
        if answer == complete { self = attempt } else { validators[record] = validators[record] ?? newcomer }
        return true
    }

    /// Whether history alone refuses, as opposed to the clock and the high watermark, which no export carries.
    fileprivate func isRefusedByHistory(_ batch: DutyBatch) -> Bool {
        var bare = self
        bare.highSlot = nil
        bare.highEpoch = nil
        bare.latestEpoch = nil
        return bare.sign(batch, batch.records[0]) == .refused
    }
}

extension HistoryModel.Answer {
    init(_ verdict: Verdict) {
        self =
            switch verdict {
            case .recorded: .recorded
            case .repeated: .repeated
            case .refused: .refused
            }
    }
}
