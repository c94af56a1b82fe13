// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Configuration
internal import Foundation
internal import Keystores
internal import Secrets
internal import Signer
internal import SignerAPI
internal import SlashingProtection
internal import Telemetry

/// Loads the keys of the configured sources, at the start and again on request, and puts them on the ring in one step.
final class KeyService: KeyReloading {
    private struct State {
        var loaded: LoadedKeys?
        var status = ReloadStatus()
        /// The first loading is under way or has failed: nothing can be loaded again.
        var isStarting = true
    }
    private let loader: KeyLoader
    private let keyring: Keyring
    private let authority: Authority
    private let protection: SlashingProtection
    private let audit: any AuditTrail
    private let logger: Logger
    private let metrics: Telemetry.Metrics
    private let state = Lock(State())

    /// Web3Signer's clients look for `running` several times after they have asked for a reload (web3signer.md §2.4); a
    /// reload that is over sooner is still told as running for this long.
    private static let shortestReload = Duration.milliseconds(500)

    init(
        _ settings: Configuration.Filesystem,
        isStrict: Bool,
        arena: SecretArena,
        keyring: Keyring,
        authority: Authority,
        protection: SlashingProtection,
        audit: any AuditTrail,
        logger: Logger,
        metrics: Telemetry.Metrics
    ) {
        self.audit = audit
        self.keyring = keyring
        self.authority = authority
        self.protection = protection
        self.logger = logger
        self.metrics = metrics
        loader = KeyLoader(
            sources: KeySource.all(settings),
            arena: arena,
            settings: KeyLoader.Settings(settings, isStrict: isStrict || settings.isStrict),
            onProgress: { progress in logger.info(.keys, "loading keys: \(progress)") }
        )
    }

    var failures: Int { state.withLock { $0.loaded?.failures.count ?? 0 } }

    // MARK: The first loading

    /// Loads everything before the first request is taken.
    func start() async throws(Failure) {
        do throws(KeyLoadError) {
            try await load()
            state.withLock { $0.isStarting = false }
        } catch {
            throw Failure(
                "\(error)",
                hint: "mend or remove the files, or set key_sources.filesystem.strict: false to skip them"
            )
        }
    }

    private func load() async throws(KeyLoadError) {
        let began = MonotonicClock.nanoseconds
        let previous = state.withLock { $0.loaded }
        let loaded = if let previous { try await loader.reload(previous: previous) } else { try await loader.load() }
        let wanted = loaded.keys.map { SigningKey($0) }
        let change = keyring.change(to: wanted, of: KeySourceName.filesystem)
        await register(change.added)
        keyring.apply(change)
        // What was taken away must not sign once this is done.
        if !change.removed.isEmpty { await authority.raise() }
        state.withLock { $0.loaded = loaded }
        report(loaded, change, seconds: Double(MonotonicClock.nanoseconds - began) / 1e9)
    }

    /// Gives new keys their row in the record before they can sign (web3signer.md §5.4). Where that fails, their first
    /// message makes it, with the marks that were raised for all.
    private func register(_ keys: [SigningKey]) async {
        guard !keys.isEmpty else { return }
        do throws(StoreError) {
            _ = try await protection.administer(.register(keys.map(\.record)))
        } catch .unsupported {
        } catch {
            logger.error(.protection, "new keys were not registered in the slashing record: \(error)")
        }
    }

    private func report(_ loaded: LoadedKeys, _ change: KeyChange, seconds: Double) {
        for failure in loaded.failures { logger.error(.keys, "a key was not loaded: \(failure)") }
        for warning in loaded.warnings { logger.warn(.keys, "\(warning)") }
        logger.info(
            .keys,
            "keys are loaded",
            [
                "keys": .integer(keyring.count), "added": .integer(change.added.count),
                "removed": .integer(change.removed.count), "failures": .integer(loaded.failures.count),
                "seconds": .number((seconds * 1000).rounded() / 1000),
            ]
        )
        if keyring.count == 0 { logger.warn(.keys, "no key is loaded: there is nothing to sign with") }
        metrics.count(keyring)
        metrics.keyLoadingDuration.set(seconds)
        metrics.keyLoadFailures.increment(by: UInt64(loaded.failures.count))
    }

    // MARK: Reloading

    var status: ReloadStatus { state.withLock { $0.status } }

    func begin() -> Bool {
        let accepted = state.withLock { state in
            guard !state.isStarting, state.status.state != .running else { return false }
            state.status = ReloadStatus(state: .running, lastOperationTime: Date().timeIntervalSince1970)
            return true
        }
        guard accepted else { return false }
        Task { await reload() }
        return true
    }

    /// The audit line of the end; whoever asked has its answer already.
    private func tell(_ failure: String?) async {
        let keys = "keys: \(keyring.count) loaded"
        let outcome: AuditEvent.Outcome = failure.map { .failed(code: "reload_failed", detail: $0) } ?? .done
        do throws(AuditUnavailable) {
            try await audit.record(AuditEvent(.administration("reload", subject: keys), outcome))
        } catch {
            logger.error(.keys, "the keys were reloaded, and the audit line that says so is missing: \(error)")
        }
    }

    private func reload() async {
        let began = MonotonicClock.nanoseconds
        let ended: (ReloadStatus.State, String?)
        do throws(KeyLoadError) {
            try await load()
            let errors = failures
            ended =
                errors == 0
                ? (.completed, nil)
                : (.completedWithErrors, "Reload completed with \(errors) signer loading error(s)")
        } catch {
            logger.error(.keys, "the keys were not reloaded: \(error)")
            ended = (.failed, "\(error)")
        }
        await tell(ended.1)
        let rest = Self.shortestReload - .nanoseconds(Int64(MonotonicClock.nanoseconds - began))
        if rest > .zero { try? await Task.sleep(for: rest) }
        state.withLock { state in
            state.status.state = ended.0
            state.status.lastError = ended.1
        }
    }
}

extension Telemetry.Metrics {
    /// How many keys are loaded, by source.
    func count(_ keyring: Keyring) {
        let counts = keyring.countsBySource
        for source in KeySourceName.all { keysActive[source].set(counts[source] ?? 0) }
        signersLoaded.set(keyring.count)
    }
}

extension SigningKey {
    fileprivate convenience init(_ loaded: LoadedKey) {
        self.init(
            loaded.key,
            origin: KeyOrigin(
                source: KeySourceName.filesystem,
                location: loaded.provenance.path,
                derivationPath: loaded.derivationPath
            ),
            name: loaded.name
        )
    }
}

extension KeySource {
    static func all(_ settings: Configuration.Filesystem) -> [KeySource] {
        var sources = settings.paths.map { KeySource.descriptors(directory: $0) }
        if let folder = settings.keystores {
            let passwords: KeystorePasswords =
                switch folder.passwords {
                case .folder(let path): .directory(path)
                case .file(let path): .file(path)
                }
            sources.append(.keystores(directory: folder.path, passwords: passwords))
        }
        return sources
    }
}

extension KeyLoader.Settings {
    init(_ settings: Configuration.Filesystem, isStrict: Bool = false) {
        self.init()
        self.isStrict = isStrict
        memoryBudget = min(memoryBudget, settings.memoryLimitMiB << 20)
        threads = min(threads, max(settings.keystoreLoadConcurrency, settings.rawLoadConcurrency))
    }
}
