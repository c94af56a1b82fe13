// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import BLS
internal import Consensus
internal import SlashingProtection

/// Takes the history that keys bring with them into the record, before any of them can sign.
struct HistoryIntake: Sendable {
    private let protection: SlashingProtection
    private let genesisValidatorsRoot: Root
    private let clock: ClockGuard

    init(_ protection: SlashingProtection, _ genesisValidatorsRoot: Root, _ clock: ClockGuard) {
        self.protection = protection
        self.genesisValidatorsRoot = genesisValidatorsRoot
        self.clock = clock
    }

    /// Gives the reasons for keys whose history was not taken.
    ///
    /// - Parameter scope: what the caller must be allowed with every key that the history names.
    func take(
        _ history: Interchange?,
        for grant: Grant?,
        _ scope: Scope
    ) async throws(KeyManager.Refusal) -> [PublicKey: String] {
        guard let history else { return [:] }
        if let element = history.unreadable.first {
            throw .malformed("slashing_protection: data[\(element.position)]: \(element.reason)")
        }
        guard history.genesisValidatorsRoot == genesisValidatorsRoot else {
            throw .malformed(
                "slashing_protection belongs to the network with genesis validators root "
                    + "\(history.genesisValidatorsRoot), this signer serves \(genesisValidatorsRoot)"
            )
        }
        for validator in history.validators {
            if let reason = grant?.refusal(scope, validator.publicKey) {
                throw .forbidden("slashing_protection names the key \(validator.publicKey): \(reason)")
            }
        }
        if let reason = clock.refusal(of: history) { throw .malformed("slashing_protection: \(reason)") }
        do throws(StoreError) {
            guard case .taken(let report) = try await protection.administer(.take(history, dryRun: false)) else {
                return [:]
            }
            var refused: [PublicKey: String] = [:]
            for validator in report.validators where validator.outcome == .failed {
                guard let key = try? PublicKey(hex: validator.publicKey) else { continue }
                refused[key] = "its slashing protection data was not taken: \(validator.reason ?? "no reason is known")"
            }
            return refused
        } catch .unsupported {
            return [:]
        } catch .interchange(let reason) {
            throw .malformed("slashing_protection: \(reason)")
        } catch {
            throw .record("the slashing protection data could not be taken: \(error)")
        }
    }
}

extension Grant {
    /// Why the caller may not do something with a key, as things stand now.
    func refusal(_ scope: Scope, _ key: PublicKey) -> String? {
        do throws(AccessRefusal) {
            try check(scope, key: key, operation: nil)
            return nil
        } catch { return error.reason }
    }
}
