// SPDX-License-Identifier: Apache-2.0
internal import Age
internal import Authorization
package import BLS
internal import Concurrency
package import Consensus
internal import Encoding
package import Keystores
package import SealedKeys
package import Sealing
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
        /// Whether nothing was done because the master key was exchanged meanwhile.
        var isOutdated = false

        init(_ word: Word, _ key: PublicKey?, _ message: String = "", row: SealedKeyRow? = nil) {
            self.word = word
            self.key = key
            self.message = message
            self.row = row
        }

        init(outdated key: PublicKey) {
            self.init(.error, key, Refusal.exchanged.reason)
            isOutdated = true
        }
    }

    /// Why a whole request was refused; nothing of it was done, or nothing is known of it and it can be sent again.
    package enum Refusal: Error, Equatable, Sendable {
        case malformed(String)
        case forbidden(String)
        case sealed(String)
        /// Nothing can be written under the master key that this instance has.
        case rotating(String)
        case record(String)
        /// The request identifier was used for another request.
        case otherRequest(String)
        /// Another request under the identifier is at work; whoever sends it again after so many seconds learns what it made.
        case underWay(String, seconds: Int)
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
    let hindranceToWriting: @Sendable () async -> WritingHindrance?
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
        hindranceToWriting: @escaping @Sendable () async -> WritingHindrance?,
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
    ///
    /// - Parameter meanwhile: what is said besides where the next master key is missing.
    func writer(_ meanwhile: String = "") async throws(Refusal) -> KeyRowSealer {
        if let reason = hindrance() { throw .sealed(reason) }
        switch await hindranceToWriting() {
        case nil: return try sealer()
        case .sealed(let reason): throw .sealed(reason)
        case .state(let error): throw .state(error)
        case .awaitsKey(let isRotated, let byOperators):
            let hindrance = WritingHindrance.awaitsKey(isRotated: isRotated, byOperators: byOperators)
            throw .rotating("\(hindrance)\(meanwhile)")
        }
    }

    // MARK: The rows

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
        do throws(KeyRowFault) { try sealer.verify(.standing(row)) } catch { return error }
        return ring.withdrawn.versions.isWithdrawn(row.publicKey, at: row.version) ? .replayed : nil
    }

    // MARK: The store

    func entries(of keys: [Bytes<48>]) async throws(Refusal) -> [SealedKeyEntry] {
        guard !keys.isEmpty else { return [] }
        do throws(SealedKeyError) { return try await ring.store.entries(of: keys) } catch { throw .keys(error) }
    }

    func apply(_ changes: [SealedKeyChange]) async throws(Refusal) -> [SealedKeyOutcome] {
        guard !changes.isEmpty else { return [] }
        do throws(SealedKeyError) { return try await ring.store.apply(changes) } catch { throw .keys(error) }
    }

    /// The list of withdrawn keys as it stands this moment.
    func withdrawn() async throws(Refusal) -> WithdrawnVersions {
        do throws(WithdrawnKeysError) { return try await ring.withdrawn.refresh() } catch { throw Refusal(error) }
    }

    /// - Parameters:
    ///   - versions: of what stands in the place of some rows; of the others nothing does.
    ///   - taken: what is said of a key whose place was taken.
    func store(
        _ rows: [SealedKeyRow],
        over versions: [Bytes<48>: UInt64] = [:],
        _ word: Status.Word,
        taken: (PublicKey) -> Status = { Status(.duplicate, $0, thereAlready) }
    ) async throws(Refusal) -> [Status] {
        let outcomes = try await apply(
            rows.map { SealedKeyChange(.standing($0), over: versions[$0.publicKey] ?? 0) }
        )
        await follow()
        return zip(rows, outcomes).map { row, outcome in
            let key = PublicKey(row.publicKey)
            return switch outcome {
            case .done: Status(word, key, row: row)
            case .conflict: taken(key)
            case .outdated: Status(outdated: key)
            }
        }
    }

    /// Does once more, with the master key of now, what came too late for the one of before.
    ///
    /// - Parameter redo: does what stands at some places.
    func redoing(
        _ statuses: [Status],
        _ redo: ([Int]) async throws(Refusal) -> [Status]
    ) async throws(Refusal) -> [Status] {
        let late = statuses.indices.filter { statuses[$0].isOutdated }
        guard !late.isEmpty else { return statuses }
        var all = statuses
        do throws(Refusal) {
            for (place, status) in zip(late, try await redo(late)) { all[place] = status }
        } catch {
            // Where something was done, that has to be told.
            guard late.count < statuses.count else { throw error }
        }
        guard !all.allSatisfy(\.isOutdated) else { throw await exchanged() }
        return all
    }

    /// Why the store takes nothing under the newest master key that this instance knows of: there is a newer one by now, or
    /// it is not this chamber's store.
    func exchanged() async -> Refusal {
        guard let fence = try? await ring.store.leastGeneration() else { return .exchanged }
        let sealer: KeyRowSealer
        do throws(Refusal) { sealer = try await writer() } catch { return error }
        return ring.fault(of: fence, over: sealer.generation).map { .keys($0) } ?? .exchanged
    }

    /// What was changed holds here too; where the store cannot be read now, it is followed when it can.
    func follow() async {
        try? await ring.refresh()
        await keysChanged()
    }
}

extension ChamberKeys.Refusal {
    static let exchanged = Self.rotating("the master key was exchanged meanwhile, and no row was changed; try again")

    init(_ error: WithdrawnKeysError) {
        switch error {
        case .state(let error): self = .state(error)
        case .sealed: self = .sealed("\(error)")
        case .otherGeneration(_, isAhead: true): self = .rotating("\(error)")
        case .busy: self = .state(.unavailable(reason: "\(error)"))
        case .tampered, .missing, .replayed, .otherGeneration(_, isAhead: false):
            self = .state(.unusable(reason: "\(error)"))
        }
    }

    init(_ refusal: KeyManager.Refusal) {
        switch refusal {
        case .malformed(let reason): self = .malformed(reason)
        case .forbidden(let reason): self = .forbidden(reason)
        case .record(let reason): self = .record(reason)
        }
    }
}
