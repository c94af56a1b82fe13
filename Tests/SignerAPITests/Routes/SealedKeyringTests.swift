// SPDX-License-Identifier: Apache-2.0
import HTTPServer
import SignerAPI
import Testing

@Suite(.timeLimit(.minutes(2))) struct SealedKeyringTests {
    @Test func `following an unchanged store decrypts nothing, and a changed one what was changed`() async throws {
        let rig = try await ChamberRig()
        let one = try await rig.start()
        #expect(await one.answer(.post, "/generate", #"{"count":20}"#).status == 200)
        let other = try await rig.start()
        #expect(other.ring.openings == 20)
        for _ in 0..<50 { try await other.ring.refresh() }
        #expect(other.ring.openings == 20)
        #expect(await one.answer(.post, "/generate", #"{"count":1}"#).status == 200)
        for _ in 0..<3 { try await other.ring.refresh() }
        #expect(other.ring.openings == 21 && other.loaded.count == 21)
    }
}
