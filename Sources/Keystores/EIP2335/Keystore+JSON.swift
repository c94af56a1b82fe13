// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Crypto
internal import Encoding
package import FoundationEssentials

extension Keystore {
    /// The only version there is.
    static let version = 4

    /// Reads a keystore file. Unknown fields are ignored; what is needed to decrypt must be there and well-formed.
    package init(json: Data) throws(KeystoreError) {
        let document: Document
        do { document = try JSONDecoder().decode(Document.self, from: json) } catch {
            throw KeystoreError(decoding: error)
        }
        guard document.version == Self.version else { throw .unsupportedVersion(document.version) }
        let (kdf, checksum, cipher) = (document.crypto.kdf, document.crypto.checksum, document.crypto.cipher)
        try Self.require(checksum.function, "sha256", part: "checksum")
        try Self.require(cipher.function, "aes-128-ctr", part: "cipher")

        derivation = try Self.derivation(kdf)
        derivedLength = try Self.needed(kdf.params.dklen, "crypto.kdf.params.dklen")
        guard derivedLength >= 32 else {
            throw .malformed(
                field: "crypto.kdf.params.dklen",
                reason: "is \(derivedLength); at least 32 bytes are needed"
            )
        }
        salt = try Self.bytes(kdf.params.salt, "crypto.kdf.params.salt")
        self.checksum = try Self.fixedBytes(checksum.message, "crypto.checksum.message")
        initializationVector = try Self.fixedBytes(cipher.params.iv, "crypto.cipher.params.iv")
        encryptedSecret = try Self.bytes(cipher.message, "crypto.cipher.message")
        note = document.description
        publicKey = if let text = document.pubkey { PublicKey(try Self.fixedBytes(text, "pubkey")) } else { nil }
        path = document.path
        uuid = document.uuid
    }

    /// The file's content, with fields in alphabetic order.
    package func json() throws(KeystoreError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do { return try encoder.encode(document) } catch {
            throw .malformed(field: "", reason: "it could not be written as JSON")
        }
    }
}

extension Keystore {
    private static func derivation(_ kdf: Document.Function) throws(KeystoreError) -> Derivation {
        switch kdf.function {
        case "scrypt":
            return .scrypt(
                ScryptParameters(
                    n: try needed(kdf.params.n, "crypto.kdf.params.n"),
                    r: try needed(kdf.params.r, "crypto.kdf.params.r"),
                    p: try needed(kdf.params.p, "crypto.kdf.params.p")
                )
            )
        case "pbkdf2":
            try require(try needed(kdf.params.prf, "crypto.kdf.params.prf"), "hmac-sha256", part: "prf")
            return .pbkdf2(iterations: try needed(kdf.params.c, "crypto.kdf.params.c"))
        default: throw .unsupportedFunction(part: "kdf", name: kdf.function)
        }
    }

    private static func require(_ name: String, _ expected: String, part: String) throws(KeystoreError) {
        guard name == expected else { throw .unsupportedFunction(part: part, name: name) }
    }

    private static func needed<Value>(_ value: Value?, _ field: String) throws(KeystoreError) -> Value {
        guard let value else { throw .malformed(field: field, reason: "is missing") }
        return value
    }

    private static func bytes(_ text: String?, _ field: String) throws(KeystoreError) -> [UInt8] {
        let text = try needed(text, field)
        do throws(Hex.Failure) { return try Hex.decode(text) } catch {
            throw .malformed(field: field, reason: "\(error)")
        }
    }

    private static func fixedBytes<let count: Int>(
        _ text: String?,
        _ field: String,
        as _: Bytes<count>.Type = Bytes<count>.self
    ) throws(KeystoreError) -> Bytes<count> {
        let text = try needed(text, field)
        do throws(Hex.Failure) { return try Hex.decode(text) } catch {
            throw .malformed(field: field, reason: "\(error)")
        }
    }

    private var document: Document {
        var parameters = Document.Parameters(
            dklen: derivedLength,
            n: nil,
            r: nil,
            p: nil,
            c: nil,
            prf: nil,
            salt: Hex.encode(salt, prefix: false),
            iv: nil
        )
        var name = "scrypt"
        switch derivation {
        case .scrypt(let scrypt): (parameters.n, parameters.r, parameters.p) = (scrypt.n, scrypt.r, scrypt.p)
        case .pbkdf2(let iterations):
            name = "pbkdf2"
            (parameters.c, parameters.prf) = (iterations, "hmac-sha256")
        }
        var vector = Document.Parameters()
        vector.iv = Hex.encode(initializationVector.span, prefix: false)
        return Document(
            crypto: Document.Crypto(
                kdf: Document.Function(function: name, params: parameters, message: ""),
                checksum: Document.Function(
                    function: "sha256",
                    params: Document.Parameters(),
                    message: Hex.encode(checksum.span, prefix: false)
                ),
                cipher: Document.Function(
                    function: "aes-128-ctr",
                    params: vector,
                    message: Hex.encode(encryptedSecret, prefix: false)
                )
            ),
            description: note,
            pubkey: publicKey.map { Hex.encode($0.bytes.span, prefix: false) },
            path: path ?? "",
            uuid: uuid,
            version: Self.version
        )
    }
}

/// The JSON as it stands in the file. The parameters of all functions share one type: which of them must be there is the
/// function's affair.
private struct Document: Codable {
    struct Crypto: Codable {
        var kdf: Function
        var checksum: Function
        var cipher: Function
    }
    struct Function: Codable {
        var function: String
        var params: Parameters
        var message: String
    }
    struct Parameters: Codable {
        var dklen: Int?
        var n: Int?
        var r: Int?
        var p: Int?
        var c: Int?
        var prf: String?
        var salt: String?
        var iv: String?
    }
    var crypto: Crypto
    var description: String?
    var pubkey: String?
    var path: String?
    var uuid: String?
    var version: Int
}

extension KeystoreError {
    /// Names the field and what is wrong with it; nothing of its content.
    fileprivate init(decoding error: any Error) {
        switch error as? DecodingError {
        case .keyNotFound(let key, let context):
            self = .malformed(field: Self.field(context.codingPath + [key]), reason: "is missing")
        case .valueNotFound(_, let context):
            self = .malformed(field: Self.field(context.codingPath), reason: "is null")
        case .typeMismatch(_, let context) where context.codingPath.isEmpty:
            self = .malformed(field: "", reason: "it is not a JSON object")
        case .typeMismatch(_, let context):
            self = .malformed(field: Self.field(context.codingPath), reason: "has another type than EIP-2335 says")
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            self = .malformed(field: Self.field(context.codingPath), reason: "has a value that cannot be read")
        default:
            self = .malformed(field: "", reason: "it is not valid JSON, or has a number that is not whole or too large")
        }
    }

    private static func field(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
}
