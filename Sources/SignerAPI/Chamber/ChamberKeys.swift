// SPDX-License-Identifier: Apache-2.0
internal import Age
internal import Authorization
package import BLS
internal import Concurrency
package import Consensus
internal import Encoding
package import Keystores
package import SealedKeys
internal import Sealing
package import Secrets
package import Signer
package import SignerState
package import SlashingProtection

/// What is done with the encrypted keys of a chamber: made, imported, listed, activated, deactivated, deleted. When a change
/// is answered it is durable, and holds in this instance; the others follow when they look.
package final class ChamberKeys: Sendable {
    /// What came of one key.
    package struct Status: Sendable, Equatable {
        package enum Word: String, Sendable, CaseIterable {
            case generated, existing, imported, duplicate, activated, deactivated, deleted, unchanged, error
            case notFound = "not_found"
        }
        package let word: Word
        /// Nil where it did not become known.
        package let key: PublicKey?
        package let message: String
        var row: SealedKeyRow?

        init(_ word: Word, _ key: PublicKey?, _ message: String = "", row: SealedKeyRow? = nil) {
            self.word = word
            self.key = key
            self.message = message
            self.row = row
        }
    }

    /// Why a whole request was refused; nothing of it was done, or nothing is known of it and it can be sent again.
    package enum Refusal: Error, Equatable, Sendable {
        case malformed(String)
        case forbidden(String)
        case sealed(String)
        case record(String)
        /// The request identifier was used for another request.
        case otherRequest(String)
        case keys(SealedKeyError)
        case state(StateError)
    }

    let ring: SealedKeyring
    private let keyring: Keyring
    private let authority: Authority
    private let protection: SlashingProtection
    private let intake: HistoryIntake
    private let opener: KeystoreOpener
    private let factory: KeyFactory
    private let requests: KeyRequests
    private let hindrance: @Sendable () -> String?
    private let hindranceToWriting: @Sendable () async -> String?
    private let keysChanged: @Sendable () async -> Void
    private let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - recipients: who can open the backups of new keys; nil for no backups.
    ///   - state: where requests are remembered.
    ///   - hindrance: why nothing is done now; nil while the chamber is open.
    ///   - hindranceToWriting: why nothing is written, by the record of the master key as it stands this moment: a key that was
    ///     written under a master key of before could be opened by nobody soon.
    ///   - keysChanged: awaited when keys have come or gone, before that is answered.
    ///   - now: seconds since 1970.
    package init(
        ring: SealedKeyring,
        keyring: Keyring,
        authority: Authority,
        protection: SlashingProtection,
        opener: KeystoreOpener,
        genesisValidatorsRoot: Root,
        arena: SecretArena,
        recipients: BackupRecipients?,
        state: any StateStore,
        hindrance: @escaping @Sendable () -> String?,
        hindranceToWriting: @escaping @Sendable () async -> String?,
        keysChanged: @escaping @Sendable () async -> Void,
        now: @escaping @Sendable () -> UInt64
    ) {
        self.ring = ring
        self.keyring = keyring
        self.authority = authority
        self.protection = protection
        self.opener = opener
        intake = HistoryIntake(protection, genesisValidatorsRoot)
        factory = KeyFactory(arena: arena, recipients: recipients)
        requests = KeyRequests(state)
        self.hindrance = hindrance
        self.hindranceToWriting = hindranceToWriting
        self.keysChanged = keysChanged
        self.now = now
    }

    private func sealer() throws(Refusal) -> KeyRowSealer {
        if let reason = hindrance() { throw .sealed(reason) }
        guard let sealer = ring.sealer else { throw .sealed("it is being opened") }
        return sealer
    }

    /// Closes what is to be written.
    private func writer() async throws(Refusal) -> KeyRowSealer {
        if let reason = hindrance() { throw .sealed(reason) }
        if let reason = await hindranceToWriting() { throw .sealed(reason) }
        return try sealer()
    }

    // MARK: Making

    /// Makes new keys, each out of words of its own. Under a request identifier the same request again makes nothing new.
    func generate(_ order: KeyGeneration) async throws(Refusal) -> [Status] {
        let sealer = try await writer()
        guard let request = order.request else { return try await made(order.count, order, sealer) }
        let planned: KeyRequests.Plan
        do throws(StateError) { planned = try await requests.plan(of: request) ?? .none } catch { throw .state(error) }
        guard planned.fits(order) else {
            throw .otherRequest("the request \(request) was for \(planned.words)")
        }
        // Which of them came into the store, if it was cut off.
        let entries = try await entries(of: planned.keys)
        let existing = Set(entries.map(\.publicKey))
        let missing = order.count - existing.count
        var statuses = entries.map { entry in
            Status(.existing, PublicKey(entry.publicKey), "it was made by this request before", row: entry.row)
        }
        guard missing > 0 else { return statuses }
        let fresh = try await factory.make(missing, facts(order.status), sealer)
        let plan = KeyRequests.Plan(
            keys: planned.keys.filter { existing.contains($0) } + fresh.map(\.publicKey),
            status: order.status,
            version: planned.version
        )
        // First the names, then the keys: a request that is cut off between the two finds out what became of it.
        do throws(StateError) { try await requests.write(plan, of: request) } catch { throw .state(error) }
        statuses += try await store(fresh, .generated)
        return statuses
    }

    private func made(
        _ count: Int,
        _ order: KeyGeneration,
        _ sealer: KeyRowSealer
    ) async throws(Refusal) -> [Status] {
        try await store(try await factory.make(count, facts(order.status), sealer), .generated)
    }

    private func facts(_ status: SealedKeyStatus) -> KeyRowSealer.Facts {
        let now = now()
        return .init(version: 1, status: status, createdAt: now, updatedAt: now)
    }

    // MARK: Importing

    /// First the history, then the keys: none can sign before what it signed elsewhere is in the record.
    ///
    /// - Parameter deadline: nanoseconds of the monotonic clock after which no more keystores are opened.
    func take(
        _ order: KeyImportOrder,
        for grant: Grant?,
        until deadline: UInt64
    ) async throws(Refusal) -> [Status] {
        let sealer = try await writer()
        let refused: [PublicKey: String]
        do throws(KeyManager.Refusal) {
            refused = try await intake.take(order.history, for: grant, .chamberKeysImport)
        } catch { throw Refusal(error) }
        var statuses: [Status?] = []
        var keys: [(place: Int, key: SecretKey)] = []
        let opened = await opener.open(order.keystores, until: deadline)
        let all: [Result<SecretKey, KeystoreOpener.Failure>] = opened.map { $0.map(\.key) }
        for result in all {
            switch result {
            case .failure(let failure): statuses.append(Status(.error, nil, "\(failure)"))
            case .success(let key):
                keys.append((statuses.count, key))
                statuses.append(nil)
            }
        }
        for raw in order.rawKeys {
            do throws(SecretKey.Failure) {
                keys.append((statuses.count, try factory.key(raw.bytes)))
                statuses.append(nil)
            } catch { statuses.append(Status(.error, nil, "\(error)")) }
        }
        var taken: [(place: Int, key: SecretKey)] = []
        for (place, key) in keys {
            if let reason = grant?.refusal(.chamberKeysImport, key.publicKey) ?? refused[key.publicKey] {
                statuses[place] = Status(.error, key.publicKey, reason)
            } else if taken.contains(where: { $0.key.publicKey == key.publicKey }) {
                statuses[place] = Status(.duplicate, key.publicKey, "it stands twice in this request")
            } else {
                taken.append((place, key))
            }
        }
        try await enable(taken.map(\.key.publicKey))
        let outcomes =
            order.persists
            ? try await keep(taken.map(\.key), order.status, sealer) : await hold(taken.map(\.key))
        for (entry, status) in zip(taken, outcomes) { statuses[entry.place] = status }
        return statuses.map { $0 ?? Status(.error, nil, "nothing is known of it") }
    }

    /// An import is explicit: it enables what was disabled in the record, here or elsewhere.
    private func enable(_ keys: [PublicKey]) async throws(Refusal) {
        guard !keys.isEmpty else { return }
        let records = keys.map { RecordIdentity($0) }
        do throws(StoreError) {
            _ = try await protection.administer(.register(records))
            _ = try await protection.administer(.enable(records, .imported))
        } catch .unsupported {
        } catch { throw .record("the slashing record did not take the keys: \(error)") }
    }

    /// Keys that are about to be deleted sign nothing any more, whatever somebody puts in the place of their tombstones: the
    /// record of what was signed is beyond the reach of whoever writes the store of keys. Before the tombstones, so that a
    /// crash between the two leaves no key that only its store knows to be gone.
    private func disable(_ deleted: [SealedKeyEntry]) async throws(Refusal) -> Bool {
        guard !deleted.isEmpty else { return false }
        let records = deleted.map { RecordIdentity(PublicKey($0.publicKey)) }
        do throws(StoreError) {
            _ = try await protection.administer(.disable(records, by: nil))
            return true
        } catch .unsupported {
            return false
        } catch { throw .record("the slashing record did not disable the keys: \(error); nothing was deleted") }
    }

    private func keep(
        _ keys: [SecretKey],
        _ status: SealedKeyStatus,
        _ sealer: KeyRowSealer
    ) async throws(Refusal) -> [Status] {
        let standing = Dictionary(
            try await entries(of: keys.map(\.publicKey.bytes)).map { ($0.publicKey, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var (rows, statuses): ([SealedKeyRow], [PublicKey: Status]) = ([], [:])
        for key in keys {
            let before = standing[key.publicKey.bytes]
            if before?.row != nil {
                statuses[key.publicKey] = Status(.duplicate, key.publicKey, Self.thereAlready)
                continue
            }
            var facts = facts(status)
            facts.version = (before?.version ?? 0) + 1
            do throws(SealingError) {
                rows.append(try sealer.row(of: key.publicKey, secret: key.bigEndianBytes(), facts))
            } catch { throw .sealed("\(error)") }
        }
        for status in try await store(rows, .imported) {
            if let key = status.key { statuses[key] = status }
        }
        return keys.map { statuses[$0.publicKey] ?? Status(.error, $0.publicKey, "nothing is known of it") }
    }

    private static let thereAlready = "the key is there already; the one that was first stays"

    /// In memory only, gone with the process. In a sealed chamber it signs nothing, and stays where keys of files are.
    private func hold(_ keys: [SecretKey]) async -> [Status] {
        var (added, statuses): ([SigningKey], [Status]) = ([], [])
        for key in keys {
            let isThere = keyring[.bls(key.publicKey)] != nil
            statuses.append(
                Status(isThere ? .duplicate : .imported, key.publicKey, isThere ? Self.thereAlready : "")
            )
            guard !isThere else { continue }
            let origin = KeyOrigin(source: KeySourceName.memory, location: "chamber")
            added.append(SigningKey(key, origin: origin))
        }
        keyring.apply(KeyChange(added: added, removed: []))
        await keysChanged()
        return statuses
    }

    // MARK: Listing

    /// A page of the keys that a caller may know of, and the key behind which the next begins.
    func list(
        _ order: SealedKeyListing,
        for grant: Grant?
    ) async throws(Refusal) -> (rows: [SealedKeyRow], next: PublicKey?) {
        _ = try sealer()
        let filter = grant.map { $0.keys(for: .chamberKeysList) } ?? .everything
        var (rows, last): ([SealedKeyRow], Bytes<48>?) = ([], order.after?.bytes)
        while rows.count < order.limit {
            let page: [SealedKeyRow]
            do throws(SealedKeyError) {
                page = try await ring.store.page(after: last, limit: order.limit, status: order.status)
            } catch { throw .keys(error) }
            for row in page {
                last = row.publicKey
                if filter?.contains(PublicKey(row.publicKey)) ?? false { rows.append(row) }
                if rows.count == order.limit { return (rows, PublicKey(row.publicKey)) }
            }
            guard page.count == order.limit else { return (rows, nil) }
        }
        return (rows, nil)
    }

    /// What is wrong with a row.
    func fault(of row: SealedKeyRow) -> KeyRowFault? {
        guard let sealer = ring.sealer else { return nil }
        do throws(KeyRowFault) {
            try sealer.verify(.standing(row))
            return nil
        } catch { return error }
    }

    // MARK: Changing

    /// Activates or deactivates keys. When a deactivation is answered, nothing is signed with the key here.
    func change(_ names: [String], to status: SealedKeyStatus, for grant: Grant?) async throws(Refusal) -> [Status] {
        try await each(names, grant, .chamberKeysPatch, followedBy: status == .active ? nil : .deactivated) {
            row,
            sealer throws(SealingError) in
            guard row.status != status else { return nil }
            let next = try sealer.successor(of: row, status: status, at: self.now())
            return (.standing(next), status == .active ? .activated : .deactivated)
        }
    }

    /// Deletes keys, or only deactivates them. When it is answered nothing is signed with them here.
    func delete(_ names: [String], removing: Bool, for grant: Grant?) async throws(Refusal) -> [Status] {
        try await each(names, grant, .chamberKeysDelete, followedBy: .deleted) { row, sealer throws(SealingError) in
            if removing { return (.deleted(try sealer.tombstone(of: row, at: self.now())), .deleted) }
            guard row.status == .active else { return nil }
            return (.standing(try sealer.successor(of: row, status: .inactive, at: self.now())), .deactivated)
        }
    }

    private typealias Step = (entry: SealedKeyEntry, word: Status.Word)

    /// Reads the rows of some keys and puts what `step` makes of each in its place. A row that the chamber did not write is
    /// not changed: its change would make it good.
    private func each(
        _ names: [String],
        _ grant: Grant?,
        _ scope: Scope,
        followedBy ending: Status.Word?,
        _ step: (SealedKeyRow, KeyRowSealer) throws(SealingError) -> Step?
    ) async throws(Refusal) -> [Status] {
        let sealer = try await writer()
        let keys = names.map { try? PublicKey(hex: $0) }
        let found = Dictionary(
            try await entries(of: Set(keys.compactMap { $0?.bytes }).sorted()).map { ($0.publicKey, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var statuses: [Status] = []
        var changes: [(place: Int, step: Step)] = []
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
            } else if let row = found[key.bytes]?.row {
                do {
                    try sealer.verify(.standing(row))
                    if !changes.contains(where: { $0.step.entry.publicKey == key.bytes }),
                        let step = try step(row, sealer)
                    {
                        changes.append((place, step))
                    }
                } catch { statuses[place] = Status(.error, key, "\(error)") }
            } else {
                statuses[place] = Status(.notFound, key)
            }
        }
        let isDisabled = try await disable(changes.map(\.step.entry).filter { $0.row == nil })
        let outcomes = try await apply(changes.map(\.step.entry))
        for (change, outcome) in zip(changes, outcomes) {
            let key = PublicKey(change.step.entry.publicKey)
            statuses[change.place] =
                outcome == .done
                ? Status(change.step.word, key)
                : Status(
                    .error,
                    key,
                    "it was changed by somebody else meanwhile; look at it and try again"
                        + (isDisabled && change.step.entry.row == nil
                            ? ": it is there, but the slashing record has it disabled by now" : "")
                )
        }
        if ending != nil {
            await ring.withdraw(statuses.filter { [.deactivated, .deleted].contains($0.word) }.compactMap(\.key))
            for place in statuses.indices where [.deactivated, .deleted].contains(statuses[place].word) {
                // The first of two sources wins; the other goes on, and that has to be said.
                guard let key = statuses[place].key, let other = keyring[.bls(key)] else { continue }
                let message =
                    "the same key is loaded from \(other.origin.source) too, and "
                    + (isDisabled && statuses[place].word == .deleted
                        ? "signs no more: the record has it disabled" : "goes on to sign")
                statuses[place] = Status(statuses[place].word, key, message)
            }
        }
        await follow()
        return statuses
    }

    // MARK: The store

    private func entries(of keys: [Bytes<48>]) async throws(Refusal) -> [SealedKeyEntry] {
        guard !keys.isEmpty else { return [] }
        do throws(SealedKeyError) { return try await ring.store.entries(of: keys) } catch { throw .keys(error) }
    }

    private func apply(_ entries: [SealedKeyEntry]) async throws(Refusal) -> [SealedKeyOutcome] {
        guard !entries.isEmpty else { return [] }
        do throws(SealedKeyError) { return try await ring.store.apply(entries) } catch { throw .keys(error) }
    }

    private func store(_ rows: [SealedKeyRow], _ word: Status.Word) async throws(Refusal) -> [Status] {
        let outcomes = try await apply(rows.map { .standing($0) })
        await follow()
        return zip(rows, outcomes).map { row, outcome in
            let key = PublicKey(row.publicKey)
            return switch outcome {
            case .done: Status(word, key, row: row)
            case .conflict: Status(.duplicate, key, Self.thereAlready)
            }
        }
    }

    /// What was changed holds here too; where the store cannot be read now, it is followed when it can.
    private func follow() async {
        try? await ring.refresh()
        await keysChanged()
    }
}

extension ChamberKeys.Refusal {
    init(_ refusal: KeyManager.Refusal) {
        switch refusal {
        case .malformed(let reason): self = .malformed(reason)
        case .forbidden(let reason): self = .forbidden(reason)
        case .record(let reason): self = .record(reason)
        }
    }
}
