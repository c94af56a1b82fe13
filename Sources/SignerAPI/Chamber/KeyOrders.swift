// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import HTTPServer
internal import JSON
internal import Keystores
internal import SealedKeys
internal import Secrets
internal import SlashingProtection

/// `POST /api/v1/chamber/keys/generate`: how many, and whether they sign at once.
struct KeyGeneration: Sendable {
    let count: Int
    let status: SealedKeyStatus
    /// Nil where the same request again makes new keys.
    let request: String?

    init(_ body: [UInt8], limit: Int) throws(StrictObject.Malformed) {
        let root = try StrictObject(body, names: ["count", "status", "request_id"])
        guard let count = try root.number("count") else { throw .init("count is missing") }
        guard (1...limit).contains(count) else {
            throw .init(
                "count is \(count); one request makes 1 to \(limit) (chamber.keys.generate.max_items_per_request)"
            )
        }
        self.count = count
        status = try root.status() ?? .active
        request = try root.text("request_id")?.string
        if let request {
            let isPlain = request.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            guard isPlain, (1...64).contains(request.utf8.count) else {
                throw .init("request_id has 1 to 64 letters, digits, and any of _ . -")
            }
        }
    }
}

/// `POST /api/v1/chamber/keys`: keystores with their passwords, plain keys, or both.
///
/// How far copies reach: passwords and plain keys are put into secret memory from where they stand in the body; the body
/// itself is in ordinary memory until the request ends.
struct KeyImportOrder: Sendable {
    /// A key that is not encrypted.
    final class RawKey: Sendable {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }
    let keystores: [KeystoreOpener.Sealed]
    let rawKeys: [RawKey]
    let status: SealedKeyStatus
    /// Whether they are kept, or in memory only.
    let persists: Bool
    let history: Interchange?

    init(_ body: [UInt8], limit: Int) throws(StrictObject.Malformed) {
        let names: Set<String> = [
            "keystores", "passwords", "private_keys", "status", "storage", "slashing_protection",
        ]
        let root = try StrictObject(body, names: names)
        let keystores = try root.texts("keystores", limit: limit) ?? []
        let passwords = try root.texts("passwords", limit: limit) ?? []
        guard keystores.count == passwords.count else {
            throw .init("keystores has \(keystores.count) elements and passwords \(passwords.count)")
        }
        var sealed: [KeystoreOpener.Sealed] = []
        for (place, (keystore, password)) in zip(keystores, passwords).enumerated() {
            sealed.append(try Self.keystore(keystore, password, place))
        }
        self.keystores = sealed
        var raw: [RawKey] = []
        for text in try root.texts("private_keys", limit: limit) ?? [] { raw.append(try Self.key(text, raw.count)) }
        rawKeys = raw
        guard (1...limit).contains(sealed.count + raw.count) else {
            throw .init(
                "\(sealed.count + raw.count) keys; one request brings 1 to \(limit) (chamber.keys.import.max_items_per_request)"
            )
        }
        status = try root.status() ?? .active
        persists = try root.object("storage", names: ["persist"])?.boolean("persist") ?? true
        guard persists || status == .active else {
            throw .init("storage.persist is false and status is inactive: a key in memory only has no status, it signs")
        }
        history = try Self.history(root)
    }

    private static func keystore(
        _ keystore: JSONText,
        _ password: JSONText,
        _ place: Int
    ) throws(StrictObject.Malformed) -> KeystoreOpener.Sealed {
        do throws(KeystoreError) {
            return KeystoreOpener.Sealed(json: keystore.bytes, password: try Password(normalizing: password.span))
        } catch { throw .init("passwords[\(place)]: \(error)") }
    }

    private static func key(_ text: JSONText, _ place: Int) throws(StrictObject.Malformed) -> RawKey {
        let span = text.span
        let start = span.count == 66 && span[0] == UInt8(ascii: "0") && span[1] | 0x20 == UInt8(ascii: "x") ? 2 : 0
        guard span.count - start == 64 else { throw .init("private_keys[\(place)] has not 64 hexadecimal digits") }
        struct NoDigit: Error {}
        do throws(NoDigit) {
            let bytes = try SecretBytes(count: 32) { target throws(NoDigit) in
                for position in 0..<32 {
                    guard let high = digit(span[start + 2 * position]), let low = digit(span[start + 2 * position + 1])
                    else { throw NoDigit() }
                    target.storeBytes(of: high << 4 | low, toByteOffset: position, as: UInt8.self)
                }
            }
            return RawKey(bytes)
        } catch { throw .init("private_keys[\(place)] has not 64 hexadecimal digits") }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func history(_ root: StrictObject) throws(StrictObject.Malformed) -> Interchange? {
        guard let text = try root.text("slashing_protection") else { return nil }
        do throws(StoreError) { return try Interchange(json: text.bytes) } catch {
            throw .init("slashing_protection: \(error)")
        }
    }
}

/// `PATCH` and `DELETE /api/v1/chamber/keys`.
struct KeyChangeOrder: Sendable {
    let names: [String]
    /// Of a change; nil where keys are deleted.
    let status: SealedKeyStatus?
    let removes: Bool

    init(changing body: [UInt8], limit: Int) throws(StrictObject.Malformed) {
        let root = try StrictObject(body, names: ["pubkeys", "status"])
        names = try root.names(limit: limit)
        guard let status = try root.status() else { throw .init("status is missing: active or inactive") }
        self.status = status
        removes = false
    }

    init(deleting body: [UInt8], limit: Int) throws(StrictObject.Malformed) {
        let root = try StrictObject(body, names: ["pubkeys", "remove"])
        names = try root.names(limit: limit)
        status = nil
        removes = try root.boolean("remove") ?? false
    }
}

/// `GET /api/v1/chamber/keys?status=…&limit=…&after=…&include=encrypted_mnemonic`
struct SealedKeyListing: Sendable {
    let status: SealedKeyStatus?
    let limit: Int
    let after: PublicKey?
    let includesBackups: Bool

    static let names: Set<String> = ["status", "limit", "after", "include"]

    init(_ query: [(name: String, value: String)]) throws(StrictObject.Malformed) {
        var values: [String: String] = [:]
        for (name, value) in query {
            guard Self.names.contains(name) else {
                throw .init(
                    "\(name.prefix(100)) is not known; there are \(Self.names.sorted().joined(separator: ", "))"
                )
            }
            guard values.updateValue(value, forKey: name) == nil else { throw .init("\(name) stands there twice") }
        }
        status = try values["status"].map { text throws(StrictObject.Malformed) in
            guard let status = SealedKeyStatus(rawValue: text) else { throw .init("status is active or inactive") }
            return status
        }
        limit =
            try values["limit"].map { text throws(StrictObject.Malformed) in
                guard let limit = Int(text), (1...SealedKeyLimits.page).contains(limit) else {
                    throw .init("limit is a number from 1 to \(SealedKeyLimits.page)")
                }
                return limit
            } ?? 100
        after = try values["after"].map { text throws(StrictObject.Malformed) in
            guard let key = try? PublicKey(hex: text) else { throw .init("after is a public key") }
            return key
        }
        switch values["include"] {
        case nil: includesBackups = false
        case "encrypted_mnemonic": includesBackups = true
        default: throw .init("include is encrypted_mnemonic, or nothing")
        }
    }
}

extension StrictObject {
    fileprivate func status() throws(Malformed) -> SealedKeyStatus? {
        guard let text = try text("status")?.string else { return nil }
        guard let status = SealedKeyStatus(rawValue: text) else { throw Malformed("status is active or inactive") }
        return status
    }

    fileprivate func names(limit: Int) throws(Malformed) -> [String] {
        guard let texts = try texts("pubkeys", limit: limit), !texts.isEmpty else {
            throw Malformed("pubkeys is missing or empty")
        }
        return texts.map(\.string)
    }
}
