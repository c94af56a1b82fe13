// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Signer
import SlashingProtection
import Testing

/// A permit signs what it permits and nothing else.
struct PermitTests {
    private let protection = SlashingProtection(store: FakeStore())

    private func permits(_ keys: [SigningKey], _ authority: Authority, root: UInt8 = 1) throws -> SigningPermits {
        let generation = authority.enter()
        defer { authority.leave(generation) }
        let unslashable = try #require(UnslashableRoot(signingRoot(root), of: .unslashable))
        return protection.permit(unslashable, records: keys.map(\.record), generation: generation)
    }

    private func message(_ number: UInt8) -> PreparedMessage { PreparedMessage(root: signingRoot(number).bytes) }

    @Test func `one signature for each record, in order`() throws {
        let keys = try (1...3).map { try signingKey($0) }
        let authority = Authority()
        let signatures = try permits(keys, authority).sign(message(1), with: keys, authority: authority)
        #expect(signatures.count == 3)
        for (key, signature) in zip(keys, signatures) {
            guard case .bls(let publicKey) = key.identifier else { continue }
            #expect(signature.verifies(signingRoot(1), by: publicKey))
        }
    }

    @Test func `another message is refused`() throws {
        let (keys, authority) = (try [signingKey(1)], Authority())
        #expect(throws: PermitMismatch.otherMessage) {
            _ = try permits(keys, authority).sign(message(2), with: keys, authority: authority)
        }
    }

    @Test func `other keys, more, fewer or in another order are refused`() throws {
        let keys = try (1...3).map { try signingKey($0) }
        let authority = Authority()
        for wrong in [[keys[0]], [keys[1], keys[0]], [keys[0], keys[2]], keys, []] {
            #expect(throws: PermitMismatch.otherRecords) {
                _ = try permits([keys[0], keys[1]], authority).sign(message(1), with: wrong, authority: authority)
            }
        }
    }

    @Test func `a permit of an older generation signs nothing`() async throws {
        let (keys, authority) = (try [signingKey(1)], Authority())
        let old = try permits(keys, authority)
        await authority.raise()
        do {
            _ = try old.sign(message(1), with: keys, authority: authority)
            Issue.record("it signed")
        } catch {
            #expect(error == .olderGeneration)
        }
    }

    @Test func `only those of a batch that the record allows get a permit`() async throws {
        let keys = try (1...2).map { try signingKey($0) }
        let protection = SlashingProtection(store: PartialStore())
        let authority = Authority()
        let generation = authority.enter()
        let batch = DutyBatch(
            duty: .block(slot: Slot(1)),
            signingRoot: signingRoot(1),
            genesisValidatorsRoot: root(7),
            records: keys.map(\.record)
        )
        let decision = await protection.record(batch, generation: generation)
        #expect(decision.verdicts == [.recorded, .refused(.disabled)])
        let permits = decision.takePermits()
        #expect(permits.records == [keys[0].record])
        do {
            _ = try permits.sign(message(1), with: keys, authority: authority)
            Issue.record("it signed for a refused record")
        } catch {
            #expect(error == .otherRecords)
        }
        authority.leave(generation)
    }

    /// Allows the first record of a batch only.
    private struct PartialStore: RecordStore {
        func decide(_ batch: DutyBatch) async -> [Verdict] {
            batch.records.indices.map { $0 == 0 ? .recorded : .refused(.disabled) }
        }
        var health: StoreHealth { .ready }
        func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
            throw .unsupported(backend: "partial")
        }
        func close() async {}
    }
}
