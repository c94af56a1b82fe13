// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Crypto
package import Secrets
package import YAML

/// Why a key could not be had from a file. Carries paths, names and public keys; never a secret or a piece of one.
package enum KeystoreError: Error, Equatable {
    // The files.
    case file(FileFailure, path: String)
    /// The directory of a source could not be listed.
    case directory(reason: String)
    /// In strict mode: others than the owner may read or write a file that holds a key or a password.
    case openToOthers(path: String, mode: UInt32)

    // The password.
    case emptyPassword
    case passwordNotUTF8
    case passwordTooLong(bytes: Int, limit: Int)

    // EIP-2335.
    /// Not JSON, or a field is missing or of another type; `field` is its path in the document, empty for the whole.
    case malformed(field: String, reason: String)
    case unsupportedVersion(Int)
    /// A function that EIP-2335 does not have: `part` is `kdf`, `prf`, `checksum` or `cipher`.
    case unsupportedFunction(part: String, name: String)
    case derivation(CryptoError)
    /// The checksum does not fit: the password is another one, or the file was altered. Nobody can tell which.
    case wrongPassword
    case secretLength(bytes: Int)
    case notAScalar
    case publicKeyMismatch(derived: PublicKey, stated: PublicKey)
    /// What was written opens, but to something else than what was put in.
    case notVerified

    // Descriptors.
    case yaml(YAMLError)
    case emptyDescriptor
    case notAMapping
    case missingField(String)
    case invalidField(String, reason: String)
    /// A `type` of Web3Signer's that this version does not load.
    case unsupportedType(String)
    case unknownType(String)
}

extension KeystoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .file(let failure, let path): "\(path) \(failure)"
        case .directory(let reason): "the directory could not be listed: \(reason)"
        case .openToOthers(let path, let mode):
            "\(path) may be read or written by others (mode \(String(mode & 0o7777, radix: 8))); "
                + "give it to its owner alone with chmod 600"
        case .emptyPassword: "the password is empty"
        case .passwordNotUTF8: "the password is not UTF-8 text"
        case .passwordTooLong(let bytes, let limit): "the password has \(bytes) bytes; at most \(limit) are taken"
        case .malformed(let field, let reason):
            field.isEmpty ? "this is not an EIP-2335 keystore: \(reason)" : "the field \(field) \(reason)"
        case .unsupportedVersion(let version):
            "this is a keystore of version \(version); only version 4 (EIP-2335) is read"
        case .unsupportedFunction(let part, let name): "EIP-2335 has no \(part) named \(quoted(name))"
        case .derivation(let error): "the key derivation was refused: \(error)"
        case .wrongPassword: "the password is wrong or the keystore was altered: its checksum does not match"
        case .secretLength(let bytes): "the secret has \(bytes) bytes; a BLS key has 32"
        case .notAScalar: "the secret is no BLS key: it is zero or not below the order of the group"
        case .publicKeyMismatch(let derived, let stated):
            "the keystore states the public key \(stated), but its secret belongs to \(derived)"
        case .notVerified:
            "the keystore that was written does not hold the key that was put into it, so it is not given out; try again"
        case .yaml(let error): "\(error)"
        case .emptyDescriptor: "there is no key descriptor in the file"
        case .notAMapping: "the descriptor is not a mapping of fields"
        case .missingField(let name): "the field \(name) is missing"
        case .invalidField(let name, let reason): "the field \(name) \(reason)"
        case .unsupportedType(let type): "keys of type \(quoted(type)) are not loaded by this version"
        case .unknownType(let type): "the type \(quoted(type)) is unknown"
        }
    }

    /// Text out of a file, short and on one line.
    private func quoted(_ text: String) -> String { YAMLText.quoted(text, limit: 60) }
}
