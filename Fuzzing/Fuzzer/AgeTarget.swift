// SPDX-License-Identifier: Apache-2.0
internal import Age
internal import Secrets

/// Files of age, their parts, and the texts of keys. The first byte of the input says what the rest is read as.
enum AgeTarget: FuzzTarget {
    static let name = "age"

    /// What an input is read as.
    private enum Form: UInt8, CaseIterable {
        case file, header, payload, armor, identities, recipient
    }

    private static let content = Array("what was encrypted".utf8)
    private static let fileKey = [UInt8](repeating: 7, count: AgeFileKey.length)
    private static let identityText = Array(
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX".utf8
    )
    private static let recipientText = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

    static func run(_ input: [UInt8]) {
        guard let first = input.first, let form = Form(rawValue: first % UInt8(Form.allCases.count)) else { return }
        let bytes = Array(input.dropFirst())
        do throws(AgeError) {
            switch form {
            case .file: try file(bytes)
            case .header: try header(bytes)
            case .payload: try payload(bytes)
            case .armor: try armor(bytes)
            case .identities: try identities(bytes)
            case .recipient: try recipient(bytes)
            }
        } catch {
            if case .crypto = error { violated("a file cannot make libcrypto fail: \(error)") }
            if error.description.utf8.count > 300 { violated("a refusal is short") }
        }
    }

    /// Nobody forges a file: what opens was encrypted by `seeds`.
    private static func file(_ bytes: [UInt8]) throws(AgeError) {
        let identity = try AgeIdentity(text: identityText.span)
        do throws(AgeError) {
            check(try AgeFile.decrypt(bytes.span, with: [identity]))
        } catch {
            guard error == .needsPassphrase else { throw error }
            check(try AgeFile.decrypt(bytes.span, passphrase: passphrase(), workFactorLimit: 3))
        }
    }

    private static func check(_ opened: borrowing SecretBytes) {
        if !opened.withSpan({ span in span.indices.map { span[$0] } }).elementsEqual(content) {
            violated("what opens is what was encrypted")
        }
    }

    private static func header(_ bytes: [UInt8]) throws(AgeError) {
        let header = try AgeHeader(reading: bytes.span)
        if header.text != Array(bytes.prefix(header.length)) { violated("a header has one form") }
    }

    private static func payload(_ bytes: [UInt8]) throws(AgeError) {
        let key = AgeFileKey(SecretBytes(copying: fileKey))
        check(try AgePayload.open(bytes.span, fileKey: key))
    }

    private static func armor(_ bytes: [UInt8]) throws(AgeError) {
        let file = try AgeArmor.decode(bytes.span)
        let again = AgeArmor.encode(file.span)
        if visible(again) != visible(bytes) { violated("a file has one armor") }
        if try AgeArmor.decode(again.span) != file { violated("what is written is read as the same") }
    }

    /// Without line ends and what may stand around.
    private static func visible(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.split { [0x20, 0x09, 0x0a, 0x0d].contains($0) }.map(Array.init)
    }

    private static func identities(_ bytes: [UInt8]) throws(AgeError) {
        let file = try AgeIdentityFile(bytes.span)
        let text = file.text
        if try AgeIdentityFile(text.span).identities.map(\.recipient) != file.identities.map(\.recipient) {
            violated("an identity file is the same after writing")
        }
    }

    private static func recipient(_ bytes: [UInt8]) throws(AgeError) {
        let text = String(decoding: bytes, as: UTF8.self)
        if try AgeRecipient(text).description != text { violated("a recipient has one text") }
    }

    private static func passphrase() -> SecretBytes { SecretBytes(copying: Array("a word".utf8)) }

    static func seeds() throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        func add(_ form: Form, _ bytes: [UInt8]) { seeds.append([form.rawValue] + bytes) }
        let recipients = try AgeRecipients(texts: [recipientText])
        for armored in [false, true] {
            add(.file, try AgeFile.encrypt(content.span, to: recipients, armored: armored))
            add(.file, try AgeFile.encrypt(content.span, passphrase: passphrase(), workFactor: 1, armored: armored))
        }
        let stanzas = [AgeStanza(arguments: ["a", "b"], body: content), AgeStanza(arguments: ["c"], body: [])]
        let key = AgeFileKey(SecretBytes(copying: fileKey))
        add(.header, try AgeHeader(stanzas: stanzas, fileKey: key).text)
        add(.payload, try AgePayload.seal(content.span, fileKey: key))
        add(.armor, AgeArmor.encode(content.span))
        add(.identities, Array("# created\r\n\n".utf8) + identityText + [0x0a])
        add(.recipient, Array(recipientText.utf8))
        return seeds
    }

    static let words = [
        "age-encryption.org/v1\n", "-> X25519 ", "-> scrypt ", "-> a\n", "--- ", "\n", "\r\n", "==", "=", " 1\n", " 18",
        "-----BEGIN AGE ENCRYPTED FILE-----\n", "-----END AGE ENCRYPTED FILE-----\n", "age1", "AGE-SECRET-KEY-1", "#",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA",
    ]
}

extension SecretBytes {
    fileprivate init(copying bytes: [UInt8]) {
        self.init(count: bytes.count) { target in
            for place in bytes.indices { target.storeBytes(of: bytes[place], toByteOffset: place, as: UInt8.self) }
        }
    }
}
