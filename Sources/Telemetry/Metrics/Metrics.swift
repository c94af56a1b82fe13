// SPDX-License-Identifier: Apache-2.0

/// The metrics of the chamber, one row each: name, what it means, labels. The names are part of the product.
/// `containment_*` are those of the original Containment Chamber; the others are Web3Signer's, for the dashboards that
/// people have.
package struct Metrics: Sendable {
    package let registry: MetricRegistry

    // MARK: Signing
    package let signingRequests: Family<Counter>
    package let signingDuration: Histogram
    package let refusals: Family<Counter>
    package let slashingRejections: Counter
    package let canarySignings: Counter
    package let authRejections: Counter
    package let concurrencyLimit: Gauge
    package let semaphoreAvailable: Gauge
    package let messagePointHits: Counter
    package let messagePointMisses: Counter

    // MARK: Keys and state
    package let healthy: Gauge
    package let keysActive: Family<Gauge>
    package let keyLoadingDuration: Gauge
    package let keyLoadFailures: Counter
    package let recordBytes: Gauge
    package let signerStateReachable: Gauge
    package let signerState: Family<Gauge>
    package let custodyFailures: Counter
    package let sealedKeyFaults: Family<Counter>
    package let accessRowFaults: Family<Counter>
    package let timeTravelAlarm: Gauge
    package let logLinesLost: Family<Counter>
    package let tracedRequests: Family<Counter>
    package let auditLines: Counter
    package let auditFailures: Counter
    package let auditWritable: Gauge
    package let auditAnchorAge: Gauge

    // MARK: Web3Signer's
    package let blsSigningDuration: Summary
    package let blsMissingIdentifier: Counter
    package let blsMalformedRequests: Counter
    package let signersLoaded: Gauge
    package let privateKeyRetrieval: Family<Summary>
    package let permittedSignings: Counter
    package let preventedSignings: Counter
    package let protectionDuration: Family<Summary>

    /// From a quarter of a millisecond to the longest a validator waits.
    private static let durations = [
        0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// `version` is that of the program, for `process_release`.
    package init(version: String, registry: MetricRegistry = MetricRegistry()) {
        self.registry = registry
        let r = registry
        signingRequests = r.counter(
            "containment_signing_requests_total",
            "Signing requests by HTTP status and request type.",
            labels: ["status", "operation"]
        )
        signingDuration =
            r.histogram(
                "containment_signing_duration_seconds",
                "Time from a complete request to its answer.",
                bounds: Self.durations
            )[]
        refusals = r.counter(
            "containment_refusals_total",
            "Requests that were refused, by the code of the answer.",
            labels: ["code"]
        )
        slashingRejections =
            r.counter(
                "containment_slashing_rejections_total",
                "Messages that slashing protection refused to have signed."
            )[]
        canarySignings =
            r.counter(
                "containment_canary_signing_total",
                "Signing attempts that named a canary key."
            )[]
        authRejections =
            r.counter(
                "containment_auth_rejections_total",
                "Requests refused for their token, scope, key or Host."
            )[]
        concurrencyLimit =
            r.gauge(
                "containment_signing_concurrency_limit",
                "Signing requests that may be in work at the same time."
            )[]
        semaphoreAvailable =
            r.gauge(
                "containment_signing_semaphore_available",
                "Signing requests that could be admitted now."
            )[]
        messagePointHits =
            r.counter(
                "containment_message_point_cache_hits_total",
                "Signatures whose message was already a curve point."
            )[]
        messagePointMisses =
            r.counter(
                "containment_message_point_cache_misses_total",
                "Messages that were hashed to the curve."
            )[]

        healthy = r.gauge("containment_healthy", "1 while the signer is able to sign, 0 otherwise.")[]
        keysActive = r.gauge("containment_keys_active", "Keys that can sign, by source.", labels: ["source"])
        keyLoadingDuration =
            r.gauge(
                "containment_key_loading_duration_seconds",
                "How long the last loading of keys took."
            )[]
        recordBytes =
            r.gauge(
                "containment_slashing_record_bytes",
                "Bytes of the slashing record on the disk, its log included."
            )[]
        signerStateReachable =
            r.gauge(
                "containment_signer_state_reachable",
                "1 while policies and tokens can be read where they are kept, 0 otherwise."
            )[]
        signerState = r.gauge(
            "containment_signer_state",
            "1 for the state that the chamber is in, 0 for the others; nothing where no keys are sealed.",
            labels: ["state"]
        )
        custodyFailures =
            r.counter(
                "containment_kms_failures_total",
                "Shares of the master key that were not got back from their KMS key."
            )[]
        sealedKeyFaults = r.counter(
            "containment_sealed_key_faults_total",
            "Rows of encrypted keys that were refused, by what was wrong.",
            labels: ["fault"]
        )
        accessRowFaults = r.counter(
            "containment_access_row_faults_total",
            "Rows of policies, tokens and bound certificates that were refused, their catalogue among them, by what was wrong.",
            labels: ["fault"]
        )
        timeTravelAlarm =
            r.gauge(
                "containment_slashing_time_travel_alarm",
                "1 while nothing is signed because the slashing record went back in time, 0 otherwise."
            )[]
        keyLoadFailures =
            r.counter(
                "containment_key_load_failures_total",
                "Key files that could not be loaded, over all loadings."
            )[]
        logLinesLost = r.counter(
            "containment_log_lines_lost_total",
            "Log lines that did not reach the output.",
            labels: ["importance"]
        )

        tracedRequests = r.counter(
            "containment_traced_requests_total",
            "Requests whose traces were sent to the collector, or dropped.",
            labels: ["result"]
        )
        auditLines = r.counter("containment_audit_lines_total", "Lines written into the audit file.")[]
        auditFailures =
            r.counter("containment_audit_failures_total", "Audit lines that could not be written into the file.")[]
        auditWritable =
            r.gauge(
                "containment_audit_writable",
                "1 while the audit file can be written or none is kept, 0 otherwise."
            )[]
        auditAnchorAge =
            r.gauge(
                "containment_audit_anchor_age_seconds",
                "How long the head of the audit file has not been anchored in the signer state; 0 when it is."
            )[]
        auditWritable.set(1)

        blsSigningDuration = r.summary("signing_bls_signing_duration", "Duration of a signing operation.")[]
        blsMissingIdentifier =
            r.counter(
                "signing_bls_missing_identifier_count_total",
                "Signing requests for a key that is not loaded."
            )[]
        blsMalformedRequests =
            r.counter(
                "http_bls_malformed_request_count_total",
                "Signing requests that could not be understood."
            )[]
        signersLoaded = r.gauge("signing_signers_loaded_count", "Keys that are loaded.")[]
        privateKeyRetrieval = r.summary(
            "signing_private_key_retrieval_time",
            "Time to load one key, by kind of source.",
            labels: ["signer"]
        )
        permittedSignings =
            r.counter(
                "eth2_slashingprotection_permitted_signings_total",
                "Signings that slashing protection permitted."
            )[]
        preventedSignings =
            r.counter(
                "eth2_slashingprotection_prevented_signings_total",
                "Signings that slashing protection prevented."
            )[]
        protectionDuration = r.summary(
            "eth2_slashingprotection_database_duration",
            "Time of the slashing protection database.",
            labels: ["signingOperation"]
        )
        r.gauge("process_release", "The version that runs.", labels: ["version"])[version].set(1)
        ProcessMetrics.register(in: r)

        // Series that dashboards look for before anything has happened.
        for operation in ["block", "attestation"] { _ = protectionDuration[operation] }
        for importance in ["ordinary", "important"] { _ = logLinesLost[importance] }
    }

    /// Counts the lines that `logger` lost.
    package func observe(_ logger: Logger) {
        registry.collect { [logLinesLost, weak logger] in
            guard let lost = logger?.lostLines else { return }
            logLinesLost["ordinary"].raise(to: lost.ordinary)
            logLinesLost["important"].raise(to: lost.important)
        }
    }
}
