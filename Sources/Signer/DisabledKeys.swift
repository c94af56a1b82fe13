// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Consensus
package import SlashingProtection
package import Telemetry

/// Follows which keys the record has disabled: here by a command, or by another signer that shares the record, Web3Signer
/// among them. The record itself refuses blocks and attestations of theirs from that moment on; this stops the rest.
package final class DisabledKeys: Sendable {
    /// Twice in the two seconds in which a key that was deleted elsewhere must have stopped.
    private static let interval = Duration.milliseconds(900)

    private let keyring: Keyring
    private let authority: Authority
    private let protection: SlashingProtection
    private let logger: Logger
    /// One reading after the other, each until the authority is raised: an older reading must not give back a key that was
    /// disabled since, and whoever finds a key disabled already must not answer while it may still sign.
    private let turnstile = Turnstile()

    package init(_ keyring: Keyring, _ authority: Authority, _ protection: SlashingProtection, _ logger: Logger) {
        self.keyring = keyring
        self.authority = authority
        self.protection = protection
        self.logger = logger
    }

    /// Ends when its task is cancelled. While the record cannot be read nothing is known of what others disable; health
    /// says that.
    package func watch() async {
        while !Task.isCancelled {
            do throws(StoreError) { try await refresh() } catch .unsupported { return } catch {}
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Asks the record; when this returns, nothing more is signed with keys that it has disabled.
    package func refresh() async throws(StoreError) {
        try await turnstile.pass { () async throws(StoreError) in
            let records = keyring.all.map(\.record)
            guard case .disabled(let found) = try await protection.administer(.disabled(among: records)) else { return }
            await take(found)
        }
    }

    /// Takes over what this signer has just changed in the record. When this returns, nothing more is signed with keys that
    /// were disabled, also where the record cannot be read now.
    package func follow(_ task: AdministrativeTask) async {
        if case .disable(let validators, _) = task {
            let keys = validators.map { KeyIdentifier.bls($0.publicKey) }.filter { keyring[$0] != nil }
            await turnstile.pass {
                for key in await stop(keyring.disabled.union(keys)) { warn(key, "by this signer") }
            }
        }
        // Where this fails, the watch goes on trying.
        try? await refresh()
    }

    private func take(_ found: [DisabledValidator]) async {
        let before = keyring.disabled
        let added = await stop(Set(found.map { KeyIdentifier.bls($0.record.publicKey) }))
        for validator in found where added.contains(.bls(validator.record.publicKey)) {
            let who = validator.instance.map { "by \($0.name)" } ?? "by a signer that left no name"
            warn(.bls(validator.record.publicKey), who)
        }
        for key in before.subtracting(keyring.disabled) {
            logger.info(.protection, "a key is enabled again", ["key": .text(key.description)])
        }
    }

    /// Those that were not disabled before.
    private func stop(_ disabled: Set<KeyIdentifier>) async -> Set<KeyIdentifier> {
        let added = keyring.setDisabled(disabled)
        if !added.isEmpty { await authority.raise() }
        return added
    }

    private func warn(_ key: KeyIdentifier, _ who: String) {
        logger.warn(
            .protection,
            "a key is disabled in the slashing record \(who): nothing is signed with it",
            ["key": .text(key.description)]
        )
    }
}
