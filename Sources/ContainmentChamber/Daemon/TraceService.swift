// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Configuration
internal import HTTPClient
internal import Signer
internal import SignerAPI
internal import Telemetry

/// Traces of signing requests, where a collector is configured.
struct TraceService: Sendable {
    private let tracer: Tracer?

    init(_ settings: Configuration.Tracing, version: String, logger: Logger, metrics: Telemetry.Metrics) {
        guard let url = settings.url else {
            tracer = nil
            return
        }
        let client = HTTPClient(connectTimeout: .seconds(2), timeout: .seconds(3), largestAnswer: 1 << 20)
        let wasThere = Lock(true)
        let tracer = Tracer(Tracer.Settings(sampleRatio: settings.sampleRatio, version: version)) { body in
            let problem: String?
            do throws(HTTPClient.Failure) {
                let answer = try client.send("POST", url, headers: ["Content-Type: application/json"], body: body)
                problem = (200..<300).contains(answer.status) ? nil : "it answered \(answer.status)"
            } catch { problem = "\(error)" }
            let hasChanged = wasThere.withLock { wasThere in
                defer { wasThere = problem == nil }
                return wasThere != (problem == nil)
            }
            if hasChanged, let problem { logger.warn(.chamber, "traces are dropped: the collector \(url): \(problem)") }
            if hasChanged, problem == nil { logger.info(.chamber, "traces are sent again") }
            return problem == nil
        }
        self.tracer = tracer
        metrics.registry.collect { [metrics, weak tracer] in
            guard let counts = tracer?.counts else { return }
            metrics.tracedRequests["sent"].raise(to: counts.sent)
            metrics.tracedRequests["dropped"].raise(to: counts.dropped)
        }
    }

    /// - Parameter auditBegan: when the outcome was known, and its audit line began to be written.
    func record(_ attempt: SigningAttempt, operation: String, status: Int, auditBegan: UInt64) {
        guard let tracer, tracer.samples(attempt.stages.trace) else { return }
        tracer.record(
            TracedRequest(attempt, operation: operation, status: status, auditBegan: auditBegan)
        )
    }

    /// Sends what waits, once. Blocks.
    func stop() { tracer?.stop() }
}

extension TracedRequest {
    fileprivate init(_ attempt: SigningAttempt, operation: String, status: Int, auditBegan: UInt64) {
        let now = MonotonicClock.nanoseconds
        let stages: [(String, Range<UInt64>?)] = [
            ("read", attempt.stages.read), ("record", attempt.stages.record), ("sign", attempt.stages.sign),
            ("audit", auditBegan..<max(auditBegan, now)),
        ]
        let isFailure = status >= 500
        self.init(
            parent: attempt.stages.trace,
            whole: TraceSpan("sign_request", began: attempt.began, ended: now),
            parts: stages.compactMap { name, range in
                range.map { TraceSpan(name, began: $0.lowerBound, ended: $0.upperBound) }
            },
            attributes: [
                ("http.request.method", "POST"), ("http.route", "/api/v1/eth2/sign/:identifier"),
                ("http.response.status_code", "\(status)"), ("chamber.operation", operation),
                ("chamber.outcome", attempt.outcome.code),
            ],
            failure: isFailure ? attempt.outcome.reason : nil
        )
    }
}
