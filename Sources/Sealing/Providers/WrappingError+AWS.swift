// SPDX-License-Identifier: Apache-2.0
internal import AWS

extension WrappingError {
    /// Puts the words of a call of KMS into ours.
    ///
    /// - Parameter operation: `Encrypt` or `Decrypt`.
    init(_ error: AWSError, _ operation: String, key: KeyName) {
        func failure(_ cause: Cause, _ title: String, _ detail: String) -> WrappingError {
            WrappingError(cause, key: key.text, "KMS \(operation) failed: \(title)", detail)
        }
        self =
            switch error {
            case .service(let refusal):
                failure(Self.causes[refusal.code] ?? .refused, refusal.code, Self.detail(refusal, operation))
            case .throttled(let reason): failure(.throttled, "throttled", reason)
            case .unreachable(let reason):
                failure(.unreachable, "unreachable endpoint", "\(reason); look at the way from here to there")
            case .unclear(let reason): failure(.failing, "no usable answer", reason)
            case .credentials(let reason): failure(.credentials, "no credentials", reason)
            case .settings(let reason): failure(.settings, "unusable settings", reason)
            }
    }

    /// What the API reference of KMS says that its operations refuse with. Other refusals may quote the request.
    static let causes: [String: Cause] = [
        "AccessDeniedException": .denied,
        "DisabledException": .disabled,
        "KMSInvalidStateException": .disabled,
        "NotFoundException": .missing,
        "InvalidCiphertextException": .notAuthentic,
        "IncorrectKeyException": .notAuthentic,
        "InvalidKeyUsageException": .refused,
        "KeyUnavailableException": .failing,
        "DependencyTimeoutException": .failing,
        "KMSInternalException": .failing,
    ]

    private static func detail(_ refusal: ServiceError, _ operation: String) -> String {
        let said =
            refusal.message.isEmpty ? "\(refusal.place) says no more" : "\(refusal.place) says: \(refusal.message)"
        return advice(refusal.code, operation).map { "\(said); \($0)" } ?? said
    }

    private static func advice(_ code: String, _ operation: String) -> String? {
        switch code {
        case "AccessDeniedException":
            "the policy of the role and the policy of the key both have to allow kms:\(operation) with this encryption context"
        case "DisabledException": "enable the key"
        case "KMSInvalidStateException":
            "where it waits for its deletion, cancel that, then enable it"
        case "NotFoundException": "look at region, account and identifier"
        case "InvalidCiphertextException":
            "the share was changed, or belongs to another chamber, another number or another generation: its row was tampered with or moved"
        case "IncorrectKeyException": "the share was wrapped under another key: its row was tampered with or moved"
        case "InvalidKeyUsageException": "it has to be a symmetric key for encryption"
        default: nil
        }
    }
}
