// SPDX-License-Identifier: Apache-2.0
internal import YAML

/// One document of a descriptor file, in Web3Signer's format: where a key is.
enum Descriptor: Equatable {
    /// The key itself, as the `withheld`th private key that the parser met in the file: it never was in the tree.
    case raw(withheld: Int)
    /// A keystore and its password, relative to the descriptor's directory.
    case keystore(file: String, passwordFile: String)
    /// A key for another curve: not used, not an error.
    case otherCurve

    /// The field whose value must not become a `String`.
    static let secretField = "privateKey"

    /// Types of Web3Signer's that are loaded from elsewhere than files.
    private static let unsupported = ["hashicorp", "azure-secret", "azure-key", "aws-secret", "aws-kms"]

    /// Unknown fields are ignored, names of enumerations read in any case (Web3Signer's reader does both).
    init(_ document: YAMLNode) throws(KeystoreError) {
        guard let fields = document.mapping else { throw .notAMapping }
        let type = try Self.text("type", of: fields)
        switch type.lowercased() {
        case "file-raw":
            guard try Self.isBLS(fields) else {
                self = .otherCurve
                return
            }
            guard let value = fields[Self.secretField], !value.isNull else { throw .missingField(Self.secretField) }
            guard let number = value.scalar?.withheld else {
                throw .invalidField(Self.secretField, reason: "is not text")
            }
            self = .raw(withheld: number)
        case "file-keystore":
            guard try Self.isBLS(fields) else {
                self = .otherCurve
                return
            }
            self = .keystore(
                file: try Self.text("keystoreFile", of: fields),
                passwordFile: try Self.text("keystorePasswordFile", of: fields)
            )
        case let other where Self.unsupported.contains(other): throw .unsupportedType(type)
        default: throw .unknownType(type)
        }
    }

    private static func isBLS(_ fields: YAMLMapping) throws(KeystoreError) -> Bool {
        guard let value = fields["keyType"], !value.isNull else { return true }
        switch value.text?.lowercased() {
        case "bls": return true
        case "secp256k1": return false
        default: throw .invalidField("keyType", reason: "is neither BLS nor SECP256K1")
        }
    }

    private static func text(_ name: String, of fields: YAMLMapping) throws(KeystoreError) -> String {
        guard let value = fields[name], !value.isNull else { throw .missingField(name) }
        guard let text = value.text else { throw .invalidField(name, reason: "is not text") }
        guard !text.isEmpty else { throw .invalidField(name, reason: "is empty") }
        return text
    }
}
