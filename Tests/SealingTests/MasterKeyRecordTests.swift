// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Sealing
import Secrets
import TestSupport
import Testing

@Suite struct MasterKeyRecordTests {
    private let master = MasterKey.random(MasterKeyIdentity(chamber: .random(), generation: 3))

    private func record() async throws -> MasterKeyRecord {
        let custody = try await TestCustody().custodian.share(
            try master.copy(),
            of: master.identity,
            among: TestCustody.names(3),
            threshold: 2
        )
        return MasterKeyRecord(
            chamber: master.identity.chamber,
            sequence: 1,
            made: 1_790_000_000,
            current: MasterKeyCustody(
                generation: master.identity.generation,
                verifier: try master.verifier(),
                shares: custody
            )
        )
    }

    @Test func `a row says what was written, and is known for ours`() async throws {
        let record = try await record()
        let body = try record.encoded(under: master)
        #expect(try MasterKeyRecord(reading: body) == record)
        try MasterKeyRecord.verify(body, with: master)
        #expect(throws: SealingError.wrongMasterKey) {
            try MasterKeyRecord.verify(body, with: .random(master.identity))
        }
    }

    @Test func `nothing of the secret stands in the row`() async throws {
        let body = try await record().encoded(under: master)
        let secret = try master.copy()
        let digits = Hex.encode(secret.span, prefix: false)
        let base64 = Data(secret.span.indices.map { secret.span[$0] }).base64EncodedString()
        let text = String(decoding: body, as: UTF8.self)
        #expect(!text.contains(digits) && !text.contains(base64))
    }

    /// Whatever somebody writes there: it is no row, or the tag does not fit, or it says the very same.
    @Test func `no mutation of a row crashes, and none passes that says something else`() async throws {
        let record = try await record()
        let body = try record.encoded(under: master)
        var random = SeededGenerator(seed: 5)
        for round in 0..<5_000 {
            var changed = body
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: changed.remove(at: place)
                case 2: changed.insert(changed[Int.random(in: 0..<changed.count, using: &random)], at: place)
                default: changed.removeSubrange(place..<min(changed.count, place + 20))
                }
            }
            guard let read = try? MasterKeyRecord(reading: changed) else { continue }
            let passes = (try? MasterKeyRecord.verify(changed, with: master)) != nil
            if passes, read != record { Issue.record("round \(round): \(String(decoding: changed, as: UTF8.self))") }
        }
    }

    @Test(arguments: [
        "", "null", "[]", "{}", #"{"version":1}"#, String(repeating: "[", count: 10_000),
        String(repeating: #"{"a":"#, count: 10_000),
    ])
    func `what is no row is refused`(_ text: String) {
        #expect(throws: MasterKeyRecordError.self) { _ = try MasterKeyRecord(reading: Array(text.utf8)) }
    }
}
