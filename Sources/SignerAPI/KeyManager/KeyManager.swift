// SPDX-License-Identifier: Apache-2.0
internal import Authorization
package import BLS
internal import Concurrency
package import Consensus
package import Keystores
package import Signer
package import SlashingProtection

/// Keys that come and go over the Key Manager API. They are in memory only: after a restart they have to be imported
/// again. Keys of other sources are listed and cannot be deleted here.
package final class KeyManager: Sendable {
    /// What came of one key of a request, in the words of the standard.
    package struct Status: Sendable, Equatable {
        package enum Word: String, Sendable, CaseIterable {
            case imported, duplicate, deleted, error
            /// Not loaded here, but the record knows what it signed.
            case notActive = "not_active"
            case notFound = "not_found"
        }
        package let word: Word
        package let message: String
        /// The key that it is about, where that became known.
        package let key: PublicKey?

        init(_ word: Word, _ key: PublicKey?, _ message: String = "") {
            self.word = word
            self.key = key
            self.message = message
        }
    }

    /// Why a whole request was refused; nothing of it was done.
    package enum Refusal: Error, Equatable, Sendable {
        case malformed(String)
        case forbidden(String)
        case record(String)
    }

    private let keyring: Keyring
    private let authority: Authority
    private let protection: SlashingProtection
    private let opener: KeystoreOpener
    private let genesisValidatorsRoot: Root
    private let intake: HistoryIntake
    private let keysChanged: @Sendable () async -> Void
    /// One change of keys at a time: whether a key is deleted or imported last is the order of the answers.
    private let turnstile = Turnstile()

    /// - Parameters:
    ///   - clock: how far ahead histories may reach.
    ///   - keysChanged: awaited when keys have come or gone, before that is answered.
    package init(
        keyring: Keyring,
        authority: Authority,
        protection: SlashingProtection,
        opener: KeystoreOpener,
        genesisValidatorsRoot: Root,
        clock: ClockGuard = .off,
        keysChanged: @escaping @Sendable () async -> Void
    ) {
        self.keyring = keyring
        self.authority = authority
        self.protection = protection
        self.opener = opener
        self.genesisValidatorsRoot = genesisValidatorsRoot
        intake = HistoryIntake(protection, genesisValidatorsRoot, clock)
        self.keysChanged = keysChanged
    }

    // MARK: Listing

    /// The keys that a caller may know of, in order.
    func list(for grant: Grant?) -> [SigningKey] {
        let filter = grant.map { $0.managedKeys } ?? .everything
        return keyring.all.filter { key in
            guard let publicKey = key.identifier.publicKey else { return false }
            return filter?.contains(publicKey) ?? false
        }.sorted { $0.identifier < $1.identifier }
    }

    // MARK: Importing

    /// First the history, then the keys: none can sign before what it signed elsewhere is in the record. A key whose
    /// history was not taken does not come in.
    ///
    /// - Parameter deadline: nanoseconds of the monotonic clock after which no more keystores are opened.
    func take(_ request: KeystoreImport, for grant: Grant?, until deadline: UInt64) async throws(Refusal) -> [Status] {
        let refused = try await intake.take(request.history, for: grant, .importKeystores)
        var statuses = request.keystores.map { keystore -> Status? in
            guard let key = keystore.statedKey else { return nil }
            // First of all: whoever may not import a key learns nothing of it, not even by how long the answer takes.
            if let reason = Self.refusal(grant, .importKeystores, key) { return Status(.error, key, reason) }
            return keyring.isLoadedAndEnabled(key) ? Status(.duplicate, key, Self.loadedAlready) : nil
        }
        let pending = statuses.indices.filter { statuses[$0] == nil }
        let opened = await opener.open(pending.map { request.keystores[$0].sealed }, until: deadline)
        var taken: [(place: Int, key: SigningKey)] = []
        for (place, result) in zip(pending, opened) {
            switch result {
            case .failure(let failure):
                statuses[place] = Status(.error, request.keystores[place].statedKey, "\(failure)")
            case .success(let keystore):
                let key = keystore.key.publicKey
                if let reason = Self.refusal(grant, .importKeystores, key) ?? refused[key] {
                    statuses[place] = Status(.error, key, reason)
                } else {
                    taken.append((place, SigningKey(keystore)))
                }
            }
        }
        for (place, status) in await activate(taken) { statuses[place] = status }
        return statuses.map { $0 ?? Status(.error, nil, "nothing is known of it") }
    }

    private static let loadedAlready = "the key is loaded already; the one that was first stays"

    /// Lets keys sign. An import is explicit: it enables what was disabled in the record, here or elsewhere.
    private func activate(_ taken: [(place: Int, key: SigningKey)]) async -> [(Int, Status)] {
        guard !taken.isEmpty else { return [] }
        return await turnstile.pass {
            let records = taken.map(\.key.record)
            do throws(StoreError) {
                _ = try await protection.administer(.register(records))
                _ = try await protection.administer(.enable(records, .imported))
            } catch .unsupported {
            } catch {
                return taken.map { place, key in
                    (
                        place,
                        Status(.error, key.identifier.publicKey, "the slashing record did not take the key: \(error)")
                    )
                }
            }
            var statuses: [(Int, Status)] = []
            var added: [SigningKey] = []
            for (place, key) in taken {
                let isLoaded = keyring[key.identifier] != nil || added.contains { $0.identifier == key.identifier }
                if !isLoaded { added.append(key) }
                statuses.append(
                    (
                        place,
                        Status(
                            isLoaded ? .duplicate : .imported,
                            key.identifier.publicKey,
                            isLoaded ? Self.loadedAlready : ""
                        )
                    )
                )
            }
            keyring.apply(KeyChange(added: added, removed: []))
            await keysChanged()
            return statuses
        }
    }

    // MARK: Deleting

    /// Deletes keys and gives what they have signed. In this order: disabled in the record, durably and for every signer
    /// that shares it; gone from memory; everything under way ended; then the history is read, so that nothing can come
    /// after it.
    func delete(_ names: [String], for grant: Grant?) async -> (statuses: [Status], history: Interchange) {
        await turnstile.pass {
            var plan = names.map { Self.plan($0, keyring, grant) }
            var history = Interchange(genesisValidatorsRoot: genesisValidatorsRoot, validators: [])
            do throws(StoreError) {
                let asked = Set(plan.compactMap(\.asked)).sorted()
                let known = Set(try await self.history(of: asked).validators.map(\.publicKey))
                // Not loaded here, maybe at work elsewhere: what is given away must be final all the same.
                let deleted = asked.filter { keyring[.bls($0)] != nil || known.contains($0) }
                if !deleted.isEmpty {
                    _ = try await protection.administer(.disable(deleted.map { RecordIdentity($0) }, by: nil))
                }
                plan = await remove(plan, known)
                history = try await self.history(of: deleted)
            } catch .unsupported {
                plan = await remove(plan, [])
            } catch {
                plan = plan.map { $0.failed(error) }
            }
            return (plan.map(\.status), history)
        }
    }

    /// What is to be done about one name of a request.
    private enum Plan {
        /// Loaded, and may be deleted.
        case loaded(PublicKey)
        case notLoaded(PublicKey)
        case done(Status)

        /// The key that the record has to be asked about.
        var asked: PublicKey? {
            switch self {
            case .loaded(let key), .notLoaded(let key): key
            case .done: nil
            }
        }

        var status: Status {
            switch self {
            case .loaded(let key): Status(.deleted, key)
            case .notLoaded(let key): Status(.notFound, key)
            case .done(let status): status
            }
        }

        func failed(_ error: StoreError) -> Plan {
            guard let asked else {
                guard case .done(let status) = self, status.word == .deleted || status.word == .notActive else {
                    return self
                }
                return .done(
                    Status(
                        .error,
                        status.key,
                        "the key signs nothing any more, but its history could not be read; delete it again for that: \(error)"
                    )
                )
            }
            return .done(Status(.error, asked, "nothing was deleted: \(error)"))
        }
    }

    private static func plan(_ name: String, _ keyring: Keyring, _ grant: Grant?) -> Plan {
        guard let key = try? PublicKey(hex: name) else {
            return .done(Status(.error, nil, "\(name.prefix(100)) is no public key: 96 hexadecimal digits"))
        }
        if let reason = refusal(grant, .deleteKeys, key) { return .done(Status(.error, key, reason)) }
        guard let loaded = keyring[.bls(key)] else { return .notLoaded(key) }
        guard loaded.origin.source == KeySourceName.memory else {
            return .done(
                Status(.error, key, "Unable to delete readonly key: \(key) (it comes from \(loaded.origin.source))")
            )
        }
        return .loaded(key)
    }

    /// Takes the keys out of memory and waits for what is under way.
    private func remove(_ plan: [Plan], _ known: Set<PublicKey>) async -> [Plan] {
        let removed = plan.compactMap { entry -> KeyIdentifier? in
            if case .loaded(let key) = entry { .bls(key) } else { nil }
        }
        keyring.apply(KeyChange(added: [], removed: removed))
        await authority.raise()
        await keysChanged()
        return plan.map { entry in
            switch entry {
            case .loaded(let key): .done(Status(.deleted, key))
            case .notLoaded(let key): .done(Status(known.contains(key) ? .notActive : .notFound, key))
            case .done: entry
            }
        }
    }

    private func history(of keys: [PublicKey]) async throws(StoreError) -> Interchange {
        guard case .given(let history) = try await protection.administer(.give(keys.map { RecordIdentity($0) })) else {
            throw .storage(reason: "the slashing record gave no history")
        }
        return Interchange(
            genesisValidatorsRoot: history.genesisValidatorsRoot,
            validators: history.validators.filter { !$0.blocks.isEmpty || !$0.attestations.isEmpty }
        )
    }

    private static func refusal(_ grant: Grant?, _ scope: Scope, _ key: PublicKey) -> String? {
        grant?.refusal(scope, key)
    }
}

extension Keyring {
    fileprivate func isLoadedAndEnabled(_ key: PublicKey) -> Bool {
        self[.bls(key)] != nil && !disabled.contains(.bls(key))
    }
}

extension SigningKey {
    fileprivate convenience init(_ keystore: KeystoreOpener.Opened) {
        self.init(
            keystore.key,
            origin: KeyOrigin(
                source: KeySourceName.memory,
                location: "key manager",
                derivationPath: keystore.derivationPath
            )
        )
    }
}
