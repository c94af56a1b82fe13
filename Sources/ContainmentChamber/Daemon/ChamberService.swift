// SPDX-License-Identifier: Apache-2.0
internal import Age
internal import Arguments
internal import Authorization
internal import Concurrency
internal import Configuration
internal import Consensus
internal import Encoding
internal import Foundation
internal import Keystores
internal import SealedKeys
internal import Sealing
internal import Secrets
internal import Signer
internal import SignerAPI
internal import SignerState
internal import SlashingProtection
internal import Telemetry

/// The chamber of a signer whose keys are sealed: follows the signer state and the store of keys, and tells what happens.
final class ChamberService: Sendable {
    let chamber: Chamber
    let keys: SealedKeyring
    private let configuration: Configuration
    private let state: any StateStore
    private let setup: SetupDesk
    private let witness: Witness
    private let logger: Logger
    private let metrics: Telemetry.Metrics

    /// - Parameters:
    ///   - access: policies and tokens, which are verified under the master key; where they are kept, its record is too.
    init(
        _ configuration: Configuration,
        source: OpenedKeySource,
        access: AccessService,
        arena: SecretArena,
        keyring: Keyring,
        authority: Authority,
        protection: SlashingProtection,
        audit: any AuditTrail,
        logger: Logger,
        metrics: Telemetry.Metrics
    ) {
        self.configuration = configuration
        state = access.state
        setup = access.setup
        self.logger = logger
        self.metrics = metrics
        keys = SealedKeyring(
            store: source.store,
            withdrawn: WithdrawnKeys(store: access.state, memory: access.memory),
            source: source.name,
            statuses: source.statuses,
            arena: arena,
            keyring: keyring,
            authority: authority,
            protection: protection
        ) { report in
            Self.tell(report, logger, metrics)
            metrics.count(keyring)
        }
        witness = Witness(
            audit: audit,
            setup: access.setup,
            digest: { [access] in access.digest(of: $0) },
            logger: logger,
            metrics: metrics
        )
        let wrappers = KeyWrappers(
            KeyWrapperSettings(
                endpoints: configuration.kms.endpointsByRegion,
                profiles: configuration.kms.profilesByAccount,
                timeout: configuration.kms.timeout
            )
        )
        let contents = AccessContents(access.register, keys)
        chamber = Chamber(
            store: access.state,
            custodian: Custodian { name throws(WrappingError) in try wrappers.wrapper(for: name) },
            contents: contents,
            witness: witness,
            memory: access.memory,
            settings: .init(patience: configuration.signerState.unsealTimeout.components.seconds),
            now: { Int64(WallClock.nanoseconds / 1_000_000_000) }
        )
    }

    /// Reads how the chamber stands and begins to open it; said before the ports are opened.
    func start() async throws(Failure) {
        do throws(StateError) { try await chamber.refresh() } catch { throw Failure("\(error)") }
        if chamber.status.state == .uninitialized { witness.offerSetup() }
        let local = chamber.status.record?.custody.shares.map(\.key).filter(\.isLocal) ?? []
        if !local.isEmpty {
            logger.error(
                .chamber,
                "KEYS OF THIS MACHINE WRAP THE MASTER KEY: local: is for development and tests; whoever reads the files can open every key",
                ["keys": .text(local.map(\.text).joined(separator: ", "))]
            )
        }
    }

    /// Follows the signer state and the keys, until its task is cancelled.
    func watch() async {
        let following = Task { await watchKeys() }
        defer { following.cancel() }
        guard configuration.signerState.isFollowed else { return await keepTime() }
        var trouble = false
        while !Task.isCancelled {
            do throws(StateError) {
                try await chamber.refresh()
                // Where it came to a halt, or another instance began it and went away.
                chamber.continueRekeying()
                if trouble { logger.info(.chamber, "the chamber's record can be read again") }
                trouble = false
            } catch {
                if !trouble { logger.error(.chamber, "the chamber's record is not followed: \(error)") }
                trouble = true
            }
            try? await Task.sleep(for: configuration.signerState.refreshInterval / 2)
        }
    }

    /// What goes on where other instances are not followed: times that end, and a rotation that this one carries out.
    private func keepTime() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            chamber.keepTime()
            chamber.continueRekeying()
        }
    }

    private func watchKeys() async {
        guard let interval = configuration.sealedKeys?.refreshInterval, interval > .zero else { return }
        var trouble = false
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            do throws(SealedKeyError) {
                try await keys.refresh()
                if trouble { logger.info(.keys, "the encrypted keys can be read again") }
                trouble = false
            } catch {
                if !trouble { logger.error(.keys, "changes of keys are not followed: \(error)") }
                trouble = true
            }
        }
    }

    /// Ends with the process: the master key is wiped, whatever else still holds.
    func close() async {
        setup.close()
        await chamber.shutDown()
        await keys.store.close()
    }

    /// What is done with the keys over the API.
    func keyRoutes(
        _ configuration: Configuration,
        parts: KeyParts,
        audit: any AuditTrail
    ) throws(Failure) -> ChamberKeyRoutes {
        let settings = configuration.chamberKeys
        var recipients: BackupRecipients?
        if settings.backsUp {
            do throws(AgeError) { recipients = try BackupRecipients(settings.recipients) } catch {
                throw Failure("chamber.keys.generate.backup.recipients: \(error)", exitCode: .usage)
            }
        }
        let service = ChamberKeys(
            ring: keys,
            keyring: parts.keyring,
            authority: parts.authority,
            protection: parts.protection,
            opener: parts.opener,
            genesisValidatorsRoot: parts.genesisValidatorsRoot,
            clock: parts.clock,
            arena: parts.arena,
            recipients: recipients,
            state: state,
            hindrance: { [self] in seal },
            hindranceToWriting: { [chamber] in await chamber.hindranceToWriting() },
            keysChanged: parts.keysChanged,
            now: { WallClock.nanoseconds / 1_000_000_000 }
        )
        let verbs = ChamberKeyRoutes.Verbs(
            listings: settings.listConcurrency,
            generate: .init(settings.generate),
            importing: .init(settings.importing),
            lifecycle: .init(settings.lifecycle)
        )
        return ChamberKeyRoutes(service, verbs, audit: audit)
    }

    /// What the API of keys shares with the rest of the signer.
    struct KeyParts {
        let keyring: Keyring
        let authority: Authority
        let protection: SlashingProtection
        let opener: KeystoreOpener
        let genesisValidatorsRoot: Root
        let clock: ClockGuard
        let arena: SecretArena
        let keysChanged: @Sendable () async -> Void
    }

    /// Why nothing is signed now.
    var seal: String? {
        guard !chamber.isOpen else { return nil }
        let status = chamber.status
        switch status.state {
        case .uninitialized: return "it has no master key yet; `containment-chamber operator init` makes it"
        case .awaitingRegistration:
            return "its operators are registering; `containment-chamber operator status` says who has not"
        case .kmsUnsealed:
            return "it waits for its operators; `containment-chamber operator unseal --operator NAME` brings a share"
        case .unsealed, .awaitingRotation: return status.reason ?? "its keys are being loaded"
        case .sealed: return status.reason ?? "it is being opened"
        }
    }

    private static func tell(_ report: SealedKeyring.Report, _ logger: Logger, _ metrics: Telemetry.Metrics) {
        if report.added > 0 || report.removed > 0 {
            logger.info(
                .keys,
                "encrypted keys were loaded or taken away",
                ["added": .integer(report.added), "removed": .integer(report.removed)]
            )
        }
        for fault in report.faults {
            metrics.sealedKeyFaults[fault.fault.rawValue].increment()
            logger.error(
                .keys,
                "a row of an encrypted key is refused: \(fault.fault)",
                ["key": .text("\(fault.key)"), "fault": .text(fault.fault.rawValue)]
            )
        }
    }
}

/// Tells what happens to the chamber: in the log, the audit file and the metrics.
private final class Witness: ChamberWitness {
    private let audit: any AuditTrail
    private let setup: SetupDesk
    private let digest: @Sendable (borrowing TokenSecret) -> TokenDigest
    private let logger: Logger
    private let metrics: Telemetry.Metrics
    private let lastFailures = Lock<[String: String]>([:])
    /// How long a setup token is good.
    private static let setupLifetime = Duration.seconds(3600)

    init(
        audit: any AuditTrail,
        setup: SetupDesk,
        digest: @escaping @Sendable (borrowing TokenSecret) -> TokenDigest,
        logger: Logger,
        metrics: Telemetry.Metrics
    ) {
        self.audit = audit
        self.setup = setup
        self.digest = digest
        self.logger = logger
        self.metrics = metrics
        tellMetric(.uninitialized)
    }

    /// The one secret that is ever logged (promise 2): good once, for an hour, and void as soon as the chamber has a master
    /// key.
    func offerSetup() {
        let token = TokenSecret(.setup)
        setup.open(digest(token), for: Self.setupLifetime)
        let text = token.withText { text in String(decoding: text.indices.map { text[$0] }, as: UTF8.self) }
        logger.warn(
            .chamber,
            "the chamber has no master key; whoever has this token can make it with `containment-chamber operator init`, within an hour",
            ["setup_token": .text(text)]
        )
    }

    func changed(from old: ChamberState, to state: ChamberState, reason: String?) {
        // Whoever initialised it, the token of this start is void.
        if state != .uninitialized { setup.close() } else if old == .awaitingRegistration { offerSetup() }
        tellMetric(state)
        if old != state {
            audit.post(AuditEvent(.transition(of: "chamber", from: old.rawValue, to: state.rawValue), .done))
        }
        switch (state, reason) {
        case (.unsealed, ChamberMachine.loading?), (.awaitingRotation, ChamberMachine.loading?):
            logger.info(.chamber, "\(ChamberMachine.loading)")
        case (.unsealed, let reason?), (.awaitingRotation, let reason?):
            logger.error(.chamber, "the chamber is unsealed, but nothing is signed yet: \(reason)")
        case (.unsealed, nil), (.awaitingRotation, nil):
            lastFailures.withLock { $0 = [:] }
            logger.info(.chamber, "the chamber is unsealed", ["state": .text(state.rawValue)])
        case (.awaitingRegistration, _):
            logger.warn(.chamber, "the operators are to register; there is a master key when all have")
        case (.kmsUnsealed, _):
            logger.warn(
                .chamber,
                "the KMS keys have opened the envelope; now the operators open the chamber: `containment-chamber operator unseal --operator NAME`"
            )
        case (.sealed, nil): logger.info(.chamber, "the chamber is sealed and is being opened")
        case (.sealed, let reason?):
            logger.error(.chamber, "the chamber is sealed, nothing is signed: \(reason)")
        case (.uninitialized, _):
            let was =
                old == .awaitingRegistration
                ? "the registration has ended without a master key" : "its MASTER_KEY row was deleted"
            logger.error(.chamber, "the chamber has no master key: \(was)")
        }
    }

    func shareGiven(by name: String) {
        logger.info(.chamber, "an operator's share was taken", ["operator": .text(name)])
    }

    func registrationRefused(_ reason: String) {
        logger.error(
            .chamber,
            "the REGISTRATION row of the signer state was changed, and not by an operator who registers: \(reason). Put the right one back, or end it with `containment-chamber operator rotate cancel`"
        )
    }

    func forgotten(_ reason: String) {
        logger.error(.chamber, "a custody that is set back while this signer is stopped will not be noticed: \(reason)")
    }

    func rekeyingFailed(_ reason: String) {
        logger.error(.chamber, "encrypting everything under the new master key has come to a halt: \(reason)")
    }

    func shareFailed(_ failure: CustodyError.Failure) {
        // Once for each key and reason: it is asked again and again.
        let isNew = lastFailures.withLock { $0.updateValue(failure.reason, forKey: failure.key.text) != failure.reason }
        metrics.custodyFailures.increment()
        guard isNew else { return }
        logger.error(
            .chamber,
            "a share of the master key was not got back: \(failure)",
            ["key": .text(failure.key.text)]
        )
    }

    func recordLost() {
        logger.error(
            .chamber,
            "THE MASTER_KEY ROW IS GONE from the signer state: this instance goes on, but after a restart nobody can open the keys; put the row back from a backup of the state before you restart anything"
        )
    }

    private func tellMetric(_ now: ChamberState) {
        for state in ChamberState.allCases { metrics.signerState[state.rawValue].set(state == now ? 1 : 0) }
    }
}

extension ChamberKeyRoutes.Verb {
    /// Nil for a verb that is switched off.
    fileprivate init?(_ verb: Configuration.ChamberKeys.Verb) {
        guard verb.isEnabled else { return nil }
        self.init(items: verb.maxItemsPerRequest, requests: verb.maxConcurrentRequests, timeout: verb.requestTimeout)
    }
}
