// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Consensus
internal import Encoding
internal import Signer
internal import SignerAPI
internal import Telemetry

/// Turns the end of an attempt into its audit line and its counts: the one place where both are made.
struct SigningObserver: SigningWitness {
    private let audit: AuditService
    private let traces: TraceService
    private let logger: Logger
    private let metrics: Telemetry.Metrics
    private let compatibility: SignerAPI.Compatibility
    private let canaries: Set<KeyIdentifier>
    /// Series that nearly every attempt counts in, looked up once: a lookup by label makes and hashes texts.
    private let signed: [OperationType: Counter]
    private let unread: Counter
    private let unreadRefusals: Counter
    /// Refused unread since that was last told.
    private let untold = Lock<UInt64>(0)
    private let blockProtection: Summary
    private let attestationProtection: Summary

    init(
        audit: AuditService,
        traces: TraceService,
        logger: Logger,
        metrics: Telemetry.Metrics,
        compatibility: SignerAPI.Compatibility,
        canaries: Set<KeyIdentifier>
    ) {
        self.audit = audit
        self.traces = traces
        self.logger = logger
        self.metrics = metrics
        self.compatibility = compatibility
        self.canaries = canaries
        unread = metrics.signingRequests["503", "UNREAD"]
        unreadRefusals = metrics.refusals[SigningOutcome.overloaded.code]
        blockProtection = metrics.protectionDuration["block"]
        attestationProtection = metrics.protectionDuration["attestation"]
        signed = Dictionary(
            uniqueKeysWithValues: OperationType.allCases.map { ($0, metrics.signingRequests["200", $0.name]) }
        )
    }

    var hindrance: String? { audit.refuses ? audit.hindrance?.description : nil }

    /// First the line, so that nobody learns of an outcome that left none.
    func witness(_ attempt: SigningAttempt) async -> SigningOutcome {
        var told = attempt
        let operation = attempt.request?.request.operation.name ?? "UNREADABLE"
        let isCanary = attempt.key.map(canaries.contains) ?? false
        var event = event(told, operation: operation, isCanary: isCanary)
        let outcomeKnown = told.began &+ told.nanoseconds
        do throws(AuditUnavailable) { try await audit.keep(event) } catch {
            if audit.refuses {
                told.outcome = .auditUnavailable(reason: "\(error)")
                event = self.event(told, operation: operation, isCanary: isCanary)
            }
        }
        count(told, operation: operation, nanoseconds: told.nanoseconds)
        logger.audit(event)
        traces.record(told, operation: operation, status: told.outcome.status(compatibility), auditBegan: outcomeKnown)
        return told.outcome
    }

    func refusedUnread() {
        unread.increment()
        unreadRefusals.increment()
        untold.withLock { $0 += 1 }
    }

    /// One line for all that was refused unread since the last one: a flood must not become one of lines.
    func tellUnread() {
        let count = untold.withLock { untold in
            defer { untold = 0 }
            return untold
        }
        guard count > 0 else { return }
        let outcome = SigningOutcome.overloaded
        let detail = "\(count) requests were not read: \(outcome.reason ?? "")"
        audit.post(AuditEvent(.signing(operation: "UNREAD"), .refused(code: outcome.code, detail: detail)))
    }

    private func count(_ attempt: SigningAttempt, operation: String, nanoseconds: UInt64) {
        if case .signed = attempt.outcome, let counter = (attempt.request?.request.operation).flatMap({ signed[$0] }) {
            counter.increment()
        } else {
            metrics.signingRequests["\(attempt.outcome.status(compatibility))", operation].increment()
        }
        metrics.signingDuration.observe(nanoseconds: nanoseconds)
        if let waited = attempt.protectionNanoseconds {
            let isBlock = if case .block? = attempt.request?.request.duty { true } else { false }
            (isBlock ? blockProtection : attestationProtection).observe(nanoseconds: waited)
        }
        switch attempt.outcome {
        case .signed:
            metrics.blsSigningDuration.observe(nanoseconds: nanoseconds)
            metrics.permittedSignings.increment()
            return
        case .slashable:
            metrics.slashingRejections.increment()
            metrics.preventedSignings.increment()
        case .malformed, .rootMismatch: metrics.blsMalformedRequests.increment()
        case .unknownKey: metrics.blsMissingIdentifier.increment()
        case .notAllowed: metrics.authRejections.increment()
        case .canary, .sealed, .otherNetwork, .protectionUnavailable, .auditUnavailable, .overloaded, .withdrawn,
            .abandoned:
            break
        }
        metrics.refusals[attempt.outcome.code].increment()
    }

    private func event(
        _ attempt: SigningAttempt,
        operation: String,
        isCanary: Bool
    ) -> AuditEvent {
        let outcome: AuditEvent.Outcome =
            switch attempt.outcome {
            case .signed: .done
            case .protectionUnavailable, .auditUnavailable:
                .failed(code: attempt.outcome.code, detail: attempt.outcome.reason)
            default: .refused(code: attempt.outcome.code, detail: attempt.outcome.reason)
            }
        var event = AuditEvent(.signing(operation: operation), outcome)
        if case .bls(let key)? = attempt.key { event.key = key.bytes }
        event.caller = attempt.caller.kind
        if attempt.caller != .local { event.peer = attempt.caller.description }
        event.signingRoot = attempt.request?.signingRoot.bytes
        switch attempt.request?.request.duty {
        case .block(let slot)?: event.slot = slot.value
        case .attestation(let source, let target)?:
            event.sourceEpoch = source.value
            event.targetEpoch = target.value
        case .unslashable?, nil: break
        }
        event.nanoseconds = attempt.nanoseconds
        event.isCanary = isCanary
        return event
    }
}
