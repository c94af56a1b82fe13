// SPDX-License-Identifier: Apache-2.0
internal import Sealing

/// How the chamber stands, as the API answers it.
struct ChamberDocument: Codable {
    struct Seal: Codable {
        var status: String
        var reason: String?
        let not_ordered: String?
    }
    struct MasterKey: Codable {
        let chamber: String
        let generation: String
        let sequence: String?
        let mode: String
        let made_at: String
        let kms_threshold: Int
        let kms_key_arns: [String]
    }
    struct Quorum: Codable {
        struct Operator: Codable {
            let name: String
            let credentials: [Credential]
        }
        struct Credential: Codable {
            let id: String
            let label: String
            let kind: String
            let fingerprint: String?
        }
        let threshold: Int
        let operators: [Operator]
    }
    struct Unseal: Codable {
        let have: Int
        let need: Int
        /// Who has given their share.
        let operators: [String]
        let expires_at: String?
    }
    struct Registration: Codable {
        struct Operator: Codable {
            let name: String
            let registered: Bool
            let credentials: [Quorum.Credential]?
        }
        let kind: String
        let expires_at: String?
        let operators: [Operator]
    }
    struct Rotation: Codable {
        let generation: String
        let done: Int
        let total: Int
        let reason: String?
    }
    var seal: Seal
    let master_key: MasterKey?
    let quorum: Quorum?
    var unseal: Unseal?
    let registration: Registration?
    let proposals: [ProposalDocument]?
    let rotation: Rotation?
    /// Only where operators have just been named: shown once.
    let registrations: [RegistrationToken]?
}

/// What one operator registers with, once.
struct RegistrationToken: Codable {
    let `operator`: String
    let token: String
}

/// What operators are to approve.
struct ProposalDocument: Codable {
    let id: String
    let kind: String?
    let summary: String?
    /// The exact text that is signed.
    let document: String?
    let approvals: [String]
    let needed: Int
    let expires_at: String?

    var isApproved: Bool { approvals.count >= needed }
    /// The last approval carries it out.
    var isSeating: Bool { kind == "quorum_seats" }
}

/// A proposal in an answer of its own.
struct ProposalAnswer: Codable { let proposal: ProposalDocument }

extension ChamberDocument {
    /// Also while something is being changed: keys sign then.
    var isOpen: Bool { ChamberState(rawValue: seal.status)?.holdsMasterKey == true }

    /// Whether those who had registered are the operators now, with the credentials that they had brought.
    func isHeld(bySeatsOf before: ChamberDocument) -> Bool {
        guard let seats = before.registration?.operators, let operators = quorum?.operators else { return false }
        return seats.map(\.name) == operators.map(\.name)
            && seats.map { $0.credentials?.map(\.id) } == operators.map { $0.credentials.map(\.id) }
    }

    /// What is known to whoever may not see the status, when the signer says that it signs.
    var opened: ChamberDocument {
        var document = self
        let isChanging = rotation != nil || registration != nil
        document.seal.status = (isChanging ? ChamberState.awaitingRotation : .unsealed).rawValue
        document.seal.reason = nil
        document.unseal = nil
        return document
    }
}

// MARK: In words

extension ChamberDocument {
    /// The lines that people read.
    var lines: [String] {
        var lines = ["state       \(seal.status)"]
        if let reason = seal.reason { lines.append("reason      \(reason)") }
        if let unseal { lines.append("unsealing   \(unseal.words)") }
        if let master_key { lines += master_key.lines }
        if let quorum { lines += quorum.lines }
        if let registration { lines += registration.lines }
        for proposal in proposals ?? [] { lines.append("proposal    \(proposal.words)") }
        if let rotation { lines += rotation.lines }
        return lines
    }
}

extension ChamberDocument.MasterKey {
    fileprivate var lines: [String] {
        var lines = [
            "chamber     \(chamber)", "generation  \(generation)", "made        \(made_at)",
            "opened by   \(kms_threshold) of \(kms_key_arns.count) KMS keys",
        ]
        for name in kms_key_arns { lines.append("            \(name)") }
        return lines
    }
}

extension ChamberDocument.Quorum {
    fileprivate var lines: [String] {
        ["            and \(threshold) of \(operators.count) operators"] + operators.map { "            " + $0.words }
    }
}

extension ChamberDocument.Quorum.Operator {
    var words: String {
        let kinds = credentials.map(\.words)
        return name + (kinds.isEmpty ? "" : ": " + kinds.joined(separator: ", "))
    }

    /// With what people compare.
    var lines: [String] { [name] + credentials.flatMap(\.lines).map { "    " + $0 } }
}

extension ChamberDocument.Quorum.Credential {
    fileprivate var words: String { "\(label) (\(kind), \(id))" }

    fileprivate var lines: [String] { [words] + (fingerprint.map { ["    fingerprint \($0)"] } ?? []) }
}

extension ChamberDocument.Unseal {
    /// How far it is: `2 of 3: alice, bob; 1 more is needed`.
    var words: String {
        let missing = need - have
        let names = operators.isEmpty ? "" : ": " + operators.joined(separator: ", ")
        let more = missing > 0 ? "; \(missing) more \(missing == 1 ? "is" : "are") needed" : ""
        return "\(have) of \(need)\(names)\(more)" + (missing > 0 ? expires_at.map { ", by \($0)" } ?? "" : "")
    }
}

extension ChamberDocument.Rotation {
    fileprivate var lines: [String] {
        ["rotation    to generation \(generation): \(done) of \(total) keys lie under it"]
            + (reason.map { ["            has come to a halt: \($0)"] } ?? [])
    }
}

extension ChamberDocument.Registration {
    var lines: [String] {
        let done = operators.filter(\.registered).map(\.name)
        let missing = operators.filter { !$0.registered }.map(\.name)
        var lines = [
            "registered  \(done.count) of \(operators.count)"
                + (done.isEmpty ? "" : ": \(done.joined(separator: ", "))")
        ]
        for one in operators {
            lines += (one.credentials ?? []).flatMap { credential in
                let (first, rest) = (credential.lines.prefix(1), credential.lines.dropFirst())
                return first.map { "            \(one.name): \($0)" } + rest.map { "            " + $0 }
            }
        }
        if !missing.isEmpty {
            lines.append(
                "            missing: \(missing.joined(separator: ", "))" + (expires_at.map { "; until \($0)" } ?? "")
            )
        }
        return lines
    }
}

extension ProposalDocument {
    var words: String {
        let names = approvals.isEmpty ? "nobody has approved" : "approved by \(approvals.joined(separator: ", "))"
        let end = expires_at.map { ", until \($0)" } ?? ""
        return "\(id): \(summary ?? kind ?? "?"); \(names), \(approvals.count) of \(needed)\(end)"
    }
}
