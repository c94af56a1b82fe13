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
    let keyring: Keyring
    let authority: Authority
    let protection: SlashingProtection
    let intake: HistoryIntake
    let opener: KeystoreOpener
    let factory: KeyFactory
    let requests: KeyRequests
    let hindrance: @Sendable () -> String?
    let hindranceToWriting: @Sendable () async -> String?
    let keysChanged: @Sendable () async -> Void
    let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - clock: how far ahead histories may reach.
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
        clock: ClockGuard = .off,
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
        intake = HistoryIntake(protection, genesisValidatorsRoot, clock)
        factory = KeyFactory(arena: arena, recipients: recipients)
        requests = KeyRequests(state)
        self.hindrance = hindrance
        self.hindranceToWriting = hindranceToWriting
        self.keysChanged = keysChanged
        self.now = now
    }

    func sealer() throws(Refusal) -> KeyRowSealer {
        if let reason = hindrance() { throw .sealed(reason) }
        guard let sealer = ring.sealer else { throw .sealed("it is being opened") }
        return sealer
    }

    /// Closes what is to be written.
    func writer() async throws(Refusal) -> KeyRowSealer {
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

    func facts(_ status: SealedKeyStatus) -> KeyRowSealer.Facts {
        let now = now()
        return .init(version: 1, status: status, createdAt: now, updatedAt: now)
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

    // MARK: The store

    func entries(of keys: [Bytes<48>]) async throws(Refusal) -> [SealedKeyEntry] {
        guard !keys.isEmpty else { return [] }
        do throws(SealedKeyError) { return try await ring.store.entries(of: keys) } catch { throw .keys(error) }
    }

    func apply(_ entries: [SealedKeyEntry]) async throws(Refusal) -> [SealedKeyOutcome] {
        guard !entries.isEmpty else { return [] }
        do throws(SealedKeyError) { return try await ring.store.apply(entries) } catch { throw .keys(error) }
    }

    func store(_ rows: [SealedKeyRow], _ word: Status.Word) async throws(Refusal) -> [Status] {
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
    func follow() async {
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
