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

/// Keys that exist already: brought as keystores or plain, kept in the store or in memory only.
extension ChamberKeys {
    /// First the history, then the keys: none can sign before what it signed elsewhere is in the record.
    ///
    /// - Parameter deadline: nanoseconds of the monotonic clock after which no more keystores are opened.
    func take(
        _ order: KeyImportOrder,
        for grant: Grant?,
        until deadline: UInt64
    ) async throws(Refusal) -> [Status] {
        _ = try await writer()
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
            ? try await keep(taken.map(\.key), order.status) : await hold(taken.map(\.key))
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
    func disable(_ deleted: [PublicKey]) async throws(Refusal) -> Bool {
        guard !deleted.isEmpty else { return false }
        let records = deleted.map { RecordIdentity($0) }
        do throws(StoreError) {
            _ = try await protection.administer(.disable(records, by: nil))
            return true
        } catch .unsupported {
            return false
        } catch {
            throw .record("the slashing record did not disable the keys: \(error); they are there: delete them again")
        }
    }

    private func keep(_ keys: [SecretKey], _ status: SealedKeyStatus) async throws(Refusal) -> [Status] {
        try await redoing(try await keepOnce(keys, status)) { places async throws(Refusal) in
            try await keepOnce(places.map { keys[$0] }, status)
        }
    }

    private func keepOnce(_ keys: [SecretKey], _ status: SealedKeyStatus) async throws(Refusal) -> [Status] {
        // The keystores may have taken a while to open.
        let sealer = try await writer()
        let standing = Dictionary(
            try await entries(of: keys.map(\.publicKey.bytes)).map { ($0.publicKey, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        // Its tombstone may be gone, or an older one stand there.
        let withdrawn = try await withdrawn()
        var (rows, statuses): ([SealedKeyRow], [PublicKey: Status]) = ([], [:])
        for key in keys {
            let before = standing[key.publicKey.bytes]
            if before?.row != nil {
                statuses[key.publicKey] = Status(.duplicate, key.publicKey, Self.thereAlready)
                continue
            }
            guard before?.version ?? 0 <= WithdrawnVersions.highest else {
                statuses[key.publicKey] = Status(.error, key.publicKey, Self.exhausted)
                continue
            }
            var facts = facts(status)
            // Where nothing stands there, rows of another store, or of before a tombstone was lost, may still be somewhere: each
            // version rises by one, so that the time is above them all.
            facts.version = withdrawn.next(of: key.publicKey.bytes, after: before?.version ?? now())
            do throws(SealingError) {
                rows.append(try sealer.row(of: key.publicKey, secret: key.bigEndianBytes(), facts))
            } catch { throw .sealed("\(error)") }
        }
        for status in try await store(rows, over: standing.mapValues(\.version), .imported) {
            if let key = status.key { statuses[key] = status }
        }
        return keys.map { statuses[$0.publicKey] ?? Status(.error, $0.publicKey, "nothing is known of it") }
    }

    static let thereAlready = "the key is there already; the one that was first stays"

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
}
