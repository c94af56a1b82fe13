// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Concurrency
internal import Configuration
internal import Encoding
internal import HTTPServer
internal import Secrets
internal import Telemetry

/// The certificate of the signing port while it runs: read from files, read again when they change, and never replaced by
/// one that cannot serve.
final class TLSService: TLSSource {
    private struct State {
        var identity: TLSIdentity
        /// The files as they were when they were last read, whatever came of it.
        var seen: [FileIdentity?]
        var failures = AccessFailures(burst: 5, rate: 0.2)
    }
    private let files: TLSFiles
    private let interval: Duration
    private let audit: any AuditTrail
    private let logger: Logger
    private let metrics: Telemetry.Metrics
    private let state: Lock<State>

    /// Nil where TLS is not on.
    static func open(
        _ configuration: Configuration,
        _ audit: any AuditTrail,
        _ logger: Logger,
        _ metrics: Telemetry.Metrics
    ) throws(Failure) -> TLSService? {
        guard let files = TLSFiles(configuration) else { return nil }
        return try TLSService(files, configuration.tls.reloadInterval, audit, logger, metrics)
    }

    private init(
        _ files: TLSFiles,
        _ interval: Duration,
        _ audit: any AuditTrail,
        _ logger: Logger,
        _ metrics: Telemetry.Metrics
    ) throws(Failure) {
        self.files = files
        self.interval = interval
        self.audit = audit
        self.logger = logger
        self.metrics = metrics
        let seen = files.stamps
        do throws(TLSFiles.Problem) {
            let loaded = try files.read()
            state = Lock(State(identity: loaded.identity, seen: seen))
            report(loaded)
        } catch {
            throw Failure("\(error)")
        }
    }

    var current: TLSIdentity { state.withLock { $0.identity } }

    // MARK: Exchange

    /// Reads the files again, on a thread of its own: new connections get what they hold now. Where that cannot serve, what
    /// was there before goes on.
    func reload() async {
        await Blocking.run(name: "tls-reload") { [self] in exchange(stamps: files.stamps) }
    }

    /// Looks at the files until its task is cancelled.
    func watch() async {
        guard interval > .zero else { return }
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            await Blocking.run(name: "tls-watch") { [self] in
                let stamps = files.stamps
                if state.withLock({ $0.seen != stamps }) { exchange(stamps: stamps) }
            }
        }
    }

    private func exchange(stamps: [FileIdentity?]) {
        state.withLock { $0.seen = stamps }
        do throws(TLSFiles.Problem) {
            let loaded = try files.read()
            state.withLock { $0.identity = loaded.identity }
            logger.info(.http, "new connections use the TLS files as they are now")
            report(loaded)
        } catch {
            logger.error(.http, "the TLS files were changed and cannot be used, those of before go on: \(error)")
        }
    }

    /// What is not as it should be and yet no reason to stop.
    private func report(_ loaded: TLSFiles.Loaded) {
        if loaded.isKeyOpen {
            logger.warn(
                .http,
                "the TLS key can be read by others: chmod 600 makes it yours alone",
                ["path": .text(files.key)]
            )
        }
        let (now, validity) = (Self.now, loaded.identity.validity)
        if !validity.contains(now) {
            let problem = now < validity.lowerBound ? "is not valid yet" : "has expired"
            logger.error(.http, "the server's certificate \(problem): clients will refuse it")
        } else if validity.upperBound - now < 7 * 86_400 {
            logger.warn(.http, "the server's certificate ends within a week")
        }
    }

    // MARK: Clients

    func refused(_ refusal: CertificateRefusal, from peer: PeerAddress) {
        metrics.authRejections.increment()
        metrics.refusals["certificate_not_accepted"].increment()
        let seconds = Int64(MonotonicClock.nanoseconds / 1_000_000_000)
        let told = state.withLock { $0.failures.fail(from: IPAddress(peer.description), at: seconds).told }
        guard told > 0 else { return }
        let more = told > 1 ? "; \(told) connections from this address since the last such line" : ""
        var event = AuditEvent(
            .access(method: "TLS", path: "handshake"),
            .refused(code: "certificate_not_accepted", detail: "\(refusal)\(more)")
        )
        event.peer = peer.description
        audit.post(event)
    }

    private static var now: Int64 { Int64(WallClock.nanoseconds / 1_000_000_000) }
}
