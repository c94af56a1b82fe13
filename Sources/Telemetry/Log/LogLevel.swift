// SPDX-License-Identifier: Apache-2.0

/// How much a line matters. The order is that of urgency: `error` is the lowest value.
package enum LogLevel: UInt8, Sendable, Comparable, CaseIterable {
    /// Something that should work does not; an operator must look.
    case error = 1
    /// Refused, suspicious or about to become an error.
    case warn
    /// What an operator wants to read on a normal day.
    case info
    /// For finding out why.
    case debug
    /// Everything.
    case trace

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// As it stands in a line: `INFO`.
    package var name: String {
        switch self {
        case .error: "ERROR"
        case .warn: "WARN"
        case .info: "INFO"
        case .debug: "DEBUG"
        case .trace: "TRACE"
        }
    }
}

/// What a line is about: what filters select by and what a log collector routes by.
package enum LogTarget: UInt8, Sendable, CaseIterable {
    /// Start, stop, configuration, everything without a target of its own.
    case chamber
    /// Who asked for what and what came of it. Routed to a sink of its own by operators.
    case audit
    /// Policies and tokens.
    case auth
    case http
    case keys
    case protection
    case signer

    /// As it stands in a line. Parts of the program are below `containment_chamber`, so that the filter
    /// `containment_chamber=info,audit=info` of the documents lets all of them through.
    package var name: String {
        switch self {
        case .chamber: "containment_chamber"
        case .audit: "audit"
        case .auth: "containment_chamber::auth"
        case .http: "containment_chamber::http"
        case .keys: "containment_chamber::keys"
        case .protection: "containment_chamber::slashing_protection"
        case .signer: "containment_chamber::signer"
        }
    }
}
