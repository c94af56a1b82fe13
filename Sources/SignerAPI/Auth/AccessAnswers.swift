// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Foundation
internal import SignerState

// What the routes of `AccessRoutes` answer.

struct PolicyAnswer: Encodable {
    let name: String
    let rules: [PolicyView.RuleView]
    let version: String

    init(_ entry: AccessDirectory.Entry<Policy>) {
        let view = PolicyView(entry.value)
        name = view.name
        rules = view.rules
        version = "\(entry.version)"
    }
}

/// A row that is refused: not what it says, which nobody believes, but that it is there, or is not.
struct RefusedRow: Encodable {
    let name: String
    let fault: String

    /// Nil where there are none.
    static func all(_ kind: String, _ register: AccessRegister) -> [RefusedRow]? {
        let faults = register.faults.filter { $0.name.kind == kind }
        return faults.isEmpty
            ? nil : faults.map { RefusedRow(name: StateRowName.shown($0.name.name), fault: $0.fault.rawValue) }
    }
}

struct PolicyList: Encodable {
    let policies: [PolicyAnswer]
    let refused: [RefusedRow]?

    init(_ register: AccessRegister) {
        policies = register.policies.map(PolicyAnswer.init)
        refused = RefusedRow.all("policy", register)
    }
}

struct TokenAnswer: Encodable {
    let id: String
    let name: String
    let policies: [String]
    let created_at: String
    let expires_at: String?
    let revoked_at: String?
    /// As this instance has seen it, since it started.
    let last_used_at: String?
    let version: String

    init(_ entry: AccessDirectory.Entry<Token>, _ register: AccessRegister) {
        let token = entry.value
        id = token.identifier.text
        name = token.name.text
        policies = token.policies.map(\.text)
        created_at = Self.time(token.created)
        expires_at = token.expires.map(Self.time)
        revoked_at = token.revoked.map(Self.time)
        last_used_at = register.lastUse(of: token.identifier).map(Self.time)
        version = "\(entry.version)"
    }

    /// RFC 3339, in UTC.
    fileprivate static func time(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
    }
}

struct TokenList: Encodable {
    let tokens: [TokenAnswer]
    let refused: [RefusedRow]?

    init(_ register: AccessRegister) {
        tokens = register.tokens.map { TokenAnswer($0, register) }
        refused = RefusedRow.all("token", register)
    }
}

struct CertificateAnswer: Encodable {
    let name: String
    let policies: [String]
    let fingerprint: String?
    let ca_fingerprint: String?
    let san: String?
    let created_at: String
    let version: String

    init(_ entry: AccessDirectory.Entry<CertificateBinding>) {
        let view = CertificateView(entry.value)
        name = view.name
        policies = view.policies
        fingerprint = view.fingerprint
        ca_fingerprint = view.ca_fingerprint
        san = view.san
        created_at = TokenAnswer.time(view.created)
        version = "\(entry.version)"
    }
}

struct CertificateList: Encodable {
    let certificates: [CertificateAnswer]
    let refused: [RefusedRow]?

    init(_ register: AccessRegister) {
        certificates = register.certificates.map(CertificateAnswer.init)
        refused = RefusedRow.all("certificate", register)
    }
}
