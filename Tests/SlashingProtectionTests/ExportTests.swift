// SPDX-License-Identifier: Apache-2.0
import Consensus
import SlashingProtection
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct ExportTests {
    @Test(arguments: StoreKind.allCases) func `export, import and export again give the same file`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            for number in 0..<5 {
                let record = [validator(number)]
                for value in UInt64(number)..<12 {
                    _ = await store.decideOne(.block(value * 3, root: Int(value), by: record))
                    _ = await store.decideOne(.attestation(value, value + 1, root: Int(value), by: record))
                }
            }
            try await store.prune(keepEpochs: 6)
            let first = try await store.give().json()
            try await withCopy(of: store) { copy async throws in
                #expect(try await copy.give().json() == first)
            }
        }
    }

    @Test(arguments: StoreKind.allCases) func `an export carries watermarks that stand without a record`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.block(3)) == .recorded)
            #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
            try await store.raise(slot: 100, epoch: 10)
            try await withCopy(of: store) { copy async throws in
                for slot in [UInt64(99), 100] { #expect(await copy.decideOne(.block(slot)).refusal != nil) }
                #expect(await copy.decideOne(.attestation(9, 11)).refusal != nil)
                #expect(await copy.decideOne(.attestation(10, 10)).refusal != nil)
                #expect(await copy.decideOne(.attestation(10, 11)) == .recorded)
                #expect(await copy.decideOne(.block(101)) == .recorded)
            }
        }
    }

    /// Such votes exist only in hostile or broken files, but a slashing needs nothing more than the signature.
    @Test(arguments: StoreKind.allCases)
    func `a vote with its source after its target, below the watermark, still counts after an export`(
        _ kind: StoreKind
    )
        async throws
    {
        try await withStore(kind) { store async throws in
            try await store.take(
                Interchange(attestations: [RecordedAttestation(8, 2), RecordedAttestation(1, 3)])
            )
            try await store.raise(epoch: 5)
            let verdict = await store.decideOne(.attestation(6, 10))
            #expect(kind.mayAnswer(verdict, where: .refused(.surrounds(source: 8, target: 2))))
            try await withCopy(of: store) { copy async throws in
                #expect(await copy.decideOne(.attestation(6, 10)).refusal != nil)
                #expect(await copy.decideOne(.attestation(8, 10)) == .recorded)
            }
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a vote at the watermark keeps its root in an export, so that it can be repeated`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            #expect(await store.decideOne(.attestation(1, 2)) == .recorded)
            #expect(await store.decideOne(.attestation(4, 9, root: 7)) == .recorded)
            try await store.prune(keepEpochs: 1)
            try await withCopy(of: store) { copy async throws in
                #expect(await copy.decideOne(.attestation(4, 9, root: 7)) == .repeated)
            }
        }
    }

    @Test(arguments: StoreKind.allCases) func `an export of some validators names only those`(
        _ kind: StoreKind
    ) async throws {
        try await withStore(kind) { store async throws in
            for number in 0..<4 { _ = await store.decideOne(.block(1, by: [validator(number)])) }
            let some = try await store.give(only: [validator(1), validator(3), validator(9)])
            #expect(some.validators.map(\.publicKey) == [validator(1).publicKey, validator(3).publicKey])
        }
    }
}
