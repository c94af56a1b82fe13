// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// What is to be changed about the custody of a master key, and the root token, which is as good.
package enum CustodyChange: Hashable, Sendable {
    /// Other KMS keys, or another threshold of them.
    case keys([KeyName], threshold: Int)
    /// Other operators, or operators where there were none: they have to register.
    case operators([OperatorName], threshold: Int)
    /// The KMS keys alone, from now on.
    case withoutOperators
    case addCredential(OperatorName, OperatorCredential)
    case removeCredential(OperatorName, String)
    /// A new master key: everything is encrypted under it anew.
    case masterKey
    /// Those who have registered take the place of the operators.
    case seats(RegistrationStage)
    /// A token that may do everything, made on the signer's machine.
    case rootToken(name: String, lifetime: Int64?)
    /// A new catalogue of the policies and tokens that stand, by the digest of what was shown.
    case acceptRows(String)

    /// Whether it is done by somebody else, and changes nothing of the custody.
    package var isDeed: Bool {
        switch self {
        case .rootToken, .acceptRows: true
        default: false
        }
    }

    /// As the API names it.
    package var kind: String {
        switch self {
        case .keys: "kms"
        case .operators: "quorum"
        case .withoutOperators: "mode"
        case .addCredential: "credential_add"
        case .removeCredential: "credential_remove"
        case .masterKey: "master_key"
        case .seats: "quorum_seats"
        case .rootToken: "root_token"
        case .acceptRows: "access_rows"
        }
    }

    /// What it comes to, in words.
    package var summary: String {
        switch self {
        case .keys(let keys, let threshold):
            "\(threshold) of these \(keys.count) KMS keys open the chamber: \(keys.map(\.text).joined(separator: ", "))"
        case .operators(let names, let threshold):
            "\(threshold) of these \(names.count) operators open the chamber, when all have registered: \(names.map(\.text).joined(separator: ", "))"
        case .withoutOperators: "no operators: the KMS keys open the chamber alone"
        case .addCredential(let name, let credential):
            "one more credential of the operator \(name): \(credential.label) (\(credential.method.kind) \(credential.identifier))"
        case .removeCredential(let name, let credential):
            "the operator \(name) has the credential \(credential) no more"
        case .seats(let stage):
            "the operators \(stage.seats.map(\.name.text).joined(separator: ", ")) take the place of those of before; \(stage.operatorThreshold) of them open the chamber"
        case .masterKey: "a new master key, under which every key is encrypted anew"
        case .rootToken(let name, let lifetime):
            "a root token \(name)" + (lifetime.map { " for \($0) seconds" } ?? " without an end")
                + ", made on the signer's machine"
        case .acceptRows(let digest):
            "the policies and tokens that stand now, with the digest \(digest), as whoever is on the signer's machine was shown them"
        }
    }

    /// What has to be looked at more closely than a summary says: credentials by their fingerprints, because whoever brings
    /// one calls it what they like.
    var particulars: [(name: String, value: JSONOutput)] {
        switch self {
        case .addCredential(_, let credential): [("credential", .string(credential.words))]
        case .seats(let stage):
            [
                (
                    "operators",
                    .object(stage.seats.map { ($0.name.text, .array($0.credentials.map { .string($0.words) })) })
                )
            ]
        default: []
        }
    }
}

extension OperatorCredential {
    /// For whoever has to agree to it. What its owner calls it comes last: it may look like anything.
    fileprivate var words: String {
        "fingerprint \(fingerprint ?? "none: nobody can tell whose it is"), \(method.kind) \(identifier), called \(label)"
    }
}
