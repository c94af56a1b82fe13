// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import JSON
internal import Keystores
internal import SlashingProtection

/// The body of an import: `keystores` and `passwords`, as many of one as of the other, and `slashing_protection`, an
/// EIP-3076 document. Keystores and the history are JSON in strings.
///
/// How far copies of a password reach: it is put into secret memory from where it stands in the body; the body itself, and
/// for a password with escapes one copy of it, are in ordinary memory until the request ends.
package struct KeystoreImport: Sendable {
    struct Keystore: Sendable {
        let sealed: KeystoreOpener.Sealed
        /// The key that the keystore says it holds, in any spelling.
        let statedKey: PublicKey?
    }
    let keystores: [Keystore]
    let history: Interchange?

    /// - Parameter limit: how many keystores one request may bring.
    package init(body: [UInt8], limit: Int) throws(KeyManager.Refusal) {
        let root = try KeyManagerBody(body, names: ["keystores", "passwords", "slashing_protection"])
        let keystores = try root.list("keystores", limit: limit)
        let passwords = try root.list("passwords", limit: limit)
        guard keystores.count == passwords.count else {
            throw .malformed("keystores has \(keystores.count) elements and passwords \(passwords.count)")
        }
        var read: [Keystore] = []
        for (place, (keystore, password)) in zip(keystores, passwords).enumerated() {
            read.append(try Self.keystore(keystore, password, place))
        }
        self.keystores = read
        history = try root.text("slashing_protection").map { text throws(KeyManager.Refusal) in
            do throws(StoreError) { return try Interchange(json: text.bytes) } catch {
                throw .malformed("slashing_protection: \(error)")
            }
        }
    }

    private static func keystore(
        _ keystore: JSONText,
        _ password: JSONText,
        _ place: Int
    ) throws(KeyManager.Refusal) -> Keystore {
        let json = keystore.bytes
        let secret: Password
        do throws(KeystoreError) { secret = try Password(normalizing: password.span) } catch {
            throw .malformed("passwords[\(place)]: \(error)")
        }
        // What is not JSON, or nested too deeply for the reader of keystores, is told apart when it is opened.
        let stated = (try? JSONDocument(json))?.root.member("pubkey")?.string
        return Keystore(
            sealed: KeystoreOpener.Sealed(json: json, password: secret),
            statedKey: stated.flatMap { try? PublicKey(hex: $0.string) }
        )
    }
}

/// The body of a deletion: `pubkeys`.
package struct KeystoreDeletion: Sendable {
    let names: [String]

    package init(body: [UInt8], limit: Int) throws(KeyManager.Refusal) {
        names = try KeyManagerBody(body, names: ["pubkeys"]).list("pubkeys", limit: limit).map(\.string)
    }
}

/// An object of lists of texts. Names that it does not know are let be, as the standard's clients count on; one that stands
/// twice is refused, because two readers would see two requests.
private struct KeyManagerBody {
    private let root: JSONValue

    init(_ body: [UInt8], names: [String]) throws(KeyManager.Refusal) {
        do throws(JSONError) { root = try JSONDocument(body).root } catch {
            throw .malformed("the body is not JSON: \(error)")
        }
        guard root.kind == .object else { throw .malformed("the body is not an object of JSON") }
        for name in names {
            guard root.members.count(where: { $0.name.says(Array(name.utf8)) }) < 2 else {
                throw .malformed("\(name) stands there twice")
            }
        }
    }

    func list(_ name: String, limit: Int) throws(KeyManager.Refusal) -> [JSONText] {
        guard let value = root.member(name), value.kind == .array else {
            throw .malformed("\(name) is missing, or no list")
        }
        var texts: [JSONText] = []
        for element in value.elements {
            guard let text = element.string else { throw .malformed("\(name)[\(texts.count)] is no string") }
            texts.append(text)
            guard texts.count <= limit else {
                throw .malformed(
                    "\(name) has more than \(limit) elements (http.key_manager_api.max_items_per_request); send several requests"
                )
            }
        }
        return texts
    }

    /// Nil where it is not there, or null.
    func text(_ name: String) throws(KeyManager.Refusal) -> JSONText? {
        guard let value = root.member(name), !value.isNull else { return nil }
        guard let text = value.string else { throw .malformed("\(name) is no string") }
        return text
    }
}

extension JSONText {
    var bytes: [UInt8] {
        let span = span
        var bytes: [UInt8] = []
        bytes.reserveCapacity(span.count)
        for place in span.indices { bytes.append(span[place]) }
        return bytes
    }
}
