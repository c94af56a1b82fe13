// SPDX-License-Identifier: Apache-2.0
package import Secrets

/// Files of the format age-encryption.org/v1 (C2SP, age.md), which the program `age` and others write and read too. Whole
/// files in memory: these are backups of secrets, not of disks.
package enum AgeFile {
    /// Bytes of content, and of a file with its armor that can hold as much. Content lies in locked memory, as far as the
    /// system's limit on that reaches.
    package static let contentLimit = 20 << 20
    package static let fileLimit = 32 << 20

    /// The base-two logarithm of scrypt's cost that a passphrase gets, and the highest one that is read unless more is
    /// allowed: 256 MiB and about a second, what `age` writes.
    package static let workFactor = 18
    /// What can be allowed at all: 4 GiB.
    package static let workFactors = 1...22

    /// - Parameter armored: whether the file is text, which can be printed and pasted.
    package static func encrypt(
        _ content: Span<UInt8>,
        to recipients: AgeRecipients,
        armored: Bool
    ) throws(AgeError) -> [UInt8] {
        let fileKey = AgeFileKey()
        var stanzas: [AgeStanza] = []
        for recipient in recipients.list { stanzas.append(try X25519Stanza.wrap(fileKey, to: recipient)) }
        return try write(content, fileKey, stanzas, armored: armored)
    }

    /// - Parameters:
    ///   - workFactor: lower than usual only for passphrases that are random.
    ///   - armored: whether the file is text, which can be printed and pasted.
    package static func encrypt(
        _ content: Span<UInt8>,
        passphrase: borrowing SecretBytes,
        workFactor: Int = AgeFile.workFactor,
        armored: Bool
    ) throws(AgeError) -> [UInt8] {
        precondition(workFactors.contains(workFactor), "a work factor is a power of two that a machine can pay")
        guard passphrase.count > 0 else { throw .emptyPassphrase }
        let fileKey = AgeFileKey()
        let stanza = try ScryptStanza.wrap(fileKey, passphrase: passphrase, workFactor: workFactor)
        return try write(content, fileKey, [stanza], armored: armored)
    }

    /// The content of a file, armored or not, to one of whose recipients one of the identities belongs.
    package static func decrypt(_ file: Span<UInt8>, with identities: [AgeIdentity]) throws(AgeError) -> SecretBytes {
        try read(file) { header throws(AgeError) in try fileKey(in: header, identities) }
    }

    /// The content of a file, armored or not, that was encrypted with a passphrase.
    package static func decrypt(
        _ file: Span<UInt8>,
        passphrase: borrowing SecretBytes,
        workFactorLimit: Int = AgeFile.workFactor
    ) throws(AgeError) -> SecretBytes {
        precondition(workFactors.contains(workFactorLimit), "a work factor is a power of two that a machine can pay")
        guard passphrase.count > 0 else { throw .emptyPassphrase }
        return try read(file) { header throws(AgeError) in
            guard let stanza = try ScryptStanza(header.stanzas[0]) else { throw .hasNoPassphrase }
            guard let key = try stanza.unwrap(passphrase, workFactorLimit: workFactorLimit) else {
                throw .wrongPassphrase
            }
            return key
        }
    }

    private static func fileKey(in header: AgeHeader, _ identities: [AgeIdentity]) throws(AgeError) -> AgeFileKey {
        guard header.stanzas[0].kind != ScryptStanza.kind else { throw .needsPassphrase }
        // All are read before one is tried: whether a header is valid must not depend on who looks at it.
        var stanzas: [X25519Stanza] = []
        for stanza in header.stanzas {
            if let stanza = try X25519Stanza(stanza) { stanzas.append(stanza) }
        }
        for identity in identities {
            for stanza in stanzas {
                if let key = try stanza.unwrap(identity) { return key }
            }
        }
        throw .noMatch
    }
}

extension AgeFile {
    private static func write(
        _ content: Span<UInt8>,
        _ fileKey: borrowing AgeFileKey,
        _ stanzas: [AgeStanza],
        armored: Bool
    ) throws(AgeError) -> [UInt8] {
        guard content.count <= contentLimit else { throw .tooLarge(bytes: content.count, limit: contentLimit) }
        let header = try AgeHeader(stanzas: stanzas, fileKey: fileKey)
        let file = header.text + (try AgePayload.seal(content, fileKey: fileKey))
        return armored ? AgeArmor.encode(file.span) : file
    }

    /// What does not begin as the version line does is armor, or nothing.
    private static func read(
        _ file: Span<UInt8>,
        _ fileKey: (AgeHeader) throws(AgeError) -> AgeFileKey
    ) throws(AgeError) -> SecretBytes {
        guard file.count <= fileLimit else { throw .tooLarge(bytes: file.count, limit: fileLimit) }
        if file.isEmpty || AgeHeader.begins(file) { return try readBinary(file, fileKey) }
        let binary = try AgeArmor.decode(file)
        return try readBinary(binary.span, fileKey)
    }

    /// The order matters: nothing that was encrypted is looked at before the MAC has shown that the header is whole.
    private static func readBinary(
        _ file: Span<UInt8>,
        _ fileKey: (AgeHeader) throws(AgeError) -> AgeFileKey
    ) throws(AgeError) -> SecretBytes {
        let header = try AgeHeader(reading: file)
        let key = try fileKey(header)
        try header.verify(key, in: file)
        return try AgePayload.open(file.extracting(header.length...), fileKey: key)
    }
}
