// SPDX-License-Identifier: Apache-2.0

/// What a caller must be allowed to do for a route to answer. Every route has one: a route without a scope cannot be
/// made (promise 3).
package enum Scope: String, CaseIterable, Hashable, Sendable {
    /// Liveness and readiness; for anybody who reaches the port.
    case health
    /// What the API can do, as a document; for anybody who reaches the port.
    case apiDocument = "api_document"
    case sign
    case publicKeys = "public_keys"
    case highWatermark = "high_watermark"
    /// `GET /eth/v1/keystores`.
    case listKeys = "list_keys"
    case importKeystores = "import_keystores"
    case deleteKeys = "delete_keys"
    case reload
    case metrics
    /// Import, export, pruning and watermarks of the slashing record; over the admin socket only.
    case recordAdministration = "record_administration"
    /// Seeing policies and tokens, without their secrets.
    case authRead = "auth_read"
    /// Making and taking away policies and tokens. Whoever may, may give itself everything else.
    case authWrite = "auth_write"
    /// The first management token; over the admin socket only.
    case rootToken = "root_token"
    /// Where the chain of the audit file stands; over the admin socket only.
    case auditHead = "audit_head"
    /// Taking back the order to seal where no token is left that may; over the admin socket only.
    case chamberAdministration = "chamber_administration"
    /// Making the master key of a chamber that has none; for whoever read its setup token in the log.
    case chamberInit = "chamber_init"
    case chamberStatus = "chamber_status"
    case chamberSeal = "chamber_seal"
    /// Taking back the order to seal.
    case chamberUnseal = "chamber_unseal"
    /// Changing how the master key is held, and the master key itself; operators have to approve it where there are some.
    case chamberRotate = "chamber_rotate"
    /// What operators do with their own credentials: nothing else is asked for.
    case chamberOperator = "chamber_operator"
    case chamberKeysList = "chamber_keys_list"
    case chamberKeysGenerate = "chamber_keys_generate"
    case chamberKeysImport = "chamber_keys_import"
    /// Activating and deactivating.
    case chamberKeysPatch = "chamber_keys_patch"
    case chamberKeysDelete = "chamber_keys_delete"

    /// Who may have it.
    package enum Audience: Sendable {
        /// Everybody who reaches the port; no token is looked at.
        case anybody
        /// Whoever has a token whose policies allow it.
        case granted
        /// Only the operator's program on this machine, over the admin socket.
        case local
        /// Whoever has the setup token of a chamber without a master key.
        case setup
        /// Operators of a quorum, who show in the body who they are.
        case operators
    }

    package var audience: Audience {
        switch self {
        case .health, .metrics, .apiDocument: .anybody
        case .recordAdministration, .rootToken, .auditHead, .chamberAdministration: .local
        case .chamberInit: .setup
        case .chamberOperator: .operators
        case .chamberStatus, .chamberSeal, .chamberUnseal, .chamberRotate: .granted
        case .chamberKeysList, .chamberKeysGenerate, .chamberKeysImport, .chamberKeysPatch, .chamberKeysDelete: .granted
        case .sign, .publicKeys, .highWatermark, .reload, .authRead, .authWrite: .granted
        case .listKeys, .importKeystores, .deleteKeys: .granted
        }
    }

    /// Whether what is asked for concerns single keys, so that rules with `keys` can match.
    package var concernsKeys: Bool {
        switch self {
        case .sign, .publicKeys, .listKeys, .importKeystores, .deleteKeys: true
        case .chamberKeysList, .chamberKeysImport, .chamberKeysPatch, .chamberKeysDelete: true
        default: false
        }
    }

    /// Whether somebody whose policies cannot be verified may have it: it neither signs, nor changes, nor tells of keys.
    /// Opening the chamber is among it, because then everything is verified.
    var takesNothing: Bool {
        switch self {
        case .health, .apiDocument, .metrics, .chamberStatus, .chamberSeal, .chamberUnseal, .authRead: true
        default: false
        }
    }

    /// Those that a policy can name.
    package static let grantable = allCases.filter { $0.audience == .granted }
}
