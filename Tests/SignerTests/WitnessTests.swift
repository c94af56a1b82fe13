// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Signer
import SlashingProtection
import Testing

/// Answers what the test says.
private struct ScriptedWitness: SigningWitness {
    let hindrance: String?
    let answer: @Sendable (SigningAttempt) async -> SigningOutcome

    init(hindrance: String? = nil, _ answer: @escaping @Sendable (SigningAttempt) async -> SigningOutcome) {
        self.hindrance = hindrance
        self.answer = answer
    }

    func witness(_ attempt: SigningAttempt) async -> SigningOutcome { await answer(attempt) }

    func refusedUnread() {}
}

@Suite(.timeLimit(.minutes(1))) struct WitnessTests {
    @Test func `what the witness could not keep is not released`() async throws {
        let key = try signingKey(1)
        let lost = SigningOutcome.auditUnavailable(reason: "the disk is full")
        let bench = Bench(keys: [key], witness: ScriptedWitness { $0.outcome.isSigned ? lost : $0.outcome })
        #expect(await bench.sign(attestation(), with: key) == lost)
        // It was recorded; the same message can be asked for again.
        #expect(bench.store.batches.count == 1)
        #expect(await bench.sign(attestation(), with: try signingKey(2)) == .unknownKey)
    }

    @Test func `while nothing can be kept nothing is recorded either`() async throws {
        let key = try signingKey(1)
        let seen = Lock<[SigningOutcome]>([])
        let witness = ScriptedWitness(hindrance: "the disk is full") { attempt in
            seen.withLock { $0.append(attempt.outcome) }
            return attempt.outcome
        }
        let bench = Bench(keys: [key], witness: witness)
        #expect(await bench.sign(attestation(), with: key) == .auditUnavailable(reason: "the disk is full"))
        #expect(bench.store.batches.isEmpty)
        #expect(seen.withLock { $0 }.count == 1)
    }

    @Test func `an attempt belongs to its generation until it has been seen`() async throws {
        let key = try signingKey(1)
        let gate = Gate()
        let bench = Bench(
            keys: [key],
            witness: ScriptedWitness { attempt in
                await gate.pass()
                return attempt.outcome
            }
        )
        let signing = Task { await bench.sign(attestation(), with: key) }
        await gate.arrivals(1)
        let isRaised = Lock(false)
        let raising = Task {
            await bench.authority.raise()
            isRaised.withLock { $0 = true }
        }
        for _ in 0..<100 { await Task.yield() }
        #expect(!isRaised.withLock { $0 }, "a signature waits for its line")
        gate.open()
        #expect(await signing.value.isSigned)
        await raising.value
    }
}
