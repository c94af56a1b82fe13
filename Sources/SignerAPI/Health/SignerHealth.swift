// SPDX-License-Identifier: Apache-2.0
internal import HTTPServer
package import SlashingProtection

/// Whether the signer can sign, and what stands in the way. Key files that failed to load are told; they make the signer
/// DOWN only under `health.strict_keys`.
package struct SignerHealth: Sendable {
    package var keysLoaded: Int
    package var keyErrors: Int
    package var strictKeys: Bool
    /// Nil without slashing protection.
    package var protection: StoreHealth?
    /// Nil without an audit file.
    package var audit: AuditHealth?
    /// Nil where no keys are sealed.
    package var chamber: ChamberHealth?
    /// Nil where nothing is wrong with policies and tokens.
    package var access: AccessHealth?
    /// Whether the process is on its way out.
    package var isDraining: Bool

    package init(
        keysLoaded: Int,
        keyErrors: Int,
        strictKeys: Bool,
        protection: StoreHealth?,
        audit: AuditHealth? = nil,
        chamber: ChamberHealth? = nil,
        access: AccessHealth? = nil,
        isDraining: Bool = false
    ) {
        self.keysLoaded = keysLoaded
        self.keyErrors = keyErrors
        self.strictKeys = strictKeys
        self.protection = protection
        self.audit = audit
        self.chamber = chamber
        self.access = access
        self.isDraining = isDraining
    }

    package var isUp: Bool {
        !isDraining && (protection ?? .ready) == .ready && !(strictKeys && keyErrors > 0) && audit?.isUp ?? true
            && chamber?.seal == nil && access?.isUp ?? true
    }
}

/// Whether the chamber is open, and what is in it whole.
package struct ChamberHealth: Hashable, Sendable {
    /// Why nothing is signed; nil while the chamber is open.
    package var seal: String?
    /// Rows of keys that are refused. They are told, and turn nothing down: the other keys sign.
    package var faults: Int

    package init(seal: String?, faults: Int) {
        self.seal = seal
        self.faults = faults
    }
}

/// Rows of policies and tokens that are refused, and what is wrong with the catalogue of them.
package struct AccessHealth: Hashable, Sendable {
    package var faults: Int
    /// Why the catalogue is refused; nil while it is not.
    package var reason: String?
    /// Whether what was verified before still holds; where it does not, nobody with a token is let in.
    package var isUp: Bool

    package init(faults: Int, reason: String?, isUp: Bool) {
        self.faults = faults
        self.reason = reason
        self.isUp = isUp
    }
}

/// Whether what happens can be written into the audit file.
package struct AuditHealth: Hashable, Sendable {
    /// Why nothing can be written; nil while it can.
    package var fault: String?
    /// Whether nothing is signed then.
    package var refuses: Bool
    /// Why the head of the chain is not anchored; nil while it is. Signing goes on.
    package var anchorDelay: String?

    package init(fault: String?, refuses: Bool, anchorDelay: String?) {
        self.fault = fault
        self.refuses = refuses
        self.anchorDelay = anchorDelay
    }

    package var isUp: Bool { fault == nil || !refuses }
    var reason: String? { fault ?? anchorDelay }
}

extension SignerHealth {
    /// The document of `GET /healthcheck` in Web3Signer's shape (web3signer.md §2.6).
    func response() -> Response {
        var checks = [Check(id: "default-check", isUp: !isDraining)]
        var loading = Check(id: "config-files-loading", isUp: !(strictKeys && keyErrors > 0))
        loading.data = ["keys-loaded": keysLoaded, "error-count": keyErrors]
        var keys = Check(id: "keys-check", isUp: loading.status == "UP")
        keys.checks = [loading]
        checks.append(keys)
        if let protection {
            var check = Check(id: "slashing-protection-db-health-check", isUp: protection == .ready)
            check.reason = protection.reason
            checks.append(check)
        }
        if let audit {
            var check = Check(id: "audit-file-check", isUp: audit.isUp)
            check.reason = audit.reason
            checks.append(check)
        }
        if let chamber {
            var check = Check(id: "chamber-check", isUp: chamber.seal == nil)
            check.reason = chamber.seal
            check.data = ["refused-rows": chamber.faults]
            checks.append(check)
        }
        if let access {
            var check = Check(id: "access-check", isUp: access.isUp)
            check.reason = access.reason
            check.data = ["refused-rows": access.faults]
            checks.append(check)
        }
        let status = isUp ? "UP" : "DOWN"
        return .json(Document(status: status, checks: checks, outcome: status), status: isUp ? 200 : 503)
    }

    struct Document: Encodable, Documented {
        let status: String
        fileprivate let checks: [Check]
        let outcome: String

        static let schema: Schema = {
            let word = Schema.words(["UP", "DOWN"])
            let common: [Schema.Property] = [
                .required("id", .text()), .required("status", word), .optional("reason", .text()),
                .optional("data", .map(.integer())),
            ]
            let inner = Schema.named("HealthCheckPart", .object(common, isClosed: true))
            let check = Schema.named(
                "HealthCheck",
                .object(common + [.optional("checks", .list(inner))], isClosed: true)
            )
            return .named(
                "Health",
                .exactly(.required("status", word), .required("checks", .list(check)), .required("outcome", word))
            )
        }()
    }

    fileprivate struct Check: Encodable {
        let id: String
        let status: String
        var reason: String?
        var data: [String: Int]?
        var checks: [Check]?

        init(id: String, isUp: Bool) {
            self.id = id
            status = isUp ? "UP" : "DOWN"
        }
    }
}
