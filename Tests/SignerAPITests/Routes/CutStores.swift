// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import SealedKeys
import SignerState

/// What a process writes by: gone at one write, before or behind it, for all of its stores.
final class Power: Sendable {
    struct Cut: Hashable, Sendable, CustomStringConvertible {
        let write: Int
        /// Whether that write still reaches the disk.
        let isWritten: Bool

        var description: String { "\(isWritten ? "behind" : "before") write \(write)" }

        /// Every place of something that writes so often.
        static func all(_ writes: Int) -> [Cut] {
            (1...writes).flatMap { [Cut(write: $0, isWritten: false), Cut(write: $0, isWritten: true)] }
        }
    }

    private let cut: Cut
    private let writes = Lock(0)

    init(_ cut: Cut) { self.cut = cut }

    var isOut: Bool { writes.withLock { $0 >= cut.write } }

    func write<Result, Failure: Error>(
        or death: Failure,
        _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let number = writes.withLock { writes in
            writes += 1
            return writes
        }
        guard number >= cut.write else { return try await body() }
        if number == cut.write, cut.isWritten { _ = try await body() }
        throw death
    }

    func read<Failure: Error>(or death: Failure) throws(Failure) { if isOut { throw death } }
}

struct CutState: StateStore {
    let store: any StateStore
    let power: Power
    private var death: StateError { .unavailable(reason: "the process ended") }

    init(_ store: any StateStore, _ power: Power) {
        self.store = store
        self.power = power
    }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        try power.read(or: death)
        return try await store.rows(after: revision)
    }

    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        try await power.write(or: death) { () async throws(StateError) in try await store.apply(changes) }
    }

    func close() async {}
}

struct CutKeys: SealedKeyStore {
    let store: any SealedKeyStore
    let power: Power
    private var death: SealedKeyError { .unavailable(reason: "the process ended") }

    init(_ store: any SealedKeyStore, _ power: Power) {
        self.store = store
        self.power = power
    }

    func load(
        _ statuses: Set<SealedKeyStatus>,
        _ take: ([SealedKeyRow]) async -> Void
    ) async throws(SealedKeyError) -> SealedKeyCursor {
        try power.read(or: death)
        return try await store.load(statuses, take)
    }

    func changes(after cursor: SealedKeyCursor) async throws(SealedKeyError) -> SealedKeyChanges {
        try power.read(or: death)
        return try await store.changes(after: cursor)
    }

    func entries(of publicKeys: [Bytes<48>]) async throws(SealedKeyError) -> [SealedKeyEntry] {
        try power.read(or: death)
        return try await store.entries(of: publicKeys)
    }

    func page(
        after publicKey: Bytes<48>?,
        limit: Int,
        status: SealedKeyStatus?
    ) async throws(SealedKeyError) -> [SealedKeyRow] {
        try power.read(or: death)
        return try await store.page(after: publicKey, limit: limit, status: status)
    }

    func apply(_ changes: [SealedKeyChange]) async throws(SealedKeyError) -> [SealedKeyOutcome] {
        try await power.write(or: death) { () async throws(SealedKeyError) in try await store.apply(changes) }
    }

    func raiseFence(to generation: UInt64) async throws(SealedKeyError) {
        try await power.write(or: death) { () async throws(SealedKeyError) in
            try await store.raiseFence(to: generation)
        }
    }

    func leastGeneration() async throws(SealedKeyError) -> UInt64 {
        try power.read(or: death)
        return try await store.leastGeneration()
    }

    func count() async throws(SealedKeyError) -> SealedKeyCount {
        try power.read(or: death)
        return try await store.count()
    }

    func close() async {}
}
