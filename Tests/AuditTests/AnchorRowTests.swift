// SPDX-License-Identifier: Apache-2.0
import Audit
import Crypto
import Encoding
import SignerState
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct AnchorRowTests {
    private static func tagging(_ key: UInt8) -> AuditAnchor.Tagging {
        { message in (try? HMAC.sha256(key: [key].span, message.span)) ?? Bytes() }
    }

    private static func anchor(_ sequence: UInt64, chain: UInt8 = 1) -> AuditAnchor {
        AuditAnchor(
            chain: Bytes(repeating: chain),
            head: AuditHead(sequence: sequence, hash: Bytes(repeating: 9)),
            file: 2,
            oldest: 1,
            time: 1_700_000_000,
            place: "host:/var/log/audit.log"
        )
    }

    @Test func `what was put is found, also by the next process`() async throws {
        let folder = try TemporaryFolder()
        let state = try SQLiteState(path: folder.file("state.sqlite"))
        let anchors = AuditAnchors(state, tag: Self.tagging(1))
        #expect(try await anchors.find(Bytes(repeating: 1)) == .none)
        try await anchors.put(Self.anchor(5))
        try await anchors.put(Self.anchor(6))
        let later = AuditAnchors(state, tag: Self.tagging(1))
        try await later.put(Self.anchor(7))
        // The first one learns that somebody else was there, and takes over the next time.
        await #expect(throws: StateError.self) { try await anchors.put(Self.anchor(8)) }
        try await anchors.put(Self.anchor(9))
        #expect(try await later.find(Bytes(repeating: 1)) == .anchor(Self.anchor(9)))
        #expect(try await later.find(Bytes(repeating: 2)) == .none)
        #expect(try await later.chains(at: "host:/var/log/audit.log") == [Bytes(repeating: 1)])
        #expect(try await later.chains(at: "elsewhere").isEmpty)
        await state.close()
    }

    @Test func `an edited row, and one of another key, is not believed`() async throws {
        let good = Self.anchor(1234).encoded(Self.tagging(1))
        #expect(throws: AuditAnchor.Failure.forged) { try AuditAnchor.decode(good, Self.tagging(2)) }
        let edited = String(decoding: good, as: UTF8.self).replacing(#""1234""#, with: #""1233""#)
        #expect(throws: AuditAnchor.Failure.forged) { try AuditAnchor.decode(Array(edited.utf8), Self.tagging(1)) }
        let untagged = Self.anchor(1).encoded(nil)
        #expect(throws: AuditAnchor.Failure.forged) { try AuditAnchor.decode(untagged, Self.tagging(1)) }
        #expect(throws: AuditAnchor.Failure.unreadable) { try AuditAnchor.decode([1], Self.tagging(1)) }
        #expect(try AuditAnchor.decode(untagged, nil) == Self.anchor(1))
    }
}
