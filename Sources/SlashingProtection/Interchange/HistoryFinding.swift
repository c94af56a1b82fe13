// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus

/// What is wrong with a history, or missing from one: for `anti-slashing verify` and `anti-slashing copy`.
package struct HistoryFinding: Sendable, Codable, Equatable, CustomStringConvertible {
    package enum Severity: String, Sendable, Codable {
        /// It is wrong: something could be signed that must not be, or was.
        case error
        /// It may be wrong; there is a harmless reason for it too, which the text names.
        case warning
    }

    /// Nil where it is about the whole.
    package let publicKey: String?
    package let severity: Severity
    package let problem: String

    package init(publicKey: String?, _ severity: Severity = .error, problem: String) {
        self.publicKey = publicKey
        self.severity = severity
        self.problem = problem
    }

    package var description: String {
        (severity == .warning ? "warning  " : "") + (publicKey.map { "\($0)  \(problem)" } ?? problem)
    }
}

/// What `anti-slashing verify` saw in a part of a record.
package struct VerificationReport: Sendable, Codable {
    package var validators = 0
    package var blocks = 0
    package var attestations = 0
    /// Entries below the low watermark of their validator: refused with them or without them. They lie there after the
    /// watermarks were raised, until the next pruning.
    package var belowWatermark = 0
    package var findings: [HistoryFinding] = []
    package init() {}

    package mutating func append(_ next: VerificationReport) {
        validators += next.validators
        blocks += next.blocks
        attestations += next.attestations
        belowWatermark += next.belowWatermark
        findings += next.findings
    }

    /// Adds what there is to say of one validator.
    mutating func append(_ stored: StoredHistory, highWatermark: HighWatermark?) {
        validators += 1
        blocks += stored.entries.blocks.count
        attestations += stored.entries.attestations.count
        belowWatermark += stored.belowWatermark
        findings += stored.findings(highWatermark)
    }

    package var errors: Int { findings.count { $0.severity == .error } }
}

/// The same finding at many places is told for the first few.
func firstFew(_ problems: [String], most: Int = 10) -> [String] {
    guard problems.count > most else { return problems }
    return problems.prefix(most) + ["\(problems.count - most) more like this: \(problems[most]) and so on"]
}
