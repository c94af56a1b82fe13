// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Concurrency
package import Encoding
package import SealedKeys
package import Sealing
package import Secrets
package import Signer
package import SignerState
package import SlashingProtection

/// Keys that lie encrypted in a shared store: on the ring while the chamber is open, and what other instances change about
/// them. It knows what it has seen of each row, so that what somebody else puts in its place is refused and named.
package final class SealedKeyring: ChamberContents {
    /// How the keys stand.
    package struct Report: Sendable {
        /// Keys that were put on the ring or taken off it.
        package var added = 0
        package var removed = 0
        /// Rows that were refused, and why.
        package var faults: [PublicKeyFault] = []

        package init() {}
    }

    package struct PublicKeyFault: Hashable, Sendable {
        package let key: Bytes<48>
        package let fault: KeyRowFault
    }

    struct State {
        /// Rises when the chamber is closed: what began before brings nothing any more.
        var opening: UInt64 = 0
        var sealer: KeyRowSealer?
        var ledger: KeyLedger
        var cursor: SealedKeyCursor?
        var faults: [Bytes<48>: KeyRowFault] = [:]
        var openings: UInt64 = 0
    }

    package let store: any SealedKeyStore
    /// Which rows do not count, because their key was deactivated or deleted since.
    let withdrawn: WithdrawnKeys
    let source: String
    /// Of the keys that sign.
    let statuses: Set<SealedKeyStatus>
    let arena: SecretArena
    let keyring: Keyring
    let authority: Authority
    let protection: SlashingProtection
    let tell: @Sendable (Report) -> Void
    let state: Lock<State>
    /// One at a time reads the store or changes the ring.
    private let turnstile = Turnstile()

    /// - Parameters:
    ///   - source: what listings call it: one of `KeySourceName`.
    ///   - statuses: of the keys that sign.
    ///   - tell: hears of every change, and of rows that are refused, each once.
    package init(
        store: any SealedKeyStore,
        withdrawn: WithdrawnKeys,
        source: String,
        statuses: Set<SealedKeyStatus>,
        arena: SecretArena,
        keyring: Keyring,
        authority: Authority,
        protection: SlashingProtection,
        tell: @escaping @Sendable (Report) -> Void
    ) {
        self.store = store
        self.withdrawn = withdrawn
        self.source = source
        self.statuses = statuses
        self.arena = arena
        self.keyring = keyring
        self.authority = authority
        self.protection = protection
        self.tell = tell
        state = Lock(State(ledger: KeyLedger(statuses: statuses)))
    }

    /// Rows that are refused now.
    package var faults: [PublicKeyFault] {
        state.withLock { $0.faults.map { PublicKeyFault(key: $0.key, fault: $0.value) } }
    }

    /// Rows that were decrypted since the start.
    package var openings: UInt64 { state.withLock { $0.openings } }

    /// Closes rows under the master key of the open chamber; nil where it is sealed.
    package var sealer: KeyRowSealer? { state.withLock { $0.sealer } }

    // MARK: Opening and closing

    package func load(under keys: MasterKeys) async throws(ChamberContentsError) {
        let opening = state.withLock { $0.opening }
        let sealer = try Self.sealer(keys)
        try await turnstile.pass { () async throws(ChamberContentsError) in
            guard isCurrent(opening) else { return }
            try await openList(keys)
            let isCurrent = state.withLock { state in
                guard state.opening == opening else { return false }
                state.sealer = sealer
                state.ledger.unload()
                state.faults = [:]
                return true
            }
            guard isCurrent else { return }
            do throws(SealedKeyError) { try await readAll(opening) } catch { throw ChamberContentsError("\(error)") }
        }
    }

    /// First of all: without it nobody knows which rows count.
    private func openList(_ keys: MasterKeys) async throws(ChamberContentsError) {
        do throws(WithdrawnKeysError) { try await withdrawn.open(keys) } catch {
            await withdrawn.close()
            throw ChamberContentsError("the keys are not loaded: \(error)")
        }
    }

    private func isCurrent(_ opening: UInt64) -> Bool { state.withLock { $0.opening == opening } }

    package func founding(_ master: MasterKey) async throws(ChamberContentsError) -> [StateChange] {
        do throws(WithdrawnKeysError) { return try await withdrawn.founding(master) } catch {
            throw ChamberContentsError("\(error)")
        }
    }

    private static func sealer(_ keys: MasterKeys) throws(ChamberContentsError) -> KeyRowSealer {
        do throws(SealingError) { return try KeyRowSealer(keys) } catch {
            // Not an open chamber without keys.
            throw ChamberContentsError("the keys cannot be opened: \(error)")
        }
    }

    package func adopt(_ keys: MasterKeys) async {
        guard let sealer = try? Self.sealer(keys) else { return }
        let opening = state.withLock { state -> UInt64? in
            guard state.sealer != nil else { return nil }
            state.sealer = sealer
            return state.opening
        }
        guard let opening else { return }
        // Rows that could not be read under the keys of before. Where this fails, the next change of the store comes of it.
        _ = try? await turnstile.pass { () async throws(SealedKeyError) in
            guard isCurrent(opening) else { return }
            // What cannot be read of the list now is read before the next change of it.
            _ = try? await withdrawn.open(keys)
            try await readAll(opening)
        }
    }

    package func unload() async {
        // First: what is being read ends at its next batch.
        state.withLock { state in
            state.opening += 1
            state.sealer = nil
        }
        await turnstile.pass {
            state.withLock { state in
                state.ledger.unload()
                state.cursor = nil
            }
            await withdrawn.close()
            keyring.apply(keyring.change(to: [], of: source))
            // Also where there was no key of ours: in a sealed chamber nothing is signed with any key.
            await authority.raise()
        }
    }

    /// Takes keys off the ring at once; returns when nothing of them is under way. What the store says of them comes after.
    package func withdraw(_ keys: [PublicKey]) async {
        guard !keys.isEmpty else { return }
        await turnstile.pass {
            let removed = keys.map { KeyIdentifier.bls($0) }.filter { keyring[$0]?.origin.source == source }
            keyring.apply(KeyChange(added: [], removed: removed))
            // So that it is opened again where it comes again.
            state.withLock { state in for key in keys { _ = state.ledger.withdraw(key.bytes) } }
            await authority.raise()
        }
    }

    // MARK: Following

    /// Takes over what was changed in the store; nothing where the chamber is sealed.
    package func refresh() async throws(SealedKeyError) {
        try await turnstile.pass { () async throws(SealedKeyError) in
            try await followStore()
            await followList()
        }
    }

    /// Takes keys off the ring that were withdrawn, whatever their rows say: rows that somebody holds back, or puts back under a
    /// running instance. Whoever withdraws one writes the list first, so one look more is waited for the row.
    private func followList() async {
        guard let versions = try? await withdrawn.refresh() else { return }
        let (steps, opening) = state.withLock { state in
            guard state.sealer != nil else { return ([KeyLedger.Step](), state.opening) }
            return (state.ledger.withdraw(versions), state.opening)
        }
        if !steps.isEmpty { await perform(steps, opening) }
    }

    private func followStore() async throws(SealedKeyError) {
        let (opening, cursor) = state.withLock { ($0.opening, $0.sealer == nil ? nil : $0.cursor) }
        guard var cursor else { return }
        while true {
            switch try await store.changes(after: cursor) {
            case .unchanged: return
            case .changed(let entries, let next):
                await take(entries, opening)
                state.withLock { if $0.opening == opening { $0.cursor = next } }
                cursor = next
            case .reload:
                // Another store, or one of before: what is known to have been withdrawn was perhaps withdrawn elsewhere.
                _ = try? await withdrawn.review()
                return try await readAll(opening)
            }
        }
    }

    /// Reads every key that signs. What was there before and is not told is deleted, or somebody has taken it away.
    private func readAll(_ opening: UInt64) async throws(SealedKeyError) {
        var told: Set<Bytes<48>> = []
        var pending: [SealedKeyEntry] = []
        let cursor = try await store.load(statuses) { rows in
            guard self.isCurrent(opening) else { return }
            told.formUnion(rows.map(\.publicKey))
            pending += rows.map { .standing($0) }
            // Each change of the ring puts all of its keys in order.
            guard pending.count >= Self.atOnce else { return }
            await self.take(pending, opening)
            pending = []
        }
        await take(pending, opening)
        let missing = state.withLock { [told] in $0.ledger.missing(from: told) }
        let entries = missing.isEmpty ? [] : try await store.entries(of: missing)
        await take(entries, opening)
        let lost = Set(missing).subtracting(entries.map(\.publicKey))
        if !lost.isEmpty { await lose(lost, opening) }
        state.withLock { if $0.opening == opening { $0.cursor = cursor } }
    }

    private func lose(_ keys: Set<Bytes<48>>, _ opening: UInt64) async {
        let steps = state.withLock { state -> [KeyLedger.Step] in
            guard state.opening == opening else { return [] }
            return keys.compactMap { state.ledger.lose($0) }
        }
        await perform(steps, opening)
    }

    /// Takes over entries: those that the chamber did not write are refused, whatever they say.
    private func take(_ entries: [SealedKeyEntry], _ opening: UInt64) async {
        guard !entries.isEmpty, let sealer = state.withLock({ $0.opening == opening ? $0.sealer : nil }) else { return }
        var steps: [KeyLedger.Step] = []
        var good: [SealedKeyEntry] = []
        for entry in entries {
            do throws(KeyRowFault) {
                try sealer.verify(entry)
                good.append(entry)
            } catch { steps += refused(entry, error, sealer) }
        }
        steps += state.withLock { state in
            state.ledger.withdrawn = withdrawn.versions
            return good.compactMap { entry in
                state.faults[entry.publicKey] = nil
                return state.ledger.take(entry)
            }
        }
        await perform(steps, opening)
    }

    /// What cannot be verified is refused. Where that is only because it lies under a master key that this instance does not
    /// have yet, what takes a key away is believed, and what leaves it as it is changes nothing.
    private func refused(
        _ entry: SealedKeyEntry,
        _ fault: KeyRowFault,
        _ sealer: KeyRowSealer
    ) -> [KeyLedger.Step] {
        guard fault == .otherGeneration else { return [.refuse(entry.publicKey, fault)] }
        let signs = entry.row.map { statuses.contains($0.status) } ?? false
        guard signs else { return state.withLock { $0.ledger.withdraw(entry.publicKey) }.map { [$0] } ?? [] }
        let isKnown = state.withLock { $0.ledger.isLoaded(entry.publicKey) }
        return isKnown && sealer.isAhead(entry.keyGeneration) ? [] : [.refuse(entry.publicKey, fault)]
    }

    /// Rows that are opened before the ring is changed.
    private static let atOnce = 2_000
}
