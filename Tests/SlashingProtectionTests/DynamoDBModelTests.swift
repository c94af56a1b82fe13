// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus
import SlashingProtection
import TestSupport
import Testing

/// Random operations on small numbers, on two signers that share one table: never a pair that is slashable, never a
/// message that the model of the complete form refuses, always an answer to an exact repeat. What is refused beyond the
/// model lies behind the marks.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(10))) struct DynamoDBModelTests {
    @Test func `nothing is allowed that a model of all history refuses`() async throws {
        let generator = SeededGenerator.fromEnvironment()
        var campaign = try await SharedCampaign(generator)
        try await campaign.run(operations: 400)
        if let difference = campaign.difference {
            Issue.record("CHAMBER_TEST_SEED=\(generator.seed): \(difference)")
        }
        #expect(campaign.recorded > 20 && campaign.repeated > 10 && campaign.behind > 10)
    }
}

private struct SharedCampaign {
    private static let validators = (0..<4).map { validator($0) }
    private static let slotsPerEpoch: UInt64 = 4

    private var random: SeededGenerator
    private let stores: [DynamoDBStore]
    private var model = HistoryModel(pinned: network, slotsPerEpoch: SharedCampaign.slotsPerEpoch)
    private var watch = SlashingWatch()
    /// What was signed here, for exact repeats.
    private var signed: [RecordIdentity: [DutyBatch]] = [:]
    private var now: UInt64 = 8
    private(set) var difference: String?
    private(set) var recorded = 0
    private(set) var repeated = 0
    /// Refused here, and not by the model.
    private(set) var behind = 0

    init(_ random: SeededGenerator) async throws {
        self.random = random
        var settings = try await DynamoDBStore.Settings.fresh()
        settings.slotsPerEpoch = Self.slotsPerEpoch
        stores = [try await DynamoDBStore.open(settings), try await DynamoDBStore.open(settings)]
    }

    mutating func run(operations: Int) async throws {
        for _ in 0..<operations where difference == nil {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<75: await sign()
            case 75..<90: await signAgain()
            case 90..<92: try await take()
            case 92: try await prune()
            case 93: try await raise()
            default: now += 1
            }
        }
    }

    private var store: DynamoDBStore { mutating get { stores[Int.random(in: 0...1, using: &random)] } }

    private mutating func sign() async {
        let record = Self.validators[Int.random(in: 0..<Self.validators.count, using: &random)]
        let batch = duty(by: record)
        let verdict = await store.decideOne(batch)
        var attempt = model
        let expected = attempt.sign(batch, record)
        switch (verdict, expected) {
        case (.refused(.notCheckable(let reason)), _): difference = reason
        case (.refused, .repeated) where signed[record]?.contains(where: { $0 == batch }) == true:
            difference = "\(batch.duty) by \(record) was signed before and is refused"
        case (.refused, .refused): break
        case (.refused, _): behind += 1
        case (.recorded, .recorded), (.repeated, .repeated):
            model = attempt
            if verdict == .recorded { recorded += 1 } else { repeated += 1 }
            signed[record, default: []].append(batch)
            if watch.note(batch, record) { difference = "\(batch.duty) by \(record) is slashable" }
        default: difference = "\(batch.duty) by \(record): the model says \(expected), the store \(verdict)"
        }
    }

    private mutating func signAgain() async {
        guard let (record, batches) = signed.randomElement(using: &random) else { return }
        guard let batch = batches.randomElement(using: &random) else { return }
        var attempt = model
        let expected = attempt.sign(batch, record)
        let verdict = await store.decideOne(batch)
        switch (verdict, expected) {
        case (.repeated, .repeated): repeated += 1
        case (.refused, .refused): break
        default: difference = "again \(batch.duty) by \(record): the model says \(expected), the store \(verdict)"
        }
    }

    private mutating func duty(by record: RecordIdentity) -> DutyBatch {
        let root = Int.random(in: 0..<2, using: &random)
        if Bool.random(using: &random) {
            return .block(
                UInt64.random(in: 0...10, using: &random) + now * Self.slotsPerEpoch,
                root: root,
                by: [record]
            )
        }
        let target = now + UInt64.random(in: 0...6, using: &random) - 3
        let source = random.once(in: 10) ? target + 1 : target - min(target, UInt64.random(in: 0...5, using: &random))
        return .attestation(source, target, root: root, by: [record])
    }

    private mutating func take() async throws {
        let record = Self.validators[Int.random(in: 0..<Self.validators.count, using: &random)]
        var offered = ValidatorRecord(publicKey: record.publicKey, blocks: [], attestations: [])
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let batch = duty(by: record)
            let root = random.once(in: 3) ? nil : batch.signingRoot
            switch batch.duty {
            case .block(let slot): offered.blocks.append(RecordedBlock(slot: slot, root: root))
            case .attestation(let source, let target):
                offered.attestations.append(RecordedAttestation(source: source, target: target, root: root))
            }
        }
        let interchange = Interchange(genesisValidatorsRoot: network, validators: [offered])
        let report = try await store.take(interchange)
        if !model.take(offered) || report.validators[0].outcome == .failed {
            difference = "an import of \(offered) failed"
        }
        watch.note(offered)
    }

    private mutating func prune() async throws {
        let keep = UInt64.random(in: 1...6, using: &random)
        try await store.prune(keepEpochs: keep)
        model.prune(keepEpochs: keep)
    }

    private mutating func raise() async throws {
        let (slot, epoch) = (now * Self.slotsPerEpoch, now - 2)
        try await store.raise(slot: slot, epoch: epoch)
        _ = model.raise(slot: slot, epoch: epoch)
    }
}

extension DutyBatch {
    fileprivate static func == (left: Self, right: Self) -> Bool {
        left.duty == right.duty && left.signingRoot == right.signingRoot && left.records == right.records
            && left.genesisValidatorsRoot == right.genesisValidatorsRoot
    }
}
