// SPDX-License-Identifier: Apache-2.0

/// The first place where a chain does not hold.
package struct AuditFinding: Hashable, Sendable, Encodable {
    package enum Kind: String, Hashable, Sendable, Encodable {
        /// A byte of the line is another than when it was written.
        case changed
        /// Lines were taken out.
        case missing
        /// A line was put in.
        case inserted
        /// Lines stand in another order.
        case reordered
        /// The end is missing: the anchored head lies behind it.
        case truncated
        /// The anchored line is another than the one that stands there: the end was made anew.
        case rewritten
        /// The whole file is another than the one that was anchored.
        case replaced
        /// The signer itself found at a start that lines were missing.
        case gap
        /// The anchor was edited.
        case anchor
    }

    package let kind: Kind
    package let file: String
    /// From 1; the last line where the end is missing.
    package let line: Int
    /// The number of the line that should stand there.
    package let sequence: UInt64
    package let reason: String
}

/// What a look through a trail came to.
package struct AuditReport: Sendable, Encodable {
    package enum Status: String, Sendable, Encodable {
        /// Every line is as it was written, up to the anchored head and beyond.
        case intact
        /// The chain holds, but nothing says that its end is not missing.
        case unproven
        case broken
    }

    package var files: [String] = []
    package var lines = 0
    package var firstSequence: UInt64 = 0
    package var lastSequence: UInt64 = 0
    package var chain: String?
    package var anchoredSequence: UInt64?
    /// Why the end is not proven.
    package var unproven: String?
    package var findings: [AuditFinding] = []
    /// What the lines themselves tell of crashes and of lines that could not be written.
    package var notes: [String] = []

    package init() {}

    package var status: Status { !findings.isEmpty ? .broken : unproven != nil ? .unproven : .intact }

    private enum CodingKeys: String, CodingKey {
        case status, files, lines, chain, unproven, findings, notes
        case firstSequence = "first_sequence"
        case lastSequence = "last_sequence"
        case anchoredSequence = "anchored_sequence"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(status, forKey: .status)
        try container.encode(files, forKey: .files)
        try container.encode(lines, forKey: .lines)
        try container.encode(firstSequence, forKey: .firstSequence)
        try container.encode(lastSequence, forKey: .lastSequence)
        try container.encodeIfPresent(chain, forKey: .chain)
        try container.encodeIfPresent(anchoredSequence, forKey: .anchoredSequence)
        try container.encodeIfPresent(unproven, forKey: .unproven)
        try container.encode(findings, forKey: .findings)
        try container.encode(notes, forKey: .notes)
    }
}
