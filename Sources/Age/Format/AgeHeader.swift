// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import Secrets

/// What stands before the content of a file: the file key, wrapped once for each recipient, and a MAC over all of that
/// ("Header" in the specification).
package struct AgeHeader: Hashable, Sendable {
    /// One or more.
    package let stanzas: [AgeStanza]
    package let mac: Bytes<32>
    /// Bytes of its text.
    package let length: Int

    static let version = Array("age-encryption.org/v1".utf8)
    /// What the MAC line begins with; the MAC is over everything up to here.
    static let endMark = Array("---".utf8)
    /// A blank, 43 digits of base64, a line feed.
    private static let macLength = 45

    init(stanzas: [AgeStanza], mac: Bytes<32>, length: Int) {
        self.stanzas = stanzas
        self.mac = mac
        self.length = length
    }

    /// Reads the header that a file begins with.
    package init(reading file: Span<UInt8>) throws(AgeError) {
        var reader = HeaderReader(file)
        self = try reader.read()
    }

    /// One with the MAC of a file key.
    package init(stanzas: [AgeStanza], fileKey: borrowing AgeFileKey) throws(AgeError) {
        let text = Self.authenticated(stanzas)
        self.init(stanzas: stanzas, mac: try fileKey.mac(of: text.span), length: text.count + Self.macLength)
    }

    /// Whether a file begins as one that is not armored does, in this or any other version.
    static func begins(_ file: Span<UInt8>) -> Bool { file.begins(with: version.dropLast(2)) }

    /// Refuses a file whose header is not the one that was made with this file key.
    func verify(_ fileKey: borrowing AgeFileKey, in file: Span<UInt8>) throws(AgeError) {
        // Over the bytes of the file, not over what was understood of them.
        let expected = try fileKey.mac(of: file.extracting(0..<length - Self.macLength))
        guard ConstantTime.areEqual(expected.span, mac.span) else { throw .headerAltered }
    }

    /// Its text.
    package var text: [UInt8] {
        Self.authenticated(stanzas) + [UInt8(ascii: " ")] + Base64.encode(mac.span, padded: false)
            + [UInt8(ascii: "\n")]
    }

    private static func authenticated(_ stanzas: [AgeStanza]) -> [UInt8] {
        version + [UInt8(ascii: "\n")] + stanzas.flatMap { $0.text } + endMark
    }
}

/// One wrapped file key, or whatever else a program that we do not know put there.
package struct AgeStanza: Hashable, Sendable {
    /// Visible ASCII, one or more; the first one names the kind.
    package let arguments: [String]
    package let body: [UInt8]

    static let mark = Array("-> ".utf8)

    package init(arguments: [String], body: [UInt8]) {
        precondition(!arguments.isEmpty, "a stanza has a kind")
        self.arguments = arguments
        self.body = body
    }

    package var kind: String { arguments[0] }

    /// The arguments in one line, then the body in lines of 64 characters of which the last one is shorter and may be empty.
    var text: [UInt8] {
        var text = Self.mark + Array(arguments.joined(separator: " ").utf8) + [UInt8(ascii: "\n")]
        let digits = Base64.encode(body.span, padded: false)
        for start in stride(from: 0, through: digits.count, by: AgeArmor.columns) {
            text += digits[start..<min(start + AgeArmor.columns, digits.count)] + [UInt8(ascii: "\n")]
        }
        return text
    }
}
