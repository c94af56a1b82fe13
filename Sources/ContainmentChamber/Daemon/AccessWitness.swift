// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import SignerAPI
internal import Telemetry

/// Tells of rows of policies and tokens that are refused: in the log, the audit file and the metrics, once each.
struct AccessWitness: Sendable {
    private let audit: any AuditTrail
    private let logger: Logger
    private let metrics: Telemetry.Metrics

    init(_ audit: any AuditTrail, _ logger: Logger, _ metrics: Telemetry.Metrics) {
        self.audit = audit
        self.logger = logger
        self.metrics = metrics
    }

    func tell(_ notice: AccessNotice) {
        switch notice {
        case .refused(let row):
            metrics.accessRowFaults[row.fault.rawValue].increment()
            post(row.name.shown, from: "believed", to: row.fault.rawValue)
            logger.error(
                .auth,
                "A ROW OF POLICIES AND TOKENS IS REFUSED, the \(row.name.shown): \(row.fault); make it anew, or delete it",
                ["row": .text(row.name.shown), "fault": .text(row.fault.rawValue)]
            )
        case .distrusted(let fault):
            metrics.accessRowFaults[fault.fault.rawValue].increment()
            post("access CATALOGUE", from: "believed", to: fault.fault.rawValue)
            logger.error(
                .auth,
                "THE CATALOGUE OF POLICIES AND TOKENS IS REFUSED: \(fault.reason); \(CatalogueFault.remedy)",
                ["row": "access CATALOGUE", "fault": .text(fault.fault.rawValue)]
            )
        case .trusted:
            post("access CATALOGUE", from: "refused", to: "believed")
            logger.warn(.auth, "the catalogue of policies and tokens is believed again")
        case .adopted(let count):
            logger.info(
                .auth,
                "policies and tokens are tagged under the master key from now on",
                ["rows": .integer(count)]
            )
        case .forgotten(let reason):
            logger.error(.auth, "how far the signer state was seen cannot be remembered: \(reason)")
        }
    }

    private func post(_ row: String, from: String, to: String) {
        audit.post(AuditEvent(.transition(of: row, from: from, to: to), .done))
    }
}
