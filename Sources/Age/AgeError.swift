// SPDX-License-Identifier: Apache-2.0
package import Crypto

/// Why a file was not written or not opened, or why a text is no key. Carries counts and public keys; never the text of a
/// key, which may be a secret that stands where a recipient should.
package enum AgeError: Error, Hashable {
    // Keys.
    /// `number` counts from 1 in the list that it stands in.
    case recipient(AgeKeyFlaw, number: Int?)
    /// `line` counts from 1 in the file that it stands in.
    case identity(AgeKeyFlaw, line: Int?)
    case noRecipients
    case tooManyRecipients(count: Int, limit: Int)
    /// `number` is the place of the second one, from 1.
    case duplicateRecipient(AgeRecipient, number: Int)
    case noIdentities
    case emptyPassphrase

    // The file.
    case tooLarge(bytes: Int, limit: Int)
    case armor(AgeArmorFlaw)
    case header(AgeHeaderFlaw)
    /// The base-two logarithm of what the passphrase costs.
    case workFactor(Int, limit: Int)
    /// None of the identities opens it.
    case noMatch
    /// It was encrypted with a passphrase, and identities were given.
    case needsPassphrase
    /// It was encrypted to recipients, and a passphrase was given.
    case hasNoPassphrase
    /// The tag of the wrapped file key does not fit. Nobody can tell a wrong passphrase from an altered file.
    case wrongPassphrase
    /// The file key was found, but the MAC over the header is another.
    case headerAltered
    case payload(AgePayloadFlaw)

    case crypto(CryptoError)
}

/// What is wrong with the text of a key.
package enum AgeKeyFlaw: String, Error {
    case anotherKind = "is of another kind: recipients begin with age1, identities with AGE-SECRET-KEY-1"
    case damaged = "is damaged: a character is wrong, missing or too many"
    case notCanonical = "is a number that no key is written as"
    case weak = "shares its secret with everybody"
}

/// What is wrong with the armor. What lies in it has not been looked at.
package enum AgeArmorFlaw: String, Sendable {
    case noBeginning = "it begins neither with age-encryption.org/ nor with the line -----BEGIN AGE ENCRYPTED FILE-----"
    case notBase64 = "a line of the armor is empty or not strict base64"
    case lineLength = "a line of the armor other than the last has not 64 characters"
    case noEnd = "the line -----END AGE ENCRYPTED FILE----- is missing"
    case moreBehindEnd = "something stands behind the end of the armor"
}

/// What is wrong with the header, by the grammar and the rules of the specification.
package enum AgeHeaderFlaw: String, Sendable {
    case empty = "the file is empty"
    case version = "the first line is not age-encryption.org/v1"
    case incomplete = "the file ends within the header"
    case line = "a line is neither a stanza nor the end of the header"
    case argument = "an argument of a stanza is empty or has characters that are not visible"
    case body = "the body of a stanza is not strict base64 in lines of 64 characters"
    case mac = "the last line is not three dashes, a blank and 32 bytes in base64"
    case noStanza = "there is no stanza"
    case tooManyStanzas = "there are more stanzas than are read"
    case notAlone = "a passphrase stands beside something else"
    case x25519 = "an X25519 stanza has not one share of 32 bytes and a wrapped key of 16"
    case weakShare = "an X25519 stanza has a share that gives its secret to everybody"
    case scrypt = "the scrypt stanza has not a salt of 16 bytes, a work factor and a wrapped key of 16 bytes"
}

/// What is wrong with the encrypted content.
package enum AgePayloadFlaw: Hashable, Sendable {
    /// The chunk does not open, or its end or that of the file is missing: chunks count from 1, the last one is marked.
    case altered(chunk: Int)
    /// The last chunk has no content, though others stand before it.
    case emptyLastChunk
}

extension AgeError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .recipient(let flaw, let number): "\(number.map { "recipient \($0)" } ?? "the recipient") \(flaw.rawValue)"
        case .identity(let flaw, let line): "the identity\(line.map { " in line \($0)" } ?? "") \(flaw.rawValue)"
        case .noRecipients: "there is no recipient"
        case .tooManyRecipients(let count, let limit): "there are \(count) recipients; at most \(limit) are taken"
        case .duplicateRecipient(let recipient, let number):
            "recipient \(number), \(recipient), already stands before it"
        case .noIdentities: "there is no identity in the file"
        case .emptyPassphrase: "the passphrase is empty"
        case .tooLarge(let bytes, let limit): "it has \(bytes) bytes; at most \(limit) are taken"
        case .armor(let flaw): flaw.rawValue
        case .header(let flaw): "the header is not valid: \(flaw.rawValue)"
        case .workFactor(let factor, let limit):
            "its passphrase has the work factor \(factor), where \(limit) is allowed; each step doubles time and memory"
        case .noMatch: "none of the identities belongs to a recipient of the file"
        case .needsPassphrase: "the file is encrypted with a passphrase, not to recipients"
        case .hasNoPassphrase: "the file is encrypted to recipients, not with a passphrase"
        case .wrongPassphrase: "the passphrase is wrong, or the file was altered"
        case .headerAltered: "the header was altered: its MAC does not match"
        case .payload(.altered(let chunk)): "the content was altered or cut off: chunk \(chunk) does not open"
        case .payload(.emptyLastChunk): "the content was altered: its last chunk is empty"
        case .crypto(let error): "\(error)"
        }
    }
}
