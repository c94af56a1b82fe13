// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Consensus
import Encoding
import Secrets
import Signer
import SlashingProtection

/// A record that answers what the test says, and remembers what it was asked.
final class FakeStore: RecordStore {
    private let answer: @Sendable (DutyBatch) async -> Verdict
    private let asked = Lock([DutyBatch]())

    init(_ answer: @escaping @Sendable (DutyBatch) async -> Verdict = { _ in .recorded }) { self.answer = answer }

    var batches: [DutyBatch] { asked.withLock { $0 } }

    func decide(_ batch: DutyBatch) async -> [Verdict] {
        asked.withLock { $0.append(batch) }
        let verdict = await answer(batch)
        return batch.records.map { _ in verdict }
    }

    var health: StoreHealth { .ready }

    func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        throw .unsupported(backend: "fake")
    }

    func close() async {}
}

/// Tasks wait at it until a test opens it.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }
    private let state = Lock(State())

    /// Arrives, and waits for the opening.
    func pass() async {
        await withCheckedContinuation { continuation in
            let (isOpen, watchers) = state.withLock { state in
                state.arrived += 1
                let due = state.watchers.filter { $0.count <= state.arrived }
                state.watchers.removeAll { $0.count <= state.arrived }
                if !state.isOpen { state.waiting.append(continuation) }
                return (state.isOpen, due)
            }
            for watcher in watchers { watcher.continuation.resume() }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits until so many have arrived.
    func arrivals(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLock { state in
                if state.arrived < count { state.watchers.append((count, continuation)) }
                return state.arrived >= count
            }
            if isReached { continuation.resume() }
        }
    }
}

/// One arena for all tests: each takes from the limit of locked memory.
let arena = SecretArena()

/// The key with this number as its scalar.
func signingKey(_ number: UInt8) throws -> SigningKey {
    let scalar = SecretBytes(count: 32) { target in
        for position in 0..<32 {
            target.storeBytes(of: position == 31 ? number : 0, toByteOffset: position, as: UInt8.self)
        }
    }
    let secret = try scalar.withBytes { try SecretKey(bigEndian: $0, arena: arena) }
    return SigningKey(secret, origin: KeyOrigin(source: "test", location: "\(number)"))
}

func root(_ number: UInt8) -> Root {
    var bytes = Bytes<32>()
    bytes[31] = number
    return Root(bytes)
}

func signingRoot(_ number: UInt8) -> SigningRoot { SigningRoot(root(number).bytes) }

/// The network of these tests.
let network = KnownNetwork.minimal.network.identified(by: root(7))

/// An attestation as it comes out of the reader. `number` chooses the signing root.
func attestation(_ number: UInt8 = 1, source: UInt64 = 1, target: UInt64 = 2, network: Root = root(7)) -> ReadRequest {
    let data = AttestationData(
        slot: Slot(target * 8),
        index: 0,
        beaconBlockRoot: root(number),
        source: Checkpoint(epoch: Epoch(source), root: .zero),
        target: Checkpoint(epoch: Epoch(target), root: .zero)
    )
    return ReadRequest(
        request: SigningRequest(.attestation, forkInfo: forkInfo(network), message: .attestation(data)),
        signingRoot: signingRoot(number)
    )
}

/// A message that cannot be slashed.
func randaoReveal(_ number: UInt8 = 1, network: Root = root(7)) -> ReadRequest {
    ReadRequest(
        request: SigningRequest(.randaoReveal, forkInfo: forkInfo(network), message: .randaoReveal(Epoch(1))),
        signingRoot: signingRoot(number)
    )
}

private func forkInfo(_ network: Root) -> ForkInfo {
    ForkInfo(
        previousVersion: ForkVersion(1),
        currentVersion: ForkVersion(1),
        epoch: Epoch(0),
        genesisValidatorsRoot: network
    )
}

/// Sees every attempt and lets it pass.
struct SeeingWitness: SigningWitness {
    private let seen: Lock<[SigningAttempt]>
    init(_ seen: Lock<[SigningAttempt]>) { self.seen = seen }

    var hindrance: String? { nil }

    func refusedUnread() {}

    func witness(_ attempt: SigningAttempt) async -> SigningOutcome {
        seen.withLock { $0.append(attempt) }
        return attempt.outcome
    }
}

/// A signer with everything around it.
final class Bench: Sendable {
    let store: FakeStore
    let authority = Authority()
    let keyring: Keyring
    let lanes: SigningLanes
    let signer: Signer
    private let seen: Lock<[SigningAttempt]>

    init(
        keys: [SigningKey] = [],
        store: FakeStore = FakeStore(),
        limit: Int = 64,
        threads: Int = 2,
        patience: Duration = .zero,
        witness: (any SigningWitness)? = nil
    ) {
        self.store = store
        keyring = Keyring(keys)
        lanes = SigningLanes(limit: limit, threads: threads)
        let seen = Lock([SigningAttempt]())
        self.seen = seen
        signer = Signer(
            network: network,
            genesisValidatorsRoot: root(7),
            keyring: keyring,
            protection: SlashingProtection(store: store),
            authority: authority,
            lanes: lanes,
            patience: patience,
            witness: witness ?? SeeingWitness(seen)
        )
    }

    var attempts: [SigningAttempt] { seen.withLock { $0 } }

    func sign(
        _ request: ReadRequest,
        with key: SigningKey,
        isAbandoned: @escaping @Sendable () -> Bool = { false }
    ) async -> SigningOutcome {
        await signer.sign("\(key.identifier)", for: .local, under: nil, isAbandoned: isAbandoned) { request }
    }
}

extension SigningOutcome {
    var isSigned: Bool { if case .signed = self { true } else { false } }
}
