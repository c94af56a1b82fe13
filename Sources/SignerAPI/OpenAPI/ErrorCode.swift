// SPDX-License-Identifier: Apache-2.0

/// A stable string of the API with the status it comes with, and what it means for whoever meets it. Tests hold the
/// table against every refusal that the code can make.
package struct ErrorCode: Hashable, Sendable {
    package let status: Int
    package let code: String
    package let meaning: String

    init(_ status: Int, _ code: String, _ meaning: String) {
        self.status = status
        self.code = code
        self.meaning = meaning
    }

    fileprivate func at(_ status: Int) -> ErrorCode { ErrorCode(status, code, meaning) }

    // MARK: The server, before a route sees the request

    static let malformedRequest = ErrorCode(
        400,
        "malformed_request",
        "the request cannot be read; the message says where"
    )
    static let malformedChunk = ErrorCode(400, "malformed_chunk", "the chunked body is not made of plain chunks")
    static let notFound = ErrorCode(404, "not_found", "there is no such path, policy or token")
    static let methodNotAllowed = ErrorCode(405, "method_not_allowed", "the path exists with other methods: see Allow")
    static let notAcceptable = ErrorCode(406, "not_acceptable", "the route cannot answer in a form that Accept names")
    static let bodyTooLarge = ErrorCode(413, "body_too_large", "the body is larger than the route or the server takes")
    static let unknownExpectation = ErrorCode(417, "unknown_expectation", "only Expect: 100-continue is understood")
    static let headTooLarge = ErrorCode(431, "head_too_large", "the head is larger, or has more fields, than is taken")
    static let overloaded = ErrorCode(503, "overloaded", "too much is under way; try again after Retry-After")
    static let certificateNotAccepted = ErrorCode(
        403,
        "certificate_not_accepted",
        "the client's certificate was accepted when the connection was opened, and is not any more"
    )
    /// For every route that is not for looking alone.
    static let crossSite = ErrorCode(
        403,
        "cross_site",
        "a web page of another site sent it: Sec-Fetch-Site or Origin says so"
    )
    /// Of the port that is left beside a TLS port: no route answers it.
    static let tlsRequired = ErrorCode(
        403,
        "tls_required",
        "this port answers health checks only: speak TLS to the other"
    )
    static let stopping = ErrorCode(503, "stopping", "the signer is about to stop")

    /// For every route. A path with a place in it can also fail to be one.
    static let server = [
        malformedRequest, malformedChunk, bodyTooLarge, certificateNotAccepted, unknownExpectation, headTooLarge,
        overloaded,
        stopping,
    ]

    // MARK: The gate

    static let missingToken = ErrorCode(
        401,
        "missing_token",
        "the route needs a token: Bearer, or Basic with it as password"
    )
    static let unboundCertificate = ErrorCode(
        401,
        "unbound_certificate",
        "no token was shown, and no policies are bound to the certificate"
    )
    static let invalidToken = ErrorCode(401, "invalid_token", "the token is unknown, revoked or expired")
    static let forbidden = ErrorCode(403, "forbidden", "the policies of the caller do not allow this")
    static let tooManyFailures = ErrorCode(
        429,
        "too_many_failures",
        "too many requests without a valid token came from this address; one with a valid token is answered"
    )
    static let authorizationUnavailable = ErrorCode(
        503,
        "authorization_unavailable",
        "policies and tokens have not been readable for too long"
    )

    static let gate = [
        missingToken, unboundCertificate, invalidToken, forbidden, tooManyFailures, authorizationUnavailable, sealed,
    ]

    // MARK: Signing

    static let protectionUnavailable = ErrorCode(
        503,
        "slashing_protection_unavailable",
        "the record cannot be checked now, so nothing slashable is signed"
    )
    static let rootMismatch = ErrorCode(400, "signing_root_mismatch", "the client's signing_root is not the message's")
    static let wrongNetwork = ErrorCode(
        403,
        "wrong_network",
        "the request names another network than this signer serves"
    )

    /// The refusals of a sign request, under the statuses that this signer is configured to give.
    static func signing(_ compatibility: Compatibility) -> [ErrorCode] {
        [
            malformedRequest, rootMismatch.at(compatibility.signingRootMismatchStatus), forbidden,
            ErrorCode(403, "canary_key", "the key is a canary, and canaries are blocked"),
            ErrorCode(400, "unknown_type", "the type is none that can be signed"),
            wrongNetwork.at(compatibility.wrongNetworkStatus),
            ErrorCode(404, "key_not_found", "no key with this identifier is loaded"),
            ErrorCode(412, "wrong_network", "the slashing record belongs to another network"),
            ErrorCode(412, "validator_disabled", "the validator is disabled in the record"),
            ErrorCode(412, "ahead_of_clock", "the duty lies further ahead of the clock than is allowed"),
            ErrorCode(412, "beyond_high_watermark", "at or beyond the planned end of signing"),
            ErrorCode(412, "source_after_target", "the source epoch is later than the target epoch"),
            ErrorCode(412, "not_recordable", "a slot or an epoch of 2^63 or more"),
            ErrorCode(412, "below_low_watermark", "older than the history that is known"),
            ErrorCode(412, "slashable_block", "another block is recorded at the slot"),
            ErrorCode(412, "slashable_attestation", "a recorded attestation contradicts this one"),
            protectionUnavailable, overloaded, auditUnavailable,
            sealed,
            ErrorCode(503, "authority_changed", "keys or permissions kept changing meanwhile; try again"),
            ErrorCode(503, "client_gone", "the client closed the connection before anything was signed"),
            authorizationUnavailable, missingToken, unboundCertificate, invalidToken,
        ]
    }

    // MARK: The chamber

    static let sealed = ErrorCode(
        503,
        "sealed",
        "the chamber is sealed: nothing is signed, no key is touched, no policy or token is changed"
    )
    static let masterKeyRotating = ErrorCode(
        503,
        "master_key_rotating",
        "the master key is being rotated, and this instance lacks the next one; nothing was changed, and the message says what to do"
    )
    static let missingSetupToken = ErrorCode(
        401,
        "missing_setup_token",
        "the route needs the setup token of this start"
    )
    static let invalidSetupToken = ErrorCode(
        401,
        "invalid_setup_token",
        "it is not the setup token of this start, has expired, or has been used"
    )
    /// Instead of those of the gate, where the setup token is asked for.
    static let setup = [missingSetupToken, invalidSetupToken, tooManyFailures]
    static let alreadyInitialized = ErrorCode(409, "already_initialized", "the chamber has a master key already")
    static let uninitialized = ErrorCode(409, "uninitialized", "the chamber has no master key yet")
    static let custodyUnavailable = ErrorCode(
        503,
        "kms_unavailable",
        "KMS keys did not wrap or unwrap a share; the message names each and its reason"
    )
    static let keysUnavailable = ErrorCode(503, "keys_unavailable", "the encrypted keys cannot be read or written now")
    static let requestIdentifierUsed = ErrorCode(
        409,
        "request_id_used",
        "the request identifier was used for another request"
    )
    static let requestInProgress = ErrorCode(
        409,
        "request_in_progress",
        "a request under the same identifier is at work; send it again after Retry-After"
    )
    static let chamberFailed = ErrorCode(
        500,
        "chamber_failed",
        "the master key does not fit; the message says what to do"
    )

    static let registering = ErrorCode(
        409,
        "registration_under_way",
        "operators are being registered; the custody does not change meanwhile"
    )
    static let rotating = ErrorCode(
        409,
        "rotation_under_way",
        "everything is being encrypted under a new master key; the custody does not change meanwhile"
    )
    static let notRotating = ErrorCode(409, "no_rotation", "no master key is being rotated here")

    // MARK: Operators

    static let unknownOperator = ErrorCode(404, "unknown_operator", "there is no such operator in the quorum")
    static let unknownCredential = ErrorCode(404, "unknown_credential", "the operator has no such credential")
    static let unknownProposal = ErrorCode(
        404,
        "unknown_proposal",
        "this instance has no such proposal, or not any more"
    )
    static let badSignature = ErrorCode(403, "bad_signature", "it was not signed with the credential that it names")
    static let challengeExpired = ErrorCode(
        409,
        "challenge_expired",
        "the challenge is of another ceremony, was used, or is too old; ask for a new one"
    )
    static let notUnsealing = ErrorCode(
        409,
        "not_unsealing",
        "the chamber waits for no share now; the message says why"
    )
    static let shareDuplicate = ErrorCode(409, "share_duplicate", "the operator's share is there already")
    static let shareWrong = ErrorCode(400, "share_wrong", "it is not the share of this operator")
    static let shareForeign = ErrorCode(400, "share_foreign", "the share was made in another ceremony")
    static let shareUnreadable = ErrorCode(400, "share_unreadable", "the share cannot be read; the message says why")
    static let noRegistration = ErrorCode(409, "no_registration", "no operators are being registered")
    static let unknownRegistrationToken = ErrorCode(
        403,
        "unknown_registration_token",
        "the token is not one of the registration that is under way"
    )
    static let alreadyRegistered = ErrorCode(409, "already_registered", "the operator is registered already")
    static let badCredential = ErrorCode(400, "bad_credential", "a credential cannot be taken; the message says why")
    static let tooManyProposals = ErrorCode(
        409,
        "too_many_proposals",
        "as many proposals wait as can, of this caller or of all"
    )
    static let notYourProposal = ErrorCode(403, "not_your_proposal", "somebody else has made the proposal")
    static let notApproved = ErrorCode(409, "not_approved", "too few operators have approved the proposal yet")
    static let tooManyAttempts = ErrorCode(429, "too_many_attempts", "too many attempts failed from this address")
    static let tooManyChallenges = ErrorCode(
        429,
        "too_many_challenges",
        "the operator has answered as many challenges as are remembered"
    )

    static let operators = [
        unknownOperator, unknownCredential, unknownProposal, badSignature, challengeExpired, notUnsealing,
        shareDuplicate, shareWrong, shareForeign, shareUnreadable, noRegistration, unknownRegistrationToken,
        alreadyRegistered, badCredential, tooManyProposals, notYourProposal, notApproved, tooManyAttempts,
        tooManyChallenges,
    ]

    // MARK: Policies, tokens, administration

    static let invalidRequest = ErrorCode(
        400,
        "invalid_request",
        "the body is not what the route takes; the message says where"
    )
    static let unknownPolicy = ErrorCode(400, "unknown_policy", "the token names a policy that does not exist")
    static let alreadyExists = ErrorCode(409, "already_exists", "there is a policy of that name; PUT replaces it")
    static let alreadyBound = ErrorCode(409, "already_bound", "the certificate is bound already; delete that first")
    static let policyInUse = ErrorCode(409, "policy_in_use", "a token or a certificate still has the policy")
    static let limitReached = ErrorCode(409, "limit_reached", "as many as are kept exist already")
    static let versionConflict = ErrorCode(409, "version_conflict", "it was changed meanwhile; read it again")
    static let stateUnavailable = ErrorCode(503, "signer_state_unavailable", "the signer state cannot be written now")
    static let catalogueRefused = ErrorCode(
        503,
        "catalogue_refused",
        "the catalogue of policies and tokens is gone, forged or older than was seen: an operator has to look"
    )
    static let rowsChanged = ErrorCode(409, "rows_changed", "the rows have changed since they were shown")
    static let notAnchored = ErrorCode(404, "not_anchored", "no audit file is kept, or its head was not anchored yet")
    static let auditUnavailable = ErrorCode(
        503,
        "audit_unavailable",
        "the audit file cannot be written now, so nothing was done or signed"
    )
    static let auditIncomplete = ErrorCode(
        500,
        "audit_incomplete",
        "it was done, but the audit file says only that it was begun"
    )

    /// What is told to the audit file before and after it is done.
    static let audited = [auditUnavailable, auditIncomplete]

    static let notDone = ErrorCode(
        400,
        "not_done",
        "the record refused the task, or could not do it; the message says why"
    )

    /// Every one, ordered by status; the same code can come with several.
    package static func all(_ compatibility: Compatibility = Compatibility()) -> [ErrorCode] {
        let known =
            server + [crossSite, tlsRequired, notFound, methodNotAllowed, notAcceptable] + gate + signing(compatibility)
            + [
                invalidRequest, unknownPolicy, alreadyExists, alreadyBound, policyInUse, limitReached, versionConflict,
                stateUnavailable, catalogueRefused, rowsChanged, notDone, notAnchored, auditUnavailable,
                auditIncomplete,
            ] + setup + [
                alreadyInitialized, uninitialized, custodyUnavailable, chamberFailed, keysUnavailable,
                masterKeyRotating,
                requestIdentifierUsed, requestInProgress, registering, rotating, notRotating,
            ] + operators
        var seen: Set<ErrorCode> = []
        return known.filter { seen.insert($0).inserted }.sorted { ($0.status, $0.code) < ($1.status, $1.code) }
    }
}
