// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import BLS
internal import Concurrency
internal import Configuration
internal import Consensus
internal import Foundation
internal import HTTPServer
internal import Hardening
internal import Keystores
internal import Secrets
internal import Signer
internal import SignerAPI
internal import SlashingProtection
internal import Telemetry

/// The running signer: the one place where its parts are put together, started and ended.
///
/// Start: record, keys, then the ports, so that nothing is answered before it can be signed. End: the ports stop taking,
/// what is under way finishes, then the record and the log close.
final class Daemon: Sendable {
    private let configuration: Configuration
    private let network: Network
    private let logger: Logger
    private let metrics: Telemetry.Metrics
    private let record: OpenedRecord
    private let protection: SlashingProtection
    private let keyring = Keyring()
    private let authority = Authority()
    private let lanes: SigningLanes
    private let keys: KeyService
    private let access: AccessService
    /// Nil where `http.key_manager_api.enabled` is false.
    private let keyManager: KeyManager?
    private let disabled: DisabledKeys
    private let audit: AuditService
    private let traces: TraceService
    /// Nil where the signing port speaks plain HTTP.
    private let tls: TLSService?
    private let observer: SigningObserver
    private let signer: Signer
    /// Nil where no keys are sealed.
    private let chamber: ChamberService?
    private let chamberKeys: ChamberKeyRoutes?
    private let isDraining = Lock(false)

    init(_ configuration: Configuration, hardening: HardeningReport) async throws(Failure) {
        self.configuration = configuration
        network = try Network.selected(by: configuration.network)
        logger = try Logger(configuration.logging)
        metrics = Telemetry.Metrics(version: Program.version)
        metrics.observe(logger)
        logger.info(.chamber, "containment-chamber \(Program.version)", ["network": .text(network.name)])
        if hardening.holds {
            logger.info(.chamber, "hardening: \(hardening.line)")
        } else {
            logger.warn(.chamber, "hardening: \(hardening.line)")
        }
        if configuration.antiSlashing.backend == .noop {
            logger.error(
                .protection,
                "NO SLASHING PROTECTION: anti_slashing.backend is noop, slashable messages WILL be signed; never use this with keys that hold a stake"
            )
        }
        audit = try await AuditService(configuration.audit, logger: logger, metrics: metrics)
        traces = TraceService(configuration.tracing, version: Program.version, logger: logger, metrics: metrics)
        tls = try TLSService.open(configuration, audit, logger, metrics)
        record = try await OpenedRecord(configuration, network, for: .signing)
        protection = SlashingProtection(store: record.store)
        disabled = DisabledKeys(keyring, authority, protection, logger)
        access = try await AccessService(
            configuration,
            authority: authority,
            audit: audit,
            logger: logger,
            metrics: metrics
        )
        lanes = SigningLanes(limit: configuration.server.maxInFlight)
        let arena = SecretArena()
        keys = KeyService(
            configuration.keySources.filesystem,
            isStrict: configuration.server.isStrict,
            arena: arena,
            keyring: keyring,
            authority: authority,
            protection: protection,
            audit: audit,
            logger: logger,
            metrics: metrics
        )
        if let source = try await OpenedKeySource.open(configuration) {
            chamber = ChamberService(
                configuration,
                source: source,
                access: access,
                arena: arena,
                keyring: keyring,
                authority: authority,
                protection: protection,
                audit: audit,
                logger: logger,
                metrics: metrics
            )
        } else {
            chamber = nil
        }
        let opener = KeystoreOpener(arena: arena, settings: KeyLoader.Settings(configuration.keySources.filesystem))
        let keysChanged: @Sendable () async -> Void = { [keyring, metrics, disabled] in
            metrics.count(keyring)
            try? await disabled.refresh()
        }
        let clock = try ClockGuard(configuration.antiSlashing, network)
        chamberKeys = try chamber?.keyRoutes(
            configuration,
            parts: .init(
                keyring: keyring,
                authority: authority,
                protection: protection,
                opener: opener,
                genesisValidatorsRoot: network.genesisValidatorsRoot ?? .zero,
                clock: clock,
                arena: arena,
                keysChanged: keysChanged
            ),
            audit: audit
        )
        keyManager =
            configuration.keyManagerAPI.isEnabled
            ? KeyManager(
                keyring: keyring,
                authority: authority,
                protection: protection,
                opener: opener,
                genesisValidatorsRoot: network.genesisValidatorsRoot ?? .zero,
                clock: clock,
                keysChanged: keysChanged
            ) : nil
        let canaries = Set(configuration.canaries.keys.map { KeyIdentifier.bls(PublicKey($0)) })
        observer = SigningObserver(
            audit: audit,
            traces: traces,
            logger: logger,
            metrics: metrics,
            compatibility: SignerAPI.Compatibility(configuration.compatibility),
            canaries: canaries
        )
        signer = Signer(
            network: network,
            genesisValidatorsRoot: network.genesisValidatorsRoot ?? .zero,
            keyring: keyring,
            protection: protection,
            authority: authority,
            lanes: lanes,
            blocked: configuration.canaries.blocks ? canaries : [],
            seal: { [chamber] in chamber?.seal },
            witness: observer
        )
        metrics.registry.collect { [metrics, lanes, points = signer.points] in
            metrics.concurrencyLimit.set(lanes.limit)
            metrics.semaphoreAvailable.set(lanes.available)
            metrics.messagePointHits.raise(to: points.counts.hits)
            metrics.messagePointMisses.raise(to: points.counts.misses)
        }
        let lockedKeys = arena.protection
        let line = "keys lie in \(lockedKeys.rawValue) memory"
        if lockedKeys == .unlocked, configuration.server.isStrict {
            throw Failure(
                "server.strict is true, and \(line)",
                hint: "raise the limit on locked memory: LimitMEMLOCK=infinity in the unit"
            )
        }
        if lockedKeys == .unlocked { logger.warn(.chamber, line) } else { logger.info(.chamber, line) }
    }

    /// Runs until a signal ends it.
    func run(signals: AsyncStream<Signals.Signal>) async throws(Failure) {
        let stop = FirstOf<Void>()
        let listening = Task { await listen(to: signals, stop) }
        defer { listening.cancel() }
        do throws(Failure) {
            try await record.start()
            // Before the keys: an alarm is told at once, however long they take.
            let floor = FloorWatch(record.floored, audit, logger, metrics).start()
            defer { floor.cancel() }
            try await access.start()
            await audit.start(access.anchors)
            // Opens while the files are read: what it waits for is far away.
            try await chamber?.start()
            if try await loadKeys(unless: stop) { try await serve(until: stop) }
        } catch {
            await close()
            throw error
        }
        await close()
    }

    private func listen(to signals: AsyncStream<Signals.Signal>, _ stop: FirstOf<Void>) async {
        for await signal in signals {
            guard signal == .hangUp else { return stop.offer(()) }
            do throws(AuditUnavailable) {
                var event = AuditEvent(.administration("reload", subject: "keys"), .begun)
                event.caller = "SIGHUP"
                try await audit.record(event)
            } catch {
                logger.error(.keys, "SIGHUP: nothing is reloaded: \(error)")
                continue
            }
            await tls?.reload()
            if !keys.begin() { logger.warn(.keys, "SIGHUP: the keys are being loaded already") }
        }
    }

    /// Loads the keys; false where a signal came first. Opening thousands of keystores takes minutes and cannot be cut
    /// short: what is left of it ends with the process.
    private func loadKeys(unless stop: FirstOf<Void>) async throws(Failure) -> Bool {
        let first = FirstOf<Result<Bool, Failure>>()
        Task { [keys] in
            do throws(Failure) {
                try await keys.start()
                first.offer(.success(true))
            } catch {
                first.offer(.failure(error))
            }
        }
        Task {
            await stop.value
            first.offer(.success(false))
        }
        let isLoaded = try await first.value.get()
        if !isLoaded { logger.info(.chamber, "stopping: the keys were still being loaded") }
        return isLoaded
    }

    private func serve(until stop: FirstOf<Void>) async throws(Failure) {
        // Before the first request; where it cannot be read now, the watch goes on trying.
        try? await disabled.refresh()
        let ports = ServerPorts(
            configuration,
            routes: routes(),
            access: access,
            chamber: chamber?.chamber,
            audit: audit,
            tls: tls,
            lanes: lanes,
            logger: logger
        )
        try ports.open()
        do throws(Failure) {
            try restrictSystemCalls()
            try ports.start()
        } catch {
            await ports.stop(drain: .zero)
            throw error
        }
        let following = Task { await access.watch() }
        defer { following.cancel() }
        let opening = Task { await chamber?.watch() }
        defer { opening.cancel() }
        let exchanging = Task { await tls?.watch() }
        defer { exchanging.cancel() }
        let disabling = Task { await disabled.watch() }
        defer { disabling.cancel() }
        let auditing = Task { await audit.watch() }
        defer { auditing.cancel() }
        let failures = Task { await access.tellFailures() }
        defer { failures.cancel() }
        let unread = Task { await tellUnread() }
        defer { unread.cancel() }
        let pruning = Task { await PruningSchedule(configuration.antiSlashing, protection, logger).run() }
        defer { pruning.cancel() }
        let health = Task { await watchHealth() }
        defer { health.cancel() }
        let figures = Task { await refreshFigures() }
        defer { figures.cancel() }
        await stop.value
        logger.info(
            .chamber,
            "stopping: requests under way may finish",
            ["seconds": .integer(Int(configuration.server.drain.components.seconds))]
        )
        isDraining.withLock { $0 = true }
        await ports.stop(drain: configuration.server.drain)
    }

    private func tellUnread() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { observer.tellUnread() }
    }

    /// After this no port can be opened any more.
    private func restrictSystemCalls() throws(Failure) {
        guard let state = try Sandbox.restrictSystemCalls(configuration) else { return }
        var report = HardeningReport()
        report.add(Sandbox.systemCalls, state)
        if state.holds {
            logger.info(.chamber, "hardening: \(report.line)")
        } else {
            logger.warn(.chamber, "hardening: \(report.line)")
        }
    }

    private func close() async {
        await chamber?.close()
        await protection.close()
        // After the last attempt, and before the state in which its head is anchored.
        access.gate.tellDue(all: true)
        observer.tellUnread()
        await audit.close()
        await access.close()
        await Blocking.run(name: "closing") { [lanes, logger, traces] in
            lanes.stop()
            traces.stop()
            logger.info(.chamber, "stopped")
            logger.stop()
        }
    }

    /// Looks up what is not counted as it happens (`metrics.refresh_interval_seconds`).
    private func refreshFigures() async {
        let path = configuration.antiSlashing.path
        repeat {
            let sizes = [path, path + "-wal"].map { file in
                let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
                return size ?? 0
            }
            metrics.recordBytes.set(sizes.reduce(0, +))
        } while (try? await Task.sleep(for: configuration.metrics.refreshInterval)) != nil
    }

    /// Says it once when signing becomes impossible, and once when it is possible again.
    private func watchHealth() async {
        var last: StoreHealth = .ready
        while !Task.isCancelled {
            let health = signerHealth()
            metrics.healthy.set(health.isUp)
            if let now = health.protection, now != last {
                last = now
                if let reason = now.reason {
                    logger.error(.protection, "nothing slashable is signed: \(reason)")
                } else {
                    logger.info(.protection, "the slashing record can be written again, signing goes on")
                }
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    private func signerHealth() -> SignerHealth {
        SignerHealth(
            keysLoaded: keyring.count,
            keyErrors: keys.failures,
            strictKeys: configuration.health.hasStrictKeys,
            protection: configuration.antiSlashing.backend == .noop ? nil : protection.health,
            audit: audit.health,
            chamber: chamber.map { ChamberHealth(seal: $0.seal, faults: $0.keys.faults.count) },
            access: access.health,
            isDraining: isDraining.withLock { $0 }
        )
    }

    private func routes() -> SignerServices {
        SignerServices(
            signer: signer,
            reader: SignRequestReader(network: network),
            compatibility: SignerAPI.Compatibility(configuration.compatibility),
            reloading: keys,
            health: { [self] in signerHealth() },
            metrics: { [metrics] in metrics.registry.exposition() },
            hasRecord: configuration.antiSlashing.backend != .noop,
            enablingChanged: { [disabled] in await disabled.follow($0) },
            keyManager: keyManager.map { [audit] in
                KeyManagerRoutes($0, .init(configuration.keyManagerAPI), audit: audit)
            },
            chamber: (chamber.map { [audit, access] in
                ChamberRoutes($0.chamber, audit: audit, mayUnseal: { await access.mayUnseal($0, under: $1) }).routes
            } ?? [])
                + (chamberKeys?.routes ?? []),
            audit: audit
        )
    }
}

extension Logger {
    fileprivate convenience init(_ settings: Configuration.Logging) throws(Failure) {
        let filter: LogFilter
        do throws(LogFilter.Failure) { filter = try LogFilter(parsing: settings.filter) } catch {
            throw Failure("logging.filter: \(error)", exitCode: .usage)
        }
        self.init(filter: filter, format: settings.format == .json ? .json : .text)
    }
}

extension KeyManagerRoutes.Limits {
    fileprivate init(_ settings: Configuration.KeyManagerAPI) {
        self.init()
        reads = settings.maxConcurrentReads
        writes = settings.maxConcurrentWrites
        timeout = settings.requestTimeout
        items = settings.maxItemsPerRequest
    }
}

extension SignerAPI.Compatibility {
    init(_ settings: Configuration.Compatibility) {
        self.init()
        signingRootMismatchStatus = settings.signingRootMismatch.rawValue
        wrongNetworkStatus = settings.wrongNetwork.rawValue
    }
}
