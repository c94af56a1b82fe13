// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import BLS
internal import Concurrency
internal import Encoding
internal import Keystores
internal import SealedKeys
internal import Sealing
internal import Secrets
internal import Signer
internal import SlashingProtection

/// Activating, deactivating and deleting.
extension ChamberKeys {
    /// Activates or deactivates keys. When a deactivation is answered, nothing is signed with the key here.
    func change(_ names: [String], to status: SealedKeyStatus, for grant: Grant?) async throws(Refusal) -> [Status] {
        try await each(names, grant, .chamberKeysPatch, followedBy: status == .active ? nil : .deactivated) {
            row,
            writer throws(KeyRowFault) in
            let isPutBack = writer.isPutBack(row)
            if isPutBack, status == .active { return .refuse(writer.refusal(of: row)) }
            if status == .active {
                return row.status == .active ? nil : .write(.standing(try writer.activated(row)), .activated)
            }
            // Also where it is inactive: somebody may have kept a later row that is not.
            let word: Status.Word = row.status == .inactive && !isPutBack ? .unchanged : .deactivated
            return .write(.standing(try writer.deactivated(row)), word)
        }
    }

    /// Deletes keys, or only deactivates them. When it is answered nothing is signed with them here.
    func delete(_ names: [String], removing: Bool, for grant: Grant?) async throws(Refusal) -> [Status] {
        // Also what was tampered with can be removed: nothing of it is made good by that.
        let held = HeldKeys.leave(disabling: removing)
        return try await each(
            names,
            grant,
            .chamberKeysDelete,
            followedBy: removing ? .deleted : .deactivated,
            held,
            verifying: !removing
        ) {
            row,
            writer throws(KeyRowFault) in
            if removing { return .write(.deleted(try writer.tombstone(of: row)), .deleted) }
            guard row.status == .active || writer.isPutBack(row) else { return nil }
            return .write(.standing(try writer.deactivated(row)), .deactivated)
        }
    }

    /// What becomes of keys that are in memory only.
    private enum HeldKeys {
        /// They have no status that could be changed.
        case stay
        /// - Parameter disabling: for good, as far as the record goes.
        case leave(disabling: Bool)

        var disables: Bool { if case .leave(let disabling) = self { disabling } else { false } }
    }

    /// What becomes of one row.
    private enum Step {
        case write(SealedKeyEntry, Status.Word)
        case refuse(String)
    }

    /// What is to be written, and what is said of it.
    private typealias Change = (place: Int, expected: UInt64, entry: SealedKeyEntry, word: Status.Word)

    /// Reads the rows of some keys and puts what `step` makes of each in its place. A row that the chamber did not write is
    /// not changed: its change would make it good.
    private func each(
        _ names: [String],
        _ grant: Grant?,
        _ scope: Scope,
        followedBy ending: Status.Word?,
        _ heldKeys: HeldKeys = .stay,
        verifying: Bool = true,
        _ step: (SealedKeyRow, KeyWriter) throws(KeyRowFault) -> Step?
    ) async throws(Refusal) -> [Status] {
        let first = try await once(names, grant, scope, followedBy: ending, heldKeys, verifying: verifying, step)
        return try await redoing(first) { places async throws(Refusal) in
            try await once(
                places.map { names[$0] },
                grant,
                scope,
                followedBy: ending,
                heldKeys,
                verifying: verifying,
                step
            )
        }
    }

    private func once(
        _ names: [String],
        _ grant: Grant?,
        _ scope: Scope,
        followedBy ending: Status.Word?,
        _ heldKeys: HeldKeys,
        verifying: Bool,
        _ step: (SealedKeyRow, KeyWriter) throws(KeyRowFault) -> Step?
    ) async throws(Refusal) -> [Status] {
        let sealer = try await writer(ending == nil ? "" : Self.urgent)
        let keys = names.map { try? PublicKey(hex: $0) }
        let found = Dictionary(
            try await entries(of: Set(keys.compactMap { $0?.bytes }).sorted()).map { ($0.publicKey, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        // Behind the rows: whoever has withdrawn one of them before has said so there.
        let writer = KeyWriter(sealer: sealer, withdrawn: try await withdrawn(), time: now())
        var statuses: [Status] = []
        var changes: [Change] = []
        var held: [(place: Int, key: PublicKey)] = []
        for (place, key) in keys.enumerated() {
            guard let key else {
                statuses.append(
                    Status(.error, nil, "\(names[place].prefix(100)) is no public key: 96 hexadecimal digits")
                )
                continue
            }
            statuses.append(Status(.unchanged, key))
            if let reason = grant?.refusal(scope, key) {
                statuses[place] = Status(.error, key, reason)
            } else if let row = found[key.bytes]?.row, row.version > WithdrawnVersions.highest {
                statuses[place] = Status(.error, key, Self.exhausted)
            } else if let row = found[key.bytes]?.row {
                do {
                    if verifying { try sealer.verify(.standing(row)) }
                    guard !changes.contains(where: { $0.entry.publicKey == key.bytes }) else { continue }
                    switch try step(row, writer) {
                    case .write(let entry, let word): changes.append((place, row.version, entry, word))
                    case .refuse(let reason): statuses[place] = Status(.error, key, reason)
                    case nil: break
                    }
                } catch { statuses[place] = Status(.error, key, "\(error)") }
            } else if keyring[.bls(key)]?.origin.source == KeySourceName.memory {
                switch heldKeys {
                case .stay: statuses[place] = Status(.error, key, Self.inMemoryOnly)
                case .leave: held.append((place, key))
                }
            } else {
                statuses[place] = Status(.notFound, key)
            }
        }
        try await withdraw(changes.map(\.entry))
        let isDisabled = try await disable(
            changes.filter { $0.entry.row == nil }.map { PublicKey($0.entry.publicKey) }
                + (heldKeys.disables ? held.map(\.key) : [])
        )
        if await drop(held.map(\.key)) { for (place, key) in held { statuses[place] = Status(.deleted, key) } }
        let outcomes = try await apply(changes.map { SealedKeyChange($0.entry, over: $0.expected) })
        for (change, outcome) in zip(changes, outcomes) {
            let key = PublicKey(change.entry.publicKey)
            statuses[change.place] =
                switch outcome {
                case .done: Status(change.word, key)
                case .outdated: Status(outdated: key)
                case .conflict:
                    Status(
                        .error,
                        key,
                        "it was changed by somebody else meanwhile; look at it and try again"
                            + (isDisabled && change.entry.row == nil
                                ? ": it is there, but the slashing record has it disabled by now" : "")
                    )
                }
        }
        if let ending {
            // Inactive keys sign where the configuration says so: then only a deletion takes one off the ring.
            let staysOn = ring.statuses.contains(.inactive)
            let ends: [Status.Word] = staysOn ? [.deleted] : [.deactivated, .deleted]
            await ring.withdraw(statuses.filter { ends.contains($0.word) }.compactMap(\.key))
            for place in statuses.indices where ends.contains(statuses[place].word) {
                // The first of two sources wins; the other goes on, and that has to be said.
                guard let key = statuses[place].key, let other = keyring[.bls(key)] else { continue }
                let message =
                    "the same key is loaded from \(other.origin.source) too, and "
                    + (isDisabled && statuses[place].word == .deleted
                        ? "signs no more: the record has it disabled" : "goes on to sign")
                statuses[place] = Status(statuses[place].word, key, message)
            }
            if staysOn, ending == .deactivated { statuses = statuses.map { goesOn($0) } }
        }
        await follow()
        return statuses
    }

    /// For keys that are to end while they cannot be changed. A row that says so under the master key of before is none that the
    /// store takes, and would be lost with that key; ended here alone, they would sign elsewhere and after a restart.
    private static let urgent =
        "; the keys go on to sign until then: what cannot wait is `containment-chamber anti-slashing disable --keys KEY`, which ends a key at every signer of the slashing record"

    /// What has to be said of a key that is inactive now, or was before, and signs by configuration.
    private func goesOn(_ status: Status) -> Status {
        guard [.deactivated, .unchanged].contains(status.word), let key = status.key else { return status }
        let other = keyring[.bls(key)].map(\.origin.source).flatMap { $0 == ring.source ? nil : $0 }
        return Status(
            status.word,
            key,
            "it goes on to sign: key_sources.\(ring.source).status_filter names inactive; take that out there and restart each signer, or delete the key for good"
                + (other.map { "; it is loaded from \($0) too" } ?? "")
        )
    }

    /// Before anything else: no row of these keys counts from here on that is older than what is about to be written,
    /// whatever becomes of that. Where it is cut off, a key is refused that was to be switched off.
    private func withdraw(_ entries: [SealedKeyEntry]) async throws(Refusal) {
        var versions: [Bytes<48>: UInt64] = [:]
        for entry in entries where entry.row?.status != .active { versions[entry.publicKey] = entry.version }
        do throws(WithdrawnKeysError) { try await ring.withdrawn.withdraw(versions) } catch { throw Refusal(error) }
    }

    static let exhausted =
        "what stands there has a version that no row comes to, so nothing can come after it: somebody else has written it; restore it from a backup of the store"

    private static let inMemoryOnly =
        "it is in memory only and has no status; delete it, or import it again without storage.persist: false"

    /// Takes keys that are in memory only off the ring; when it returns, nothing of them is under way.
    private func drop(_ keys: [PublicKey]) async -> Bool {
        guard !keys.isEmpty else { return false }
        let removed = keys.map { KeyIdentifier.bls($0) }.filter {
            keyring[$0]?.origin.source == KeySourceName.memory
        }
        keyring.apply(KeyChange(added: [], removed: removed))
        await authority.raise()
        await keysChanged()
        return true
    }
}
