// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Crypto
import Encoding
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// KMS keys in memory, which can be taken away.
final class TestCustody: Sendable {
    struct State {
        var keys: [KeyName: [UInt8]] = [:]
        var failing: [KeyName: WrappingError] = [:]
        var unwrapped = 0
    }
    let state = Lock(State())

    var custodian: Custodian {
        Custodian { [self] name throws(WrappingError) in TestWrapper(name: name, custody: self) }
    }

    var unwrapped: Int { state.withLock { $0.unwrapped } }

    func fail(_ name: KeyName, transiently: Bool = false) {
        state.withLock {
            $0.failing[name] = WrappingError(
                transiently ? .unreachable : .denied,
                key: name.text,
                "KMS Decrypt failed: AccessDeniedException",
                "allow it"
            )
        }
    }

    func mend(_ name: KeyName) { state.withLock { $0.failing[name] = nil } }

    /// As another key in the place of this one.
    func exchange(_ name: KeyName) { state.withLock { $0.keys[name] = Random.bytes(32) } }

    fileprivate func key(_ name: KeyName) throws(WrappingError) -> [UInt8] {
        try state.withLock { (state) throws(WrappingError) -> [UInt8] in
            if let failure = state.failing[name] { throw failure }
            if let key = state.keys[name] { return key }
            let key = Random.bytes(32)
            state.keys[name] = key
            return key
        }
    }

    static func names(_ count: Int) throws -> [KeyName] { try (1...count).map { try KeyName("local:/keys/\($0)") } }
}

private struct TestWrapper: KeyWrapper {
    let name: KeyName
    let custody: TestCustody

    func wrap(_ share: borrowing SecretBytes, context: WrappingContext) async throws(WrappingError) -> [UInt8] {
        let key = try custody.key(name)
        let nonce = Random.bytes(12)
        let bound = Array("\(context)".utf8)
        let sealed = try? AEAD.aes256GCM.seal(
            share.span,
            key: key.span,
            nonce: nonce.span,
            associatedData: bound.span
        )
        return nonce + (sealed ?? [])
    }

    func unwrap(
        _ ciphertext: [UInt8],
        context: WrappingContext,
        recipient: AttestedRecipient?
    ) async throws(WrappingError) -> SecretBytes {
        let key = try custody.key(name)
        custody.state.withLock { $0.unwrapped += 1 }
        let bound = Array("\(context)".utf8)
        do {
            return try AEAD.aes256GCM.open(
                ciphertext.span.extracting(12...),
                key: key.span,
                nonce: ciphertext.span.extracting(..<12),
                associatedData: bound.span
            )
        } catch {
            throw WrappingError(
                .notAuthentic,
                key: name.text,
                "KMS Decrypt failed: InvalidCiphertextException",
                "it was moved"
            )
        }
    }
}

/// What lies under the master key in a test: counts its coming and going.
final class TestContents: ChamberContents {
    struct State {
        var isLoaded = false
        var loads = 0
        var masters: [MasterKey] = []
        var adopted: [[UInt64]] = []
        var rekeyed: [UInt64] = []
        var failure: ChamberContentsError?
        var holds = false
        var waiting: CheckedContinuation<Void, Never>?
    }
    let state = Lock(State())

    func load(under keys: MasterKeys) async throws(ChamberContentsError) {
        if state.withLock({ $0.holds }) {
            await withCheckedContinuation { continuation in state.withLock { $0.waiting = continuation } }
        }
        try state.withLock { (state) throws(ChamberContentsError) in
            if let failure = state.failure { throw failure }
            state.isLoaded = true
            state.loads += 1
            state.masters.append(keys.current)
        }
    }

    func adopt(_ keys: MasterKeys) async {
        state.withLock { $0.adopted.append(keys.all.map(\.identity.generation)) }
    }

    func rekey(
        _ keys: MasterKeys,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws(ChamberContentsError) {
        try state.withLock { (state) throws(ChamberContentsError) in
            if let failure = state.failure { throw failure }
            state.rekeyed.append(keys.newest.identity.generation)
        }
        progress(7, 7)
    }

    func unload() async {
        let waiting = state.withLock { state in
            state.isLoaded = false
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    var isLoaded: Bool { state.withLock { $0.isLoaded } }
}

/// What a chamber told.
final class TestWitness: ChamberWitness {
    let told = Lock<[String]>([])

    func changed(from old: ChamberState, to new: ChamberState, reason: String?) {
        told.withLock { $0.append(new.rawValue + (reason.map { ": \($0)" } ?? "")) }
    }

    func shareFailed(_ failure: CustodyError.Failure) { told.withLock { $0.append("share: \(failure)") } }
    func shareGiven(by name: String) { told.withLock { $0.append("given by \(name)") } }
    func registrationRefused(_ reason: String) { told.withLock { $0.append("registration: \(reason)") } }
    func forgotten(_ reason: String) { told.withLock { $0.append("forgotten: \(reason)") } }
    func rekeyingFailed(_ reason: String) { told.withLock { $0.append("rekeying: \(reason)") } }
    func recordLost() { told.withLock { $0.append("lost") } }

    var lines: [String] { told.withLock { $0 } }
}

/// A chamber over a state that several can share.
struct TestChamber {
    let chamber: Chamber
    let contents = TestContents()
    let witness = TestWitness()

    init(
        _ store: any StateStore,
        _ custody: TestCustody,
        memory: StateMemory? = nil,
        grace: Duration = .zero
    ) {
        chamber = Chamber(
            store: store,
            custodian: custody.custodian,
            contents: contents,
            witness: witness,
            memory: memory,
            settings: .init(patience: 1800, grace: grace),
            now: { [clock] in clock.withLock { $0 } }
        )
    }

    /// Seconds since 1970.
    let clock = Lock<Int64>(1_790_000_000)

    /// Looks at the state, as the daemon does every second, and waits for what comes of it.
    func look() async throws {
        try await chamber.refresh()
        await chamber.settle()
    }
}

extension SecretBytes {
    /// Bytes of a test, which are no secret.
    init(_ bytes: [UInt8]) {
        self.init(count: bytes.count) { target in
            for (place, byte) in bytes.enumerated() {
                target.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
            }
        }
    }
}

func eventually(_ ask: () -> Bool) async throws {
    while !ask() { try await Task.sleep(for: .milliseconds(5)) }
}
