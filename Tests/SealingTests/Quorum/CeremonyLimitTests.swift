// SPDX-License-Identifier: Apache-2.0
import Encoding
import Sealing
import Secrets
import Testing

/// What a ceremony keeps of those who ask and answer: it is bounded, and an operator who is right gets through.
@Suite(.timeLimit(.minutes(2))) struct CeremonyLimitTests {
    private static let now: Int64 = 1_790_000_000
    private let place: QuorumPlace
    private var operators: [TestOperator] { place.operators }

    init() throws { place = try QuorumPlace() }

    private func ceremony() async throws -> UnsealCeremony {
        let record = try #require(try await place.registered().chamber.status.record)
        return try UnsealCeremony(record.chamber, quorums: [try #require(record.quorum)], timeout: 1800)
    }

    private static func isComplete(_ progress: UnsealCeremony.Progress) -> Bool {
        if case .complete = progress { true } else { false }
    }

    @Test func `ten thousand challenges and ten thousand wrong answers leave nothing behind`() async throws {
        var ceremony = try await ceremony()
        let alice = operators[0]
        let stranger = try TestOperator("alice", seed: 9, identifier: alice.credential.identifier)
        var refused = 0
        for number in 0..<10_000 {
            let now = Self.now + Int64(number % 200)
            let shown = alice.shown(try ceremony.challenge(for: operators[number % 3].name, at: now))
            // Now and then one that is signed, by the wrong key; else whatever comes to somebody's mind.
            let signature =
                number % 100 == 0
                ? try stranger.signature(under: shown, in: ceremony) : Bytes(copying: Random.bytes(64).span)
            do { _ = try ceremony.boxes(for: shown, signature: signature, at: now) } catch { refused += 1 }
            do { _ = try ceremony.take([], from: shown, at: now) } catch { refused += 1 }
        }
        #expect(refused == 20_000)
        #expect(ceremony.remembered == 0 && ceremony.names == [] && ceremony.expires == nil)
        #expect(!Self.isComplete(try operators[0].give(to: &ceremony, at: Self.now + 200)))
        #expect(Self.isComplete(try operators[1].give(to: &ceremony, at: Self.now + 200)))
    }

    @Test func `an operator who answers in a loop is stopped, and stands in nobody's way`() async throws {
        var ceremony = try await ceremony()
        for _ in 0..<UnsealCeremony.mostAnswers { _ = try operators[0].answered(in: &ceremony, at: Self.now) }
        for _ in 0..<100 {
            #expect(throws: QuorumRefusal.tooManyChallenges(operator: "alice", most: UnsealCeremony.mostAnswers)) {
                _ = try operators[0].answered(in: &ceremony, at: Self.now)
            }
        }
        #expect(ceremony.remembered == UnsealCeremony.mostAnswers)
        #expect(!Self.isComplete(try operators[1].give(to: &ceremony, at: Self.now)))
        let later = Self.now + UnsealCeremony.challengeLifetime
        #expect(Self.isComplete(try operators[0].give(to: &ceremony, at: later)))
        #expect(ceremony.remembered == 1)
    }

    @Test func `a challenge that brought a wrong share serves no second time`() async throws {
        var ceremony = try await ceremony()
        let alice = operators[0]
        let (shown, boxes) = try alice.answered(in: &ceremony, at: Self.now)
        let right = try alice.returned(boxes, shown, to: ceremony)
        var wrong = right[0].bytes
        wrong[wrong.count - 1] ^= 1
        #expect(throws: QuorumRefusal.self) {
            _ = try ceremony.take([.init(ceremony: right[0].ceremony, bytes: wrong)], from: shown, at: Self.now)
        }
        #expect(throws: QuorumRefusal.challengeExpired) { _ = try ceremony.take(right, from: shown, at: Self.now) }
        let signature = try alice.signature(under: shown, in: ceremony)
        #expect(throws: QuorumRefusal.challengeExpired) {
            _ = try ceremony.boxes(for: shown, signature: signature, at: Self.now)
        }
        #expect(ceremony.names == [])
    }
}
