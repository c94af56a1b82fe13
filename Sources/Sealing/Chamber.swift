// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Secrets
package import SignerState

/// The chamber of this instance: follows the signer state, puts the master key together, holds it while it is open, and
/// wipes it when it closes. What to do when is `ChamberMachine`'s; this performs it.
package final class Chamber: Sendable {
    fileprivate struct State {
        var machine = ChamberMachine()
        /// Of the signer state, up to which it was read; nil before the first reading.
        var revision: UInt64?
        var record: Stored?
        var seal = SealOrder()
        /// Sealed here, whether or not the others could be told.
        var isSealedHere = false
        /// While it is open or being opened.
        var master: MasterKey?
        var opening: Task<Void, Never>?
        var pause: Task<Void, Never>?
        /// Nothing is begun any more.
        var isOver = false
        /// The last of the actions: each waits for the one before.
        var last: Task<Void, Never>?

        var observation: ChamberMachine.Observation {
            .init(version: record?.version, isSealOrdered: isSealedHere || seal.isOrdered)
        }
    }

    /// What the row of the order says.
    fileprivate struct SealOrder {
        var version: UInt64 = 0
        var isThere = false
        var isOrdered = false
    }

    /// The record with its row.
    fileprivate struct Stored {
        let version: UInt64
        let body: [UInt8]
        let record: Result<MasterKeyRecord, MasterKeyRecordError>

        init(version: UInt64, body: [UInt8]) {
            self.version = version
            self.body = body
            record = Result { () throws(MasterKeyRecordError) in try MasterKeyRecord(reading: body) }
        }
    }

    private let store: any StateStore
    private let custodian: Custodian
    private let contents: any ChamberContents
    private let witness: any ChamberWitness
    private let now: @Sendable () -> Int64
    private let founding: @Sendable (MasterKey) async throws(StateError) -> [StateChange]
    private let state = Lock(State())

    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - founding: what is written in the same change as the first record, so that a chamber never is without it.
    package init(
        store: any StateStore,
        custodian: Custodian,
        contents: any ChamberContents,
        witness: any ChamberWitness,
        now: @escaping @Sendable () -> Int64,
        founding: @escaping @Sendable (MasterKey) async throws(StateError) -> [StateChange] = { _ in [] }
    ) {
        self.store = store
        self.custodian = custodian
        self.contents = contents
        self.witness = witness
        self.now = now
        self.founding = founding
    }

    // MARK: Looking

    /// Whether the master key is in memory and what lies under it is loaded: only then is anything signed.
    package var isOpen: Bool { state.withLock { $0.machine.state == .unsealed && !$0.isOver } }

    package var status: ChamberStatus {
        state.withLock { state in
            ChamberStatus(
                state: state.machine.state,
                reason: state.machine.reason,
                record: try? state.record?.record.get()
            )
        }
    }

    /// The master key of an open chamber.
    package func masterKey() throws(ChamberError) -> MasterKey {
        let (master, now, reason) = state.withLock { state in
            (
                state.machine.state == .unsealed && !state.isOver ? state.master : nil, state.machine.state,
                state.machine.reason
            )
        }
        if let master { return master }
        throw now == .uninitialized ? .uninitialized : .sealed(reason: reason)
    }

    // MARK: Following the signer state

    /// Reads the state. What it says is begun, and not waited for.
    package func refresh() async throws(StateError) {
        let seen = state.withLock { $0.revision }
        let reading = try await store.rows(after: seen ?? 0)
        handle { state in
            guard state.revision.map({ reading.revision > $0 }) ?? true else { return nil }
            state.revision = reading.revision
            for row in reading.rows { state.take(row) }
            return .observed(state.observation)
        }
    }

    /// Waits until what was begun has ended, one way or another.
    package func settle() async {
        for _ in 0..<2 {
            await state.withLock { $0.last }?.value
            await state.withLock { $0.opening }?.value
        }
        await state.withLock { $0.last }?.value
    }

    // MARK: Ceremonies

    /// Makes the master key of a new chamber and shares it out among KMS keys. When the record is durable, the chamber opens
    /// by the same way as at every start; returns when that has ended too.
    package func initialize(keys: [KeyName], threshold: Int) async throws(ChamberError) {
        guard status.state == .uninitialized else { throw .alreadyInitialized }
        let master = MasterKey.random(MasterKeyIdentity(chamber: .random(), generation: 1))
        defer { master.destroy() }
        let body = try await record(of: master, keys: keys, threshold: threshold)
        do throws(StateError) {
            let others = try await founding(master)
            try await store.apply([StateChange(ChamberRows.masterKey, expecting: 0, body: body)] + others)
        } catch {
            if case .conflict(ChamberRows.masterKey) = error { throw .alreadyInitialized }
            throw .state(error)
        }
        try await follow()
    }

    private func record(
        of master: MasterKey,
        keys: [KeyName],
        threshold: Int
    ) async throws(ChamberError) -> [UInt8] {
        let custody = try await share(master, keys: keys, threshold: threshold)
        do throws(SealingError) {
            let record = MasterKeyRecord(
                identity: master.identity,
                made: now(),
                verifier: try master.verifier(),
                custody: custody
            )
            return try record.encoded(under: master)
        } catch { throw .failed(error) }
    }

    private func share(
        _ master: MasterKey,
        keys: [KeyName],
        threshold: Int
    ) async throws(ChamberError) -> SharedCustody {
        let secret = try master.copied()
        do throws(CustodyError) {
            return try await custodian.share(secret, of: master.identity, among: keys, threshold: threshold)
        } catch { throw .custody(error) }
    }

    /// Closes the chamber here at once, and orders all other instances to close theirs. Returns when nothing is under way
    /// here, and the master key is gone.
    package func seal() async -> SealReport {
        let closing = handle { state in
            state.isSealedHere = true
            return .observed(state.observation)
        }
        await closing?.value
        do throws(StateError) {
            try await order(sealed: true)
            // From here on the order is everybody's, and whoever takes it back takes it back for this instance too.
            state.withLock { $0.isSealedHere = false }
            return SealReport(problem: nil)
        } catch { return SealReport(problem: error) }
    }

    /// Takes back the order to seal, and opens the chamber as at a start. Returns when that has ended, either way.
    package func unseal() async throws(ChamberError) {
        guard status.state != .uninitialized else { throw .uninitialized }
        do throws(StateError) { try await order(sealed: false) } catch { throw .state(error) }
        handle { state in
            state.isSealedHere = false
            return .observed(state.observation)
        }
        try await follow()
    }

    /// Writes the order where it is another than the one that stands.
    private func order(sealed: Bool) async throws(StateError) {
        for _ in 0..<3 {
            try await refresh()
            let standing = state.withLock { $0.seal }
            guard standing.isOrdered != sealed else { return }
            let body = ChamberRows.body(of: .init(sealed: sealed, at: now()))
            do throws(StateError) {
                try await store.apply([
                    StateChange(ChamberRows.seal, expecting: standing.isThere ? standing.version : 0, body: body)
                ])
            } catch {
                // Somebody else ordered something meanwhile: look again.
                guard case .conflict = error else { throw error }
            }
        }
        throw .unavailable(reason: "others seal and unseal the chamber at the same time; try again")
    }

    private func follow() async throws(ChamberError) {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        await settle()
    }

    /// Wipes everything, and begins nothing any more: libraries that a late attempt would use go away with the process.
    /// Nobody else is told.
    package func shutDown() async {
        let last = state.withLock { state in
            state.isOver = true
            return state.last
        }
        await last?.value
        await close()
    }

    // MARK: What the machine says

    /// Tells the machine of an event, and performs what it says behind everything that it said before.
    @discardableResult
    private func handle(_ make: (inout State) -> ChamberMachine.Event?) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.isOver, let event = make(&state) else { return state.last }
            let before = (state.machine.state, state.machine.reason)
            let actions = state.machine.handle(event)
            let after = (state.machine.state, state.machine.reason)
            let (previous, hasChanged) = (state.last, before != after)
            let next = Task { [self] in
                await previous?.value
                if hasChanged { witness.changed(from: before.0, to: after.0, reason: after.1) }
                for action in actions { await perform(action) }
            }
            state.last = next
            return next
        }
    }

    private func perform(_ action: ChamberMachine.Action) async {
        switch action {
        case .open(let attempt):
            let opening = Task { await open(attempt) }
            state.withLock { $0.opening = opening }
        case .pause(let duration):
            // Weak: a chamber that nobody has any more tries nothing.
            let pause = Task { [weak self] in
                guard (try? await Task.sleep(for: duration)) != nil else { return }
                self?.handle { _ in .pauseEnded }
            }
            state.withLock { $0.pause = pause }
        case .close: await close()
        case .check(let attempt): check(attempt)
        case .warnOfLoss: witness.recordLost()
        }
    }

    private func close() async {
        let (opening, pause) = state.withLock { ($0.opening, $0.pause) }
        pause?.cancel()
        opening?.cancel()
        await contents.unload()
        await opening?.value
        // What the opening brought at its end.
        await contents.unload()
        state.withLock { state in
            state.master?.destroy()
            state.master = nil
            state.opening = nil
        }
    }

    // MARK: Opening

    private func open(_ attempt: ChamberMachine.Attempt) async {
        // Where the record has changed since, the machine knows, and what it says next is another attempt.
        guard let stored = state.withLock({ $0.record }), stored.version == attempt.version else { return }
        do throws(OpeningFailure) {
            let master = try await masterKey(of: stored)
            state.withLock { $0.master = master }
            do throws(ChamberContentsError) { try await contents.load(under: master) } catch {
                throw OpeningFailure("\(error)", passes: true)
            }
            handle { _ in .opened(attempt) }
        } catch {
            state.withLock { state in
                state.master?.destroy()
                state.master = nil
            }
            handle { _ in .failed(attempt, reason: error.reason, passes: error.passes) }
        }
    }

    private func masterKey(of stored: Stored) async throws(OpeningFailure) -> MasterKey {
        let record: MasterKeyRecord
        do throws(MasterKeyRecordError) { record = try stored.record.get() } catch {
            throw OpeningFailure("\(error)", passes: false)
        }
        let opened: OpenedCustody
        do throws(CustodyError) { opened = try await custodian.open(record.custody, of: record.identity) } catch {
            if case .insufficient(_, _, let failures) = error {
                for failure in failures { witness.shareFailed(failure) }
            }
            throw OpeningFailure("\(error)", passes: error.passes)
        }
        for failure in opened.failures { witness.shareFailed(failure) }
        do throws(SealingError) {
            let master = try MasterKey(opened.take(), record.identity)
            try MasterKeyRecord.verify(stored.body, with: master)
            return master
        } catch { throw OpeningFailure("the MASTER_KEY row: \(error)", passes: false) }
    }

    /// Holds a changed record against the key in memory.
    private func check(_ attempt: ChamberMachine.Attempt) {
        let (stored, master) = state.withLock { ($0.record, $0.master) }
        guard let stored, stored.version == attempt.version, let master else { return }
        do throws(SealingError) { try MasterKeyRecord.verify(stored.body, with: master) } catch {
            handle { _ in
                .failed(
                    attempt,
                    reason: "the MASTER_KEY row was changed, and not by this chamber: \(error)",
                    passes: false
                )
            }
        }
    }
}

/// Why the chamber did not open.
private struct OpeningFailure: Error {
    let reason: String
    let passes: Bool

    init(_ reason: String, passes: Bool) {
        self.reason = reason
        self.passes = passes
    }
}

extension Chamber.State {
    /// Takes over a row of the chamber. Rows do not go back: who reads an older one has been overtaken, or the state was set
    /// back, and then what is in memory is what was true last.
    fileprivate mutating func take(_ row: StateRow) {
        switch row.name {
        case ChamberRows.masterKey:
            guard row.version > record?.version ?? 0 || row.body == nil else { return }
            record = row.body.map { .init(version: row.version, body: $0) }
        case ChamberRows.seal:
            guard row.version > seal.version else { return }
            seal = .init(version: row.version, isThere: row.body != nil, isOrdered: ChamberRows.isSealed(row.body))
        default: break
        }
    }
}

extension MasterKey {
    fileprivate func copied() throws(ChamberError) -> SecretBytes {
        do throws(SealingError) { return try copy() } catch { throw .failed(error) }
    }
}
