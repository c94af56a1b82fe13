// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Encoding
internal import Keystores
internal import SealedKeys
internal import Sealing
internal import Signer
internal import SlashingProtection

/// What comes of rows: their keys are opened, and put on the ring or taken off it.
extension SealedKeyring {
    /// Opens what is to be loaded, on as many threads as there are processors, and changes the ring in one step.
    func perform(_ steps: [KeyLedger.Step], _ opening: UInt64) async {
        var (rows, removed, faults): ([SealedKeyRow], [Bytes<48>], [PublicKeyFault]) = ([], [], [])
        for step in steps {
            switch step {
            case .load(let row): rows.append(row)
            case .remove(let key): removed.append(key)
            case .refuse(let key, let fault):
                faults.append(PublicKeyFault(key: key, fault: fault))
                // What is gone signs no more; beside a row that is wrong, what was right before goes on.
                if fault == .vanished { removed.append(key) }
            }
        }
        let (opened, refused) = await open(rows)
        faults += refused
        await register(opened)
        let change = KeyChange(
            added: opened,
            removed: removed.compactMap { key in
                let identifier = KeyIdentifier.bls(PublicKey(key))
                return keyring[identifier]?.origin.source == source ? identifier : nil
            }
        )
        let fresh = state.withLock { state -> [PublicKeyFault]? in
            guard state.opening == opening else { return nil }
            // Within the lock: closing takes away what was put on the ring before, and nothing comes behind it.
            keyring.apply(change)
            for key in opened { state.faults[key.publicKeyBytes] = nil }
            for key in removed { state.faults[key] = nil }
            let fresh = faults.filter { state.faults[$0.key] != $0.fault }
            for fault in faults { state.faults[fault.key] = fault.fault }
            return fresh
        }
        guard let fresh else { return }
        if !change.removed.isEmpty { await authority.raise() }
        guard !change.added.isEmpty || !change.removed.isEmpty || !fresh.isEmpty else { return }
        var report = Report()
        report.added = change.added.count
        report.removed = change.removed.count
        report.faults = fresh
        tell(report)
    }

    private func open(_ rows: [SealedKeyRow]) async -> ([SigningKey], [PublicKeyFault]) {
        guard !rows.isEmpty, let sealer else { return ([], []) }
        state.withLock { $0.openings += UInt64(rows.count) }
        let share = max(16, (rows.count + Self.processors - 1) / Self.processors)
        let parts = stride(from: 0, to: rows.count, by: share).map { Array(rows[$0..<min(rows.count, $0 + share)]) }
        return await withTaskGroup(of: ([SigningKey], [PublicKeyFault]).self) { group in
            for part in parts {
                group.addTask { [self] in
                    await Blocking.run(name: "sealed-keys") { self.open(part, with: sealer) }
                }
            }
            return await group.reduce(into: ([], [])) { all, part in
                all.0 += part.0
                all.1 += part.1
            }
        }
    }

    private func open(_ rows: [SealedKeyRow], with sealer: KeyRowSealer) -> ([SigningKey], [PublicKeyFault]) {
        var (keys, faults): ([SigningKey], [PublicKeyFault]) = ([], [])
        for row in rows {
            do throws(KeyRowFault) {
                let key = try sealer.open(row, arena: arena)
                keys.append(
                    SigningKey(
                        key,
                        origin: KeyOrigin(source: source, location: "version \(row.version)"),
                        name: row.name
                    )
                )
            } catch { faults.append(PublicKeyFault(key: row.publicKey, fault: error)) }
        }
        return (keys, faults)
    }

    /// Gives new keys their row in the record before they can sign (web3signer.md §5.4). Where that fails, their first
    /// message makes it.
    private func register(_ keys: [SigningKey]) async {
        guard !keys.isEmpty else { return }
        _ = try? await protection.administer(.register(keys.map(\.record)))
    }

    private static let processors = max(1, Processors.available)
}

extension SigningKey {
    fileprivate var publicKeyBytes: Bytes<48> { identifier.publicKey?.bytes ?? Bytes() }
}
