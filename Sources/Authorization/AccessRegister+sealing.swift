// SPDX-License-Identifier: Apache-2.0
internal import Encoding
package import SignerState

extension AccessRegister {
    // MARK: Opening and closing

    /// From now on only what the chamber has tagged and catalogued is believed. Returns when all rows have been held against
    /// the catalogue; nothing must be signed before.
    ///
    /// - Parameter seals: of the master key; two while it is exchanged, the one of before first.
    package func open(_ seals: [any AccessSeal]) async throws(StateError) {
        guard let seal = seals.first else { preconditionFailure("a register opens with a seal") }
        for _ in 0..<Self.rounds {
            let reading = try await store.rows(after: 0)
            let seen = ledger.revision
            guard reading.revision >= seen else { throw Self.setBack(to: reading.revision, from: seen) }
            guard try await open(seals, reading) else { continue }
            let untagged = ledger.untagged
            if seals.count == 1, untagged > 0 {
                tell(.adopted(untagged))
                // They hold as long as the catalogue does; with tags of their own an operator can tell them without it.
                try? await retag(to: seal)
            }
            return
        }
        throw .unavailable(reason: "policies and tokens are changed faster than they can be read")
    }

    /// False where the reading was overtaken.
    private func open(_ seals: [any AccessSeal], _ reading: StateReading) async throws(StateError) -> Bool {
        let remembered = memory?.known
        var isOvertaken = false
        let hasChanged = try change { (ledger) throws(StateError) in
            isOvertaken = reading.revision < ledger.revision
            guard !isOvertaken else { return }
            ledger.custody = .open(seals)
            try ledger.take(reading, isWhole: true, masterKey: nil, remembered: remembered)
        }
        guard !isOvertaken else { return false }
        await remember()
        if hasChanged { await withdraw() }
        return true
    }

    /// Whether somebody who is believed only because nothing can be verified while the chamber is sealed would be believed if it
    /// were open: by rows that carry the chamber's tags and stand in its catalogue, as far as this instance has seen it.
    package func verifies(
        _ grant: Grant,
        for scope: Scope,
        under seals: [any AccessSeal]
    ) async throws(StateError) -> Bool {
        var opened = AccessLedger()
        opened.custody = .open(seals)
        try opened.take(try await store.rows(after: 0), isWhole: true, masterKey: nil, remembered: memory?.known)
        let changes = opened.place()
        let verified = Authorizer(mode: authorizer.mode, now: now)
        verified.update { directory in for change in changes { change(&directory) } }
        verified.setTrust(opened.trust)
        return grant.holds(scope, by: verified)
    }

    /// The first catalogue of a new chamber, with everything that stands: to be written in the same change as the record of its
    /// master key. So a chamber is never without one, and one that is not there was taken away by somebody.
    package func founding(under seal: any AccessSeal) async throws(StateError) -> StateChange {
        if let memory, memory.known != nil {
            throw .unusable(
                reason: "this instance remembers another chamber: where a new one is meant, stop the signer and remove "
                    + "\(memory.path ?? "what it knows")"
            )
        }
        let reading = try await store.rows(after: 0)
        let standing = reading.rows.first { $0.name == AccessRows.catalogue }
        var entries: [StateRowName: AccessCatalogue.Entry] = [:]
        for row in reading.rows where AccessRows.kinds.contains(row.name.kind) {
            // One with a tag is of another chamber.
            guard let body = row.body, TaggedBody(body) == nil, (try? AccessRows.item(row, body)) != nil else {
                continue
            }
            entries[row.name] = .init(version: row.version, tag: seal.tag(row.name, version: row.version, body: body))
        }
        let version = standing?.version ?? 0
        return StateChange(
            AccessRows.catalogue,
            expecting: standing?.body == nil ? 0 : version,
            body: AccessCatalogue(sequence: 1, entries: entries).encoded(under: seal, version: version &+ 1)
        )
    }

    /// The master key is gone from this instance: from now on rows are believed for what takes nothing, and none is written.
    package func seal() async {
        let hasChanged = change { ledger in
            if case .open = ledger.custody { ledger.custody = .sealed }
        }
        if hasChanged { await withdraw() }
    }

    // MARK: Another master key

    /// Tags every row anew under another generation of the master key, while that of before is there too; afterwards only
    /// the new one counts. What was cut off goes on where it was: the tag of each row says its generation.
    package func retag(to seal: any AccessSeal) async throws(AccessChangeError) {
        let isOpen = isOpen(with: seal)
        guard isOpen else { throw .sealed }
        var conflicts = 0
        var reading = try await all()
        var isFresh = true
        while true {
            let changes = try ledger.retagged(reading, under: seal, most: StateChange.most - 1)
            if changes.isEmpty, isFresh { break }
            do throws(StateError) {
                if !changes.isEmpty { try await store.apply(changes) }
                isFresh = changes.isEmpty
                // All rows are read once for all batches, and once more at the end.
                if isFresh { reading = try await readAll().reading } else { try await refresh() }
            } catch {
                conflicts += 1
                guard case .conflict = error, conflicts < Self.rounds else { throw .state(error) }
                reading = try await all()
            }
        }
        _ = change { ledger in
            if case .open = ledger.custody { ledger.custody = .open([seal]) }
        }
        _ = try await all()
    }

    /// Takes a seal to those that count; false where the chamber is not open.
    private func isOpen(with seal: any AccessSeal) -> Bool {
        var isOpen = false
        _ = change { ledger in
            guard case .open(let seals) = ledger.custody else { return }
            isOpen = true
            ledger.custody = .open(seals.filter { $0.generation != seal.generation } + [seal])
        }
        return isOpen
    }

    private func all() async throws(AccessChangeError) -> StateReading {
        do throws(StateError) { return try await readAll().reading } catch { throw .state(error) }
    }

    // MARK: An operator's decision

    /// What an operator would accept now. A deed of the admin socket: whoever does it has looked at the rows.
    package func lookAtRows() async throws(AccessChangeError) -> AccessReview {
        let reading = try await all()
        return AccessReview(ledger, reading)
    }

    /// Makes a new catalogue of the rows whose own tags are right, and deletes the others.
    ///
    /// - Parameter digest: of the review that the operator has seen.
    package func acceptRows(_ digest: String) async throws(AccessChangeError) {
        let reading = try await all()
        let ledger = ledger
        guard case .open(let seals) = ledger.custody, let seal = ledger.writer(among: seals) else { throw .sealed }
        let review = AccessReview(ledger, reading)
        guard review.digest == digest else { throw .outdated }
        do throws(StateMemoryError) { try await memory?.begin(seal.chamber) } catch { tell(.forgotten("\(error)")) }
        let seen = max(ledger.highestSequence, memory?.known?.catalogue ?? 0)
        let catalogue = AccessCatalogue(sequence: seen &+ 1, entries: review.entries)
        var drops = review.drops
        do throws(StateError) {
            let first = Array(drops.prefix(StateChange.most - 1))
            try await store.apply(first + [ledger.written(catalogue, under: seal)])
            drops.removeFirst(first.count)
            while !drops.isEmpty {
                let next = Array(drops.prefix(StateChange.most))
                try await store.apply(next)
                drops.removeFirst(next.count)
            }
        } catch {
            if case .conflict = error { throw .outdated }
            throw .state(error)
        }
        _ = try await all()
        await withdraw()
    }
}
