// SPDX-License-Identifier: Apache-2.0
internal import Audit
internal import Authorization
internal import BLS
internal import Concurrency
internal import Configuration
internal import HTTPServer
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
    private let register: AccessRegister
    let state: any StateStore
    /// Who knows the setup token of a chamber without a master key.
    let setup = SetupDesk()
    private let audit: any AuditTrail
    let gate: AccessGate
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
            count: { [metrics] _ in metrics.authRejections.increment() }
        )
        register = AccessRegister(store: state, authorizer: authorizer, now: now) { await authority.raise() }
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
    var routes: AccessRoutes? {
        reader.withLock { $0 }.map { reader in
            AccessRoutes(register: register, reader: reader, audit: audit)
        }
    }

    // MARK: The watch

    /// Tells once a second of failures that were kept back, until its task is cancelled.
    func tellFailures() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { gate.tellDue() }
    }

    /// Follows the state until its task is cancelled. Tokens are believed for a while when it cannot be read.
    func watch() async {
        var lastSeen = MonotonicClock.nanoseconds
        var trouble: String?
        let limit = configuration.auth.cacheLimit
        while !Task.isCancelled {
            do throws(StateError) {
                if try await register.refresh() { logger.info(.auth, "policies or tokens were changed") }
                lastSeen = MonotonicClock.nanoseconds
                authorizer.setBelieved(true)
                if trouble != nil { logger.info(.auth, "the signer state can be read again") }
                trouble = nil
            } catch {
                if trouble == nil { logger.error(.auth, "policies and tokens are not followed: \(error)") }
                trouble = "\(error)"
                let age = Duration.nanoseconds(Int64(MonotonicClock.nanoseconds - lastSeen))
                if limit > .zero, age > limit { authorizer.setBelieved(false) }
            }
            metrics.signerStateReachable.set(trouble == nil ? 1 : 0)
            // Twice in the time in which a change must have been seen.
            try? await Task.sleep(for: configuration.signerState.refreshInterval / 2)
        }
    }
}
