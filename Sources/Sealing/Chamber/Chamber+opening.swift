// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Encoding
internal import Secrets
internal import SignerState

/// From sealed to open: what the KMS keys have, what the operators have, what lies under the master key.
extension Chamber {
    func open(_ attempt: ChamberMachine.Attempt) async {
        // Where the record has changed since, the machine knows, and what it says next is another attempt.
        guard let stored = state.withLock({ $0.record }), stored.version == attempt.version else { return }
        do throws(OpeningFailure) {
            let record = try stored.readable()
            try admit(record)
            guard record.quorum == nil else { return try await openOuter(record, attempt) }
            let keys = try await masterKeys(of: record, in: stored)
            state.withLock { $0.keys = keys }
            try checkOrder(under: keys)
            try await loadContents(under: keys)
            await remember(record)
            handle { _ in .opened(attempt) }
            continueRekeying()
        } catch {
            state.withLock { state in
                state.keys?.destroy()
                state.keys = nil
            }
            handle { _ in .failed(attempt, reason: error.reason, passes: error.passes) }
        }
    }

    /// Loads what lies under the master key that operators have opened.
    func load(_ attempt: ChamberMachine.Attempt) async {
        guard let keys = state.withLock({ $0.keys }) else { return }
        do throws(OpeningFailure) {
            try await loadContents(under: keys)
            handle { _ in .opened(attempt) }
            continueRekeying()
        } catch {
            handle { _ in .failed(attempt, reason: error.reason, passes: error.passes) }
        }
    }

    private func loadContents(under keys: MasterKeys) async throws(OpeningFailure) {
        do throws(ChamberContentsError) { try await contents.load(under: keys) } catch {
            throw OpeningFailure("\(error)", passes: true)
        }
    }

    // MARK: Records that were put back

    /// Refuses a record that is older than one that was seen, by this process or by one before it on this machine.
    func admit(_ record: MasterKeyRecord) throws(OpeningFailure) {
        if let known = memory?.known, known.chamber != record.chamber.bytes {
            throw .otherChamber(memory?.path ?? "what it knows")
        }
        let seen = max(
            state.withLock { $0.sequence },
            memory?.highestCustody(of: record.chamber.bytes) ?? 0
        )
        guard record.sequence >= seen else { throw .putBack(record, seen) }
    }

    /// Of a record that was verified.
    func remember(_ record: MasterKeyRecord) async {
        state.withLock { $0.sequence = max($0.sequence, record.sequence) }
        do throws(StateMemoryError) {
            try await memory?.remember(custody: record.sequence, of: record.chamber.bytes)
        } catch { witness.forgotten("\(error)") }
    }

    // MARK: By the KMS keys alone

    func masterKeys(
        of record: MasterKeyRecord,
        in stored: StoredRow
    ) async throws(OpeningFailure) -> MasterKeys {
        let current = try await masterKey(record.current, of: record, in: stored)
        guard let next = record.next else { return MasterKeys(current) }
        return MasterKeys(current, next: try await masterKey(next, of: record, in: stored))
    }

    private func masterKey(
        _ custody: MasterKeyCustody,
        of record: MasterKeyRecord,
        in stored: StoredRow
    ) async throws(OpeningFailure) -> MasterKey {
        let secret = try await opened(custody, of: record)
        do throws(SealingError) {
            let master = try MasterKey(secret.take(), record.identity(of: custody))
            try MasterKeyRecord.verify(stored.body, with: master)
            return master
        } catch { throw OpeningFailure("the MASTER_KEY row: \(error)", passes: false) }
    }

    private func opened(
        _ custody: MasterKeyCustody,
        of record: MasterKeyRecord
    ) async throws(OpeningFailure) -> OpenedCustody {
        do throws(CustodyError) {
            let opened = try await custodian.open(custody.shares, of: record.identity(of: custody))
            for failure in opened.failures { witness.shareFailed(failure) }
            return opened
        } catch {
            if case .insufficient(_, _, let failures) = error {
                for failure in failures { witness.shareFailed(failure) }
            }
            throw OpeningFailure("\(error)", passes: error.passes)
        }
    }

    // MARK: By the operators

    /// The KMS keys' part; from here on the operators are waited for.
    private func openOuter(
        _ record: MasterKeyRecord,
        _ attempt: ChamberMachine.Attempt
    ) async throws(OpeningFailure) {
        try await beginCeremony(for: record.custodies, of: record) { .outerOpened(attempt) }
    }

    private func beginCeremony(
        for custodies: [MasterKeyCustody],
        of record: MasterKeyRecord,
        _ event: @escaping @Sendable () -> ChamberMachine.Event?
    ) async throws(OpeningFailure) {
        var (envelopes, quorums): ([SecretBox], [OperatorQuorum]) = ([], [])
        for custody in custodies {
            guard let quorum = custody.quorum else {
                throw OpeningFailure("the MASTER_KEY row: only one of its two master keys has operators", passes: false)
            }
            envelopes.append(SecretBox(try await opened(custody, of: record).take()))
            quorums.append(quorum)
        }
        let (opened, asked) = (envelopes, quorums)
        let ceremony: UnsealCeremony
        do throws(SealingError) {
            ceremony = try UnsealCeremony(record.chamber, quorums: asked, timeout: settings.patience)
        } catch { throw OpeningFailure("\(error)", passes: true) }
        handle { state in
            // Another record has come meanwhile, with an attempt of its own.
            guard (try? state.record?.record.get()) == record else { return nil }
            state.ceremony = ceremony
            state.envelopes = opened
            return event()
        }
    }

    // MARK: A record that changes under an open chamber

    /// Holds a changed record against the key in memory, and takes over what it says of the next one.
    func check(_ attempt: ChamberMachine.Attempt) async {
        let (stored, keys, seen) = state.withLock { ($0.record, $0.keys, $0.sequence) }
        guard let stored, stored.version == attempt.version, let keys else { return }
        do throws(OpeningFailure) {
            let record = try stored.readable()
            guard let current = keys.key(record.current.generation) else {
                // Rotated to its end while this instance did not have the new key.
                return handleSuperseded(attempt)
            }
            do throws(SealingError) { try MasterKeyRecord.verify(stored.body, with: current) } catch {
                throw OpeningFailure("the MASTER_KEY row was changed, and not by this chamber: \(error)", passes: false)
            }
            try admit(record)
            await remember(record)
            // Not where the same record is held against the key again, because the next one could not be had.
            if record.sequence > seen { state.withLock { $0.proposals.clear() } }
            try await follow(record, from: keys, current, in: stored)
        } catch {
            if error.passes { witness.rekeyingFailed(error.reason) }
            handle { _ in .failed(attempt, reason: error.reason, passes: error.passes) }
        }
    }

    private func handleSuperseded(_ attempt: ChamberMachine.Attempt) { handle { _ in .superseded(attempt) } }

    /// Changes the keys in memory to those that the record names, as far as they can be had.
    private func follow(
        _ record: MasterKeyRecord,
        from keys: MasterKeys,
        _ current: MasterKey,
        in stored: StoredRow
    ) async throws(OpeningFailure) {
        guard let next = record.next else {
            guard keys.all.count > 1 else { return }
            let remaining = MasterKeys(current)
            await take(remaining)
            for key in keys.all where key !== current { key.destroy() }
            return state.withLock { $0.rekeying = nil }
        }
        if let known = keys.key(next.generation) { return await take(MasterKeys(current, next: known)) }
        if next.quorum != nil {
            // Signing goes on; what is written under the next key waits for the operators.
            do throws(OpeningFailure) { try await beginCeremony(for: [next], of: record) { nil } } catch {
                throw OpeningFailure(error.reason, passes: true)
            }
        } else {
            await take(MasterKeys(current, next: try await masterKey(next, of: record, in: stored)))
            continueRekeying()
        }
    }

    /// From now on these are the keys, for everything that lies under them.
    func take(_ keys: MasterKeys) async {
        let isOpen = state.withLock { state in
            guard state.keys != nil else { return false }
            state.keys = keys
            return true
        }
        if isOpen { await contents.adopt(keys) }
    }
}

/// Why the chamber did not open.
struct OpeningFailure: Error {
    let reason: String
    let passes: Bool

    init(_ reason: String, passes: Bool) {
        self.reason = reason
        self.passes = passes
    }
}

extension OpeningFailure {
    fileprivate static func otherChamber(_ path: String) -> OpeningFailure {
        OpeningFailure(
            "this instance remembers another chamber than that of the MASTER_KEY row: put the right row back from a backup of the signer state, or, where another one is meant, stop the signer and remove \(path)",
            passes: false
        )
    }

    static func putBack(_ record: MasterKeyRecord, _ seen: UInt64) -> OpeningFailure {
        OpeningFailure(
            "an older MASTER_KEY row was put back: its sequence is \(record.sequence), but \(seen) was seen; restore the newer row from a backup of the signer state",
            passes: false
        )
    }
}

extension Chamber.StoredRow {
    func readable() throws(OpeningFailure) -> MasterKeyRecord {
        do throws(MasterKeyRecordError) { return try record.get() } catch {
            throw OpeningFailure("\(error)", passes: false)
        }
    }
}

extension Chamber.State {
    /// A new ceremony in the place of one whose time is over: what was heard of the old one is worth nothing in it.
    mutating func renewCeremony(_ patience: Int64) {
        guard let old = ceremony else { return }
        ceremony = (try? UnsealCeremony(old.chamber, quorums: old.quorums, timeout: patience)) ?? old
    }

    mutating func endCeremony() {
        ceremony = nil
        envelopes = []
    }
}
