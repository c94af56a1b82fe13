// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import SlashingProtection
import TestSupport
import Testing

/// What `anti-slashing verify` and `copy` find in histories.
@Suite struct VerificationTests {
    @Test func `a history without contradictions has no findings`() {
        let history = Interchange(
            blocks: [RecordedBlock(1, root: 1), RecordedBlock(2, root: 1), RecordedBlock(3)],
            attestations: [
                RecordedAttestation(1, 2, root: 1), RecordedAttestation(2, 3, root: 1),
                RecordedAttestation(2, 5, root: 2),
                RecordedAttestation(5, 6),
            ]
        )
        #expect(history.contradictions().isEmpty)
        #expect(history.uncovered(by: history).isEmpty)
    }

    @Test(arguments: [
        (Interchange(blocks: [RecordedBlock(1, root: 1), RecordedBlock(1, root: 2)]), "blocks at slot 1"),
        (Interchange(blocks: [RecordedBlock(1, root: 1), RecordedBlock(1)]), "blocks at slot 1"),
        (
            Interchange(attestations: [RecordedAttestation(1, 2, root: 1), RecordedAttestation(1, 2, root: 2)]),
            "target epoch 2"
        ),
        (Interchange(attestations: [RecordedAttestation(1, 2), RecordedAttestation(0, 2)]), "target epoch 2"),
        (Interchange(attestations: [RecordedAttestation(3, 2)]), "source 3 later than its target 2"),
        (Interchange(attestations: [RecordedAttestation(2, 3), RecordedAttestation(1, 4)]), "1 to 4 surrounds 2 to 3"),
        (
            Interchange(attestations: [
                RecordedAttestation(1, 9), RecordedAttestation(4, 6), RecordedAttestation(2, 5),
                RecordedAttestation(1, 2),
            ]), "1 to 9 surrounds 4 to 6"
        ),
    ])
    func `each kind of contradiction is named`(history: Interchange, problem: String) {
        let findings = history.contradictions()
        #expect(findings.contains { $0.problem.contains(problem) }, "\(findings)")
        #expect(findings.allSatisfy { $0.publicKey == validator(0).publicKey.description })
    }

    /// The plain way, for every pair of many random histories.
    @Test func `surrounds are found exactly where a pair is one`() {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<2_000 {
            var targets: Set<UInt64> = []
            var entries: [RecordedAttestation] = []
            for _ in 0..<6 {
                let target = UInt64.random(in: 4...14, using: &random)
                guard targets.insert(target).inserted else { continue }
                entries.append(RecordedAttestation(UInt64.random(in: 0...4, using: &random), target))
            }
            let isSlashable = entries.contains { outer in
                entries.contains { $0.source > outer.source && $0.target < outer.target }
            }
            #expect(Interchange(attestations: entries).contradictions().isEmpty != isSlashable, "\(entries)")
        }
    }

    @Test func `what another record does not cover is named`() {
        let history = Interchange(
            blocks: [RecordedBlock(5, root: 1), RecordedBlock(9, root: 1)],
            attestations: [RecordedAttestation(2, 3, root: 1), RecordedAttestation(3, 4, root: 1)]
        )
        func missing(_ record: Interchange) -> Int { history.uncovered(by: record).count }
        #expect(missing(Interchange()) == 1)
        #expect(missing(Interchange(of: validator(1), blocks: [RecordedBlock(99)])) == 1)
        // Watermarks above, and entries that nobody knows the root of.
        #expect(missing(Interchange(blocks: [RecordedBlock(10)], attestations: [RecordedAttestation(3, 5)])) == 0)
        #expect(
            missing(
                Interchange(blocks: [RecordedBlock(5), RecordedBlock(9)], attestations: [RecordedAttestation(3, 4)])
            )
                == 0
        )
        // A lower source at the watermark lets something surround what was signed.
        #expect(missing(Interchange(blocks: [RecordedBlock(10)], attestations: [RecordedAttestation(2, 5)])) == 1)
        let other = Interchange(
            blocks: [RecordedBlock(5, root: 1), RecordedBlock(9, root: 2)],
            attestations: [RecordedAttestation(2, 3, root: 1), RecordedAttestation(3, 4, root: 1)]
        )
        #expect(history.uncovered(by: other).map(\.problem) == ["the block of slot 9 is not there"])
    }

    /// Whatever the export of a record says is covered, the record refuses to contradict.
    @Test(arguments: StoreKind.allCases)
    func `a record covers what was imported into it`(_ kind: StoreKind) async throws {
        try await withStore(kind) { store async throws in
            var random = SeededGenerator.fromEnvironment()
            var given: [Interchange] = []
            for round in 0..<20 {
                let target = UInt64.random(in: 2...40, using: &random)
                let history = Interchange(
                    of: validator(round % 3),
                    blocks: [RecordedBlock(UInt64.random(in: 0...20, using: &random), root: round % 4)],
                    attestations: [
                        RecordedAttestation(UInt64.random(in: 0...target, using: &random), target, root: round % 4)
                    ]
                )
                try await store.take(history)
                given.append(history)
                if round == 10 { try await store.prune(keepEpochs: 3) }
            }
            let record = try await store.give()
            for history in given { #expect(history.uncovered(by: record).isEmpty) }
        }
    }
}
