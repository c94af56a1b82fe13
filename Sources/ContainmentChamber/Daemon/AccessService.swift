// SPDX-License-Identifier: Apache-2.0
internal import Audit
internal import Authorization
internal import BLS
internal import Concurrency
internal import Configuration
internal import HTTPServer
internal import Sealing
internal import Signer
internal import SignerAPI
internal import SignerState
internal import Telemetry

/// Policies and tokens while the signer runs: the state they are kept in, the gate that they make, and the watch that
/// follows what other instances change.
final class AccessService: Sendable {
    private let configuration: Configuration
    private let logger: Logger
    private let metrics: Telemetry.Metrics
    private let authorizer: Authorizer
    let register: AccessRegister
    let state: any StateStore
    /// Who knows the setup token of a chamber without a master key.
    let setup = SetupDesk()
    private let audit: any AuditTrail
    let gate: AccessGate
    /// What is remembered of the state outside of it.
    let memory: StateMemory
    private let reader = Lock<TokenReader?>(nil)

    init(
        _ configuration: Configuration,
        authority: Authority,
        audit: any AuditTrail,
        logger: Logger,
        metrics: Telemetry.Metrics
    ) async throws(Failure) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        let state = try await OpenedState.open(configuration)
        let now: @Sendable () -> Int64 = { Int64(WallClock.nanoseconds / 1_000_000_000) }
        let authorizer = Authorizer(mode: configuration.authMode == .open ? .open : .enforced, now: now)
        self.authorizer = authorizer
        self.state = state
        self.audit = audit
        gate = AccessGate(
            authorizer: authorizer,
            addresses: ClientAddress(proxies: configuration.server.trustedProxies),
            canaries: Self.canaries(configuration, logger, metrics),
            setup: setup,
            tell: { audit.post($0) },
            count: { [metrics] code in
                metrics.refusals[code].increment()
                if AccessRefusal(rawValue: code) != nil || code == Refusal.hostNotAuthorized.code {
                    metrics.authRejections.increment()
                }
            }
        )
        memory = try await Self.memory(configuration)
        register = AccessRegister(
            store: state,
            authorizer: authorizer,
            masterKey: ChamberRows.masterKey,
            memory: memory,
            now: now,
            tell: AccessWitness(audit, logger, metrics).tell
        ) { await authority.raise() }
    }

    private static func memory(_ configuration: Configuration) async throws(Failure) -> StateMemory {
        let path = configuration.signerStateMemoryPath
        let result = await Blocking.run(name: "state-memory") { () -> Result<StateMemory, StateMemoryError> in
            Result { () throws(StateMemoryError) in try StateMemory(path: path) }
        }
        do throws(StateMemoryError) { return try result.get() } catch {
            throw Failure(
                "\(error)",
                hint: "signer_state.memory_path names the file; docs/access.md says what it is for"
            )
        }
    }

    /// Loads policies and tokens, and says who is let in.
    func start() async throws(Failure) {
        do throws(StateError) {
            let loaded = try await register.start()
            reader.withLock { $0 = loaded }
        } catch {
            throw Failure("\(error)")
        }
        let (policies, tokens) = (register.policies.count, register.tokens.count)
        logger.info(
            .auth,
            "policies and tokens are loaded",
            ["policies": .integer(policies), "tokens": .integer(tokens)]
        )
        warnIfOpen()
        warnIfBlind()
        warnIfAlone()
        if configuration.authMode == .enforced, tokens == 0 {
            logger.warn(
                .auth,
                "nobody can sign: there is no token; `containment-chamber operator generate-root-token` makes the first"
            )
        }
    }

    private func warnIfOpen() {
        guard configuration.authMode == .open else { return }
        let address: LogFields = ["address": .text(configuration.signingAddress)]
        if configuration.isSigningLocal {
            logger.info(.auth, "auth.mode is open: every process of this machine can sign without a token", address)
        } else {
            logger.error(
                .auth,
                "AUTH.MODE IS OPEN ON A PUBLIC ADDRESS: whoever reaches the port can sign with every key, without a token; set auth.mode: enforced when your clients have theirs",
                address
            )
        }
    }

    /// Says what cannot be noticed, or verified, with these settings.
    private func warnIfBlind() {
        if configuration.sealedKeys != nil, configuration.signerStateMemoryPath == nil {
            logger.warn(
                .auth,
                "signer_state.memory_path is not set: a signer state that is set back as a whole while this signer is stopped is not noticed, and tokens that were revoked since are good again"
            )
        }
        if configuration.sealedKeys == nil, register.isSealed {
            logger.error(
                .auth,
                "the signer state belongs to a chamber with a master key, and this signer has no source of sealed keys: no token can be verified, and none is let in"
            )
        }
    }

    /// Says what other instances cannot reach here.
    private func warnIfAlone() {
        guard !configuration.signerState.isFollowed else { return }
        let others = "until this one changes something itself, or restarts"
        if configuration.signerState.backend == .sqlite {
            return logger.warn(
                .auth,
                "signer_state.refresh_interval_seconds is 0: the signer state is not looked at \(others)"
            )
        }
        logger.error(
            .auth,
            "OTHER INSTANCES ARE NOT FOLLOWED: signer_state.refresh_interval_seconds is 0, so a seal that is ordered at another one, tokens that are revoked there and a master key that is rotated there are not noticed here \(others)"
        )
    }

    /// Nil where nothing is wrong.
    var health: AccessHealth? {
        let (faults, reason) = (register.faults.count, register.catalogueFault?.reason)
        guard faults > 0 || reason != nil else { return nil }
        return AccessHealth(faults: faults, reason: reason, isUp: register.isTrusted)
    }

    func close() async { await register.close() }

    // MARK: The gate

    /// Reads what clients show. Before `start` there is none.
    var credentialReader: CredentialReader? { reader.withLock { $0 }?.credentialReader }

    /// What stands for a token that is not in the directory. Only after `start`.
    func digest(of secret: borrowing TokenSecret) -> TokenDigest {
        guard let reader = reader.withLock({ $0 }) else { preconditionFailure("no token can be read before the start") }
        return reader.digest(of: secret)
    }

    /// Where the audit file is anchored. Only after `start`.
    var anchors: AuditAnchors? {
        reader.withLock { $0 }.map { reader in
            AuditAnchors(state) { [reader] in reader.tag("audit head", $0) }
        }
    }

    private static func canaries(
        _ configuration: Configuration,
        _ logger: Logger,
        _ metrics: Telemetry.Metrics
    ) -> CanaryWatch {
        CanaryWatch(
            Set(configuration.canaries.keys.map { PublicKey($0) }),
            count: { metrics.canarySignings.increment() },
            tell: { key, caller in
                logger.warn(
                    .signer,
                    "a canary key was named: somebody uses keys that must not be used",
                    ["key": .text(key.description), "caller": .text(caller.description)]
                )
            }
        )
    }

    /// The routes of policies and tokens. Only after `start`.
    ///
    /// - Parameter chamber: whose operators are asked before a root token is made.
    func routes(of chamber: Chamber?) -> AccessRoutes? {
        reader.withLock { $0 }.map { reader in
            AccessRoutes(register: register, reader: reader, audit: audit, chamber: chamber)
        }
    }

    // MARK: The watch

    /// Tells once a second of failures that were kept back, until its task is cancelled.
    func tellFailures() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { gate.tellDue() }
    }

    /// How often rows are looked at that say that they have not changed.
    private static let reviewInterval = UInt64(60_000_000_000)

    /// Follows the state until its task is cancelled. Tokens are believed for a while when it cannot be read, or when its
    /// catalogue is refused.
    ///
    /// Where it is not followed, nothing says how old it is: tokens are believed as they were read last.
    func watch() async {
        guard configuration.signerState.isFollowed else { return metrics.signerStateReachable.set(1) }
        var lastSeen = MonotonicClock.nanoseconds
        var lastReview = lastSeen
        var trouble: String?
        while !Task.isCancelled {
            do throws(StateError) {
                if try await look(&lastReview) { logger.info(.auth, "policies or tokens were changed") }
                if register.catalogueFault == nil { lastSeen = MonotonicClock.nanoseconds }
                if trouble != nil { logger.info(.auth, "the signer state can be read again") }
                trouble = nil
            } catch {
                if trouble == nil { logger.error(.auth, "policies and tokens are not followed: \(error)") }
                trouble = "\(error)"
            }
            let (limit, age) = (configuration.auth.cacheLimit, MonotonicClock.nanoseconds - lastSeen)
            authorizer.setBelieved(limit == .zero || .nanoseconds(Int64(clamping: age)) <= limit)
            metrics.signerStateReachable.set(trouble == nil ? 1 : 0)
            // Twice in the time in which a change must have been seen.
            try? await Task.sleep(for: configuration.signerState.refreshInterval / 2)
        }
    }

    private func look(_ lastReview: inout UInt64) async throws(StateError) -> Bool {
        let now = MonotonicClock.nanoseconds
        guard now - lastReview > Self.reviewInterval else { return try await register.refresh() }
        lastReview = now
        return try await register.review()
    }
}
