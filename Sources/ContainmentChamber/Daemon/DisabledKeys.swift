// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Signer
internal import SlashingProtection
internal import Telemetry

/// Follows which keys the record has disabled: here by a command, or by another signer that shares the record, Web3Signer
/// among them. The record itself refuses blocks and attestations of theirs from that moment on; this stops the rest.
final class DisabledKeys: Sendable {
    /// Twice in the two seconds in which a key that was deleted elsewhere must have stopped.
    private static let interval = Duration.milliseconds(900)

    private let keyring: Keyring
    private let authority: Authority
    private let protection: SlashingProtection
    private let logger: Logger

    init(_ keyring: Keyring, _ authority: Authority, _ protection: SlashingProtection, _ logger: Logger) {
        self.keyring = keyring
        self.authority = authority
        self.protection = protection
        self.logger = logger
    }

    /// Ends when its task is cancelled. While the record cannot be read nothing is known of what others disable; health
    /// says that.
    func watch() async {
        while !Task.isCancelled {
            do throws(StoreError) { try await refresh() } catch .unsupported { return } catch {}
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Asks the record; when this returns, nothing more is signed with keys that it has disabled.
    func refresh() async throws(StoreError) {
        let records = keyring.all.map(\.record)
        guard case .disabled(let found) = try await protection.administer(.disabled(among: records)) else { return }
        let disabled = Set(found.map { KeyIdentifier.bls($0.record.publicKey) })
        let before = keyring.disabled
        let added = keyring.setDisabled(disabled)
        if !added.isEmpty { await authority.raise() }
        for validator in found where added.contains(.bls(validator.record.publicKey)) {
            let who = validator.instance.map { "by \($0.name)" } ?? "by a signer that left no name"
            logger.warn(
                .protection,
                "a key is disabled in the slashing record \(who): nothing is signed with it",
                ["key": .text(validator.record.description)]
            )
        }
        for key in before.subtracting(disabled) {
            logger.info(.protection, "a key is enabled again", ["key": .text(key.description)])
        }
    }
}
