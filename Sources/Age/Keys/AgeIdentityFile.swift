// SPDX-License-Identifier: Apache-2.0
package import Secrets

/// A file of identities as `age-keygen` writes it: one a line, beside empty lines and comments behind `#`.
package struct AgeIdentityFile: Sendable {
    /// One or more, in the order of the file.
    package let identities: [AgeIdentity]

    private static let comment = Array("# public key: ".utf8)
    private static let lineFeed = UInt8(ascii: "\n")

    package init(_ identities: [AgeIdentity]) throws(AgeError) {
        guard !identities.isEmpty else { throw .noIdentities }
        self.identities = identities
    }

    /// Reads the text of a file. Lines end with LF or CRLF; nothing but the identity may stand in its line.
    package init(_ text: Span<UInt8>) throws(AgeError) {
        var identities: [AgeIdentity] = []
        var lines = Lines(text)
        while let line = lines.next() {
            let content = line.withoutCarriageReturn
            if content.isEmpty || content[0] == UInt8(ascii: "#") { continue }
            identities.append(try AgeIdentity(text: content, line: lines.count))
        }
        try self.init(identities)
    }

    /// Reads one that is protected by a passphrase: an age file with the text of an identity file in it.
    package init(
        protected file: Span<UInt8>,
        passphrase: borrowing SecretBytes,
        workFactorLimit: Int = AgeFile.workFactor
    ) throws(AgeError) {
        let text = try AgeFile.decrypt(file, passphrase: passphrase, workFactorLimit: workFactorLimit)
        try self.init(text.span)
    }

    /// Whether a file must be read with a passphrase.
    package static func isProtected(_ file: Span<UInt8>) -> Bool {
        AgeHeader.begins(file) || AgeArmor.begins(file)
    }

    /// Its text, each identity behind a comment with its recipient. To protect it with a passphrase, encrypt it.
    package var text: SecretBytes {
        var text = SecretBytes(count: identities.count * Self.entryLength) { _ in }
        text.withMutableSpan { target in
            for (place, identity) in identities.enumerated() {
                let start = place * Self.entryLength
                var entry = target._mutatingExtracting(start..<start + Self.entryLength)
                Self.write(identity, into: &entry)
            }
        }
        return text
    }

    private static let entryLength = comment.count + Bech32.recipient.length + 1 + AgeIdentity.textLength + 1

    private static func write(_ identity: AgeIdentity, into entry: inout MutableSpan<UInt8>) {
        let line = comment + Array(identity.recipient.description.utf8) + [lineFeed]
        for position in line.indices { entry[position] = line[position] }
        var text = entry._mutatingExtracting(line.count..<line.count + AgeIdentity.textLength)
        identity.write(into: &text)
        entry[entryLength - 1] = lineFeed
    }
}
