// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Consensus
import Signer
import SlashingProtection
import Testing

@Suite(.timeLimit(.minutes(1)))
struct SignerTests {
    @Test func `what the record allows is signed with the key that was named`() async throws {
        let keys = try [signingKey(1), signingKey(2)]
        let bench = Bench(keys: keys)
        let outcome = await bench.sign(attestation(9), with: keys[1])
        guard case .signed(let signature, let isRepeat) = outcome, case .bls(let publicKey) = keys[1].identifier else {
            Issue.record("\(outcome)")
            return
        }
        #expect(!isRepeat)
        #expect(signature.verifies(signingRoot(9), by: publicKey))
        let batch = try #require(bench.store.batches.first)
        #expect(batch.duty == .attestation(source: Epoch(1), target: Epoch(2)))
        #expect(batch.signingRoot == signingRoot(9) && batch.records == [keys[1].record])
        #expect(batch.genesisValidatorsRoot == root(7))
    }

    @Test func `a repeat is signed and told as one`() async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key], store: FakeStore { _ in .repeated })
        guard case .signed(_, isRepeat: true) = await bench.sign(attestation(), with: key) else {
            Issue.record("not told as a repeat")
            return
        }
    }

    @Test(arguments: [
        Refusal.doubleVote(target: Epoch(2)), .surroundedBy(source: Epoch(0), target: Epoch(9)),
        .belowLowWatermark(lowest: 8), .disabled, .beyondHighWatermark(highest: 1), .notRecordable(value: .max),
    ])
    func `what the record refuses is not signed`(refusal: Refusal) async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key], store: FakeStore { _ in .refused(refusal) })
        #expect(await bench.sign(attestation(), with: key) == .slashable(refusal))
    }

    @Test func `what cannot be checked is not signed`() async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key], store: FakeStore { _ in .refused(.notCheckable(reason: "no disk")) })
        #expect(await bench.sign(attestation(), with: key) == .protectionUnavailable(reason: "no disk"))
        // A message that cannot be slashed needs no record.
        #expect(await bench.sign(randaoReveal(), with: key).isSigned)
        #expect(bench.store.batches.count == 1)
    }

    @Test func `another network reaches neither record nor key`() async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key])
        for request in [attestation(network: root(8)), randaoReveal(network: root(8))] {
            #expect(await bench.sign(request, with: key) == .otherNetwork(configured: root(7), offered: root(8)))
        }
        #expect(bench.store.batches.isEmpty)
    }

    @Test func `an unknown key reaches no record`() async throws {
        let (known, unknown) = try (signingKey(1), signingKey(2))
        let bench = Bench(keys: [known])
        #expect(await bench.sign(attestation(), with: unknown) == .unknownKey)
        for identifier in ["", "0x", "junk", "0x12345", String(repeating: "f", count: 97)] {
            let outcome = await bench.signer.sign(identifier, for: .local, under: nil) { attestation() }
            #expect(outcome == .unknownKey)
        }
        #expect(bench.store.batches.isEmpty)
    }

    @Test func `what cannot be read goes no further`() async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key])
        let unreadable = UnreadableRequest.malformed(code: "malformed_request", reason: "no JSON")
        let outcome = await bench.signer.sign("\(key.identifier)", for: .local, under: nil) {
            () throws(UnreadableRequest) in
            throw unreadable
        }
        #expect(outcome == .malformed(code: "malformed_request", reason: "no JSON"))
        let mismatch = await bench.signer.sign("\(key.identifier)", for: .local, under: nil) {
            () throws(UnreadableRequest) in
            throw .rootMismatch(claimed: signingRoot(1), computed: signingRoot(2))
        }
        #expect(mismatch == .rootMismatch(claimed: signingRoot(1), computed: signingRoot(2)))
        #expect(bench.store.batches.isEmpty)
    }

    @Test func `a client that has left leaves nothing in the record`() async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key])
        #expect(await bench.sign(attestation(), with: key, isAbandoned: { true }) == .abandoned)
        #expect(bench.store.batches.isEmpty)
    }

    @Test func `a request that has its turn at once is not held up by the question who waits for it`() async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key], patience: .seconds(3600))
        let outcome = await bench.sign(
            attestation(),
            with: key,
            isAbandoned: {
                Issue.record("asked although it did not wait")
                return true
            }
        )
        #expect(outcome.isSigned)
    }

    @Test func `every attempt is observed once, with its outcome`() async throws {
        let key = try signingKey(1)
        let bench = Bench(keys: [key])
        _ = await bench.sign(attestation(3), with: key)
        _ = await bench.signer.sign("junk", for: .peer("192.0.2.1:7"), under: nil) { randaoReveal() }
        _ = await bench.signer.sign("junk", for: .local, under: nil) { () throws(UnreadableRequest) in
            throw .malformed(code: "malformed_request", reason: "")
        }
        let attempts = bench.attempts
        #expect(attempts.map(\.outcome.code) == ["signed", "key_not_found", "malformed_request"])
        #expect(attempts[0].key == key.identifier && attempts[0].request?.signingRoot == signingRoot(3))
        #expect(attempts[0].protectionNanoseconds != nil)
        #expect(
            attempts[1].identifier == "junk" && attempts[1].key == nil && attempts[1].caller == .peer("192.0.2.1:7")
        )
        #expect(attempts[1].protectionNanoseconds == nil)
        #expect(attempts[2].request == nil)
    }

    @Test func `more than fits is refused at once, and the place is free afterwards`() async throws {
        let key = try signingKey(1)
        let gate = Gate()
        let bench = Bench(
            keys: [key],
            store: FakeStore { _ in
                await gate.pass(); return .recorded
            },
            limit: 2
        )
        let held = (0..<2).map { number in
            Task { await bench.sign(attestation(UInt8(number)), with: key) }
        }
        await gate.arrivals(2)
        #expect(bench.lanes.available == 0)
        #expect(await bench.sign(attestation(9), with: key) == .overloaded)
        #expect(bench.store.batches.count == 2)
        gate.open()
        for task in held { #expect(await task.value.isSigned) }
        #expect(bench.lanes.available == 2)
        #expect(await bench.sign(attestation(9), with: key).isSigned)
    }

    @Test func `hundreds of requests at once are all answered, each with its own signature`() async throws {
        let keys = try (1...20).map { try signingKey($0) }
        let bench = Bench(keys: keys, limit: 1000)
        let outcomes = await withTaskGroup(of: (Int, UInt8, SigningOutcome).self) { group in
            for number in 0..<400 {
                let (position, content) = (number % keys.count, UInt8(number % 7))
                group.addTask { (position, content, await bench.sign(attestation(content), with: keys[position])) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count == 400)
        var signatures: [[Int]: Signature] = [:]
        for (position, content, outcome) in outcomes {
            guard case .signed(let signature, _) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            let earlier = signatures.updateValue(signature, forKey: [position, Int(content)])
            #expect(earlier == nil || earlier == signature)
        }
        #expect(Set(signatures.values).count == signatures.count)
        #expect(bench.lanes.available == 1000)
        #expect(bench.attempts.count == 400)
    }
}

extension Signature {
    func verifies(_ root: SigningRoot, by key: PublicKey) -> Bool {
        isValid(for: PreparedMessage(root: root.bytes), by: key)
    }
}
