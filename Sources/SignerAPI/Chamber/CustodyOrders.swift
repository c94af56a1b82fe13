// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Crypto
internal import Encoding
internal import JSON
internal import Sealing
internal import Secrets

/// The body of an initialisation.
struct InitOrder {
    let keys: [KeyName]
    let threshold: Int
    /// Nil for KMS keys alone.
    let operators: (names: [OperatorName], threshold: Int)?

    init(_ body: [UInt8]) throws(ChamberError) {
        let names: Set = ["kms_key_arns", "kms_threshold", "operators", "operator_threshold"]
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(body, names: names)
            (keys, threshold) = try root.keys()
            operators = try root.operators()
        } catch { throw .custody(.invalid(error.reason)) }
    }
}

/// The body of a change of custody.
enum RotationOrder {
    case change(CustodyChange)
    /// A new master key becomes the only one.
    case finish
    case perform(String)

    private static let names: Set = [
        "kind", "kms_key_arns", "kms_threshold", "operators", "operator_threshold", "to", "operator", "credential",
        "proposal",
    ]

    init(_ body: [UInt8]) throws(ChamberError) {
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(body, names: Self.names)
            if let proposal = try root.text("proposal") {
                try root.require(only: ["proposal"])
                self = .perform(proposal.string)
                return
            }
            guard let kind = try root.text("kind")?.string else { throw .init("kind is missing") }
            self = try Self.read(kind, root)
        } catch { throw .custody(.invalid(error.reason)) }
    }

    private static func read(_ kind: String, _ root: StrictObject) throws(StrictObject.Malformed) -> RotationOrder {
        switch kind {
        case "kms":
            try root.require(only: ["kind", "kms_key_arns", "kms_threshold"])
            let (keys, threshold) = try root.keys()
            return .change(.keys(keys, threshold: threshold))
        case "quorum":
            try root.require(only: ["kind", "operators", "operator_threshold"])
            return .change(try operators(root))
        case "mode":
            switch try root.text("to")?.string {
            case "kms":
                try root.require(only: ["kind", "to"])
                return .change(.withoutOperators)
            case "quorum":
                try root.require(only: ["kind", "to", "operators", "operator_threshold"])
                return .change(try operators(root))
            default: throw .init("to is kms or quorum")
            }
        case "master_key":
            try root.require(only: ["kind"])
            return .change(.masterKey)
        case "master_key_finish":
            try root.require(only: ["kind"])
            return .finish
        case "credential_add":
            try root.require(only: ["kind", "operator", "credential"])
            let name = try root.operatorName()
            guard let object = try root.object("credential", names: StrictObject.offerNames) else {
                throw .init("credential is missing")
            }
            let offer = try object.offer()
            // Whoever adds one has its secret half, and means this operator.
            let text = Array(name.text.utf8)
            let hash = (try? Digest.sha256(text.span)) ?? Bytes()
            do throws(QuorumRefusal) { try offer.check(tokenHash: hash) } catch { throw .init("\(error)") }
            return .change(.addCredential(name, offer.credential))
        case "credential_remove":
            try root.require(only: ["kind", "operator", "credential"])
            guard let credential = try root.text("credential") else { throw .init("credential is missing") }
            return .change(.removeCredential(try root.operatorName(), credential.string))
        default:
            throw .init(
                "kind is kms, quorum, mode, master_key, master_key_finish, credential_add or credential_remove, not \(kind.prefix(40))"
            )
        }
    }

    private static func operators(_ root: StrictObject) throws(StrictObject.Malformed) -> CustodyChange {
        guard let operators = try root.operators() else { throw .init("operators is missing") }
        return .operators(operators.names, threshold: operators.threshold)
    }
}

extension StrictObject {
    static let credentialNames: Set = [
        "id", "label", "kind", "passes", "memory_kib", "salt", "slot", "challenge", "exchange_key", "signing_key",
        "blind",
    ]
    static let offerNames = credentialNames.union(["proof"])

    /// Of the names that this body can have, those of this kind.
    func require(only names: Set<String>) throws(Malformed) {
        for name in memberNames where !names.contains(name) && member(name) != nil {
            throw Malformed("\(name) does not belong to this; there are \(names.sorted().joined(separator: ", "))")
        }
    }

    fileprivate func keys() throws(Malformed) -> ([KeyName], Int) {
        guard let texts = try texts("kms_key_arns", limit: MasterKeyRecord.mostKeys) else {
            throw Malformed("kms_key_arns is missing")
        }
        guard let threshold = try number("kms_threshold") else { throw Malformed("kms_threshold is missing") }
        var keys: [KeyName] = []
        for text in texts {
            do throws(WrappingError) { keys.append(try KeyName(text.string)) } catch {
                throw Malformed("kms_key_arns[\(keys.count)]: \(error)")
            }
        }
        return (keys, threshold)
    }

    fileprivate func operators() throws(Malformed) -> (names: [OperatorName], threshold: Int)? {
        let threshold = try number("operator_threshold")
        guard let texts = try texts("operators", limit: OperatorPlan.mostOperators) else {
            guard threshold == nil else { throw Malformed("operator_threshold is there, but no operators") }
            return nil
        }
        guard let threshold else { throw Malformed("operator_threshold is missing") }
        var names: [OperatorName] = []
        for text in texts {
            guard let name = OperatorName(text.string) else {
                throw Malformed(
                    "operators[\(names.count)] is no name: 1 to 32 of a-z, 0-9, '.', '_' and '-', a letter first"
                )
            }
            names.append(name)
        }
        return (names, threshold)
    }

    func operatorName() throws(Malformed) -> OperatorName {
        guard let text = try text("operator") else { throw Malformed("operator is missing") }
        guard let name = OperatorName(text.string) else { throw Malformed("operator is no name of an operator") }
        return name
    }

    func required(_ name: String) throws(Malformed) -> String {
        guard let text = try text(name) else { throw Malformed("\(name) is missing") }
        return text.string
    }

    /// Hexadecimal digits without prefix.
    func bytes<let count: Int>(_ name: String) throws(Malformed) -> Bytes<count> {
        let text = try required(name)
        guard text.utf8.count == 2 * count, let bytes: Bytes<count> = try? Hex.decode(text) else {
            throw Malformed("\(name) is not \(2 * count) hexadecimal digits")
        }
        return bytes
    }

    /// A credential with its proof.
    func offer() throws(Malformed) -> RegistrationStage.Offer {
        let hint = OperatorCredential.Hint(
            id: try required("id"),
            label: try required("label"),
            kind: try required("kind"),
            passes: try number("passes").map { UInt64(clamping: $0) },
            memoryKiB: try number("memory_kib").map { UInt64(clamping: $0) },
            salt: try text("salt")?.string,
            slot: try number("slot"),
            challenge: try text("challenge")?.string
        )
        let document = OperatorCredential.Document(
            hint,
            exchangeKey: try required("exchange_key"),
            signingKey: try required("signing_key"),
            // Without it nobody could be shown whose credential it is.
            blind: try required("blind")
        )
        let proof: Bytes<64> = try bytes("proof")
        do throws(OperatorCredentialError) {
            return RegistrationStage.Offer(credential: try OperatorCredential(document), proof: proof)
        } catch { throw Malformed("\(error)") }
    }
}
