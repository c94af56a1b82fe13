// SPDX-License-Identifier: Apache-2.0
import Age
import Concurrency
import Foundation
import Secrets
import TestSupport

extension SecretBytes {
    static func of(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: unsafe bytes.span.bytes) }
    static func of(_ text: String) -> SecretBytes { of(Array(text.utf8)) }

    /// A copy to compare.
    var array: [UInt8] { withSpan { span in span.indices.map { span[$0] } } }
    var string: String { String(decoding: array, as: UTF8.self) }
}

extension AgeIdentity {
    static func of(_ text: String) throws -> AgeIdentity { try AgeIdentity(text: Array(text.utf8).span) }
}

extension AgeIdentityFile {
    static func of(_ text: String) throws -> AgeIdentityFile { try AgeIdentityFile(Array(text.utf8).span) }
}

/// The identity that the specification shows, its recipient, and what tests keep secret.
enum Example {
    static let identityText = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    static let recipientText = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    static let content = Array(
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about".utf8
    )

    static func identity() throws -> AgeIdentity { try .of(identityText) }
    static func recipients() throws -> AgeRecipients { try AgeRecipients(texts: [recipientText]) }

    /// A file to the example's recipient, or to others.
    static func encrypt(
        _ content: [UInt8],
        to recipients: AgeRecipients? = nil,
        armored: Bool = false
    ) throws -> [UInt8] {
        let recipients = try recipients ?? Self.recipients()
        return try AgeFile.encrypt(content.span, to: recipients, armored: armored)
    }

    /// The content of a file as it comes out, with the example's identity or with others.
    static func decrypt(_ file: [UInt8], with identities: [AgeIdentity]? = nil) throws -> [UInt8] {
        let identities = try identities ?? [identity()]
        return try AgeFile.decrypt(file.span, with: identities).array
    }

    static func encrypt(
        _ content: [UInt8],
        passphrase: String,
        workFactor: Int = 1,
        armored: Bool = false
    ) throws -> [UInt8] {
        let passphrase = SecretBytes.of(passphrase)
        return try AgeFile.encrypt(content.span, passphrase: passphrase, workFactor: workFactor, armored: armored)
    }

    static func decrypt(_ file: [UInt8], passphrase: String, limit: Int = AgeFile.workFactor) throws -> [UInt8] {
        let passphrase = SecretBytes.of(passphrase)
        return try AgeFile.decrypt(file.span, passphrase: passphrase, workFactorLimit: limit).array
    }
}

extension AgeHeader {
    static func of(_ file: [UInt8]) throws -> AgeHeader { try AgeHeader(reading: file.span) }
}

/// A program that has ended.
struct Ended {
    let status: Int32
    let output: [UInt8]
    let complaint: String

    var text: String { String(decoding: output, as: UTF8.self) }

    /// Runs a program in a folder to its end. Its input must fit into a pipe.
    static func run(
        _ program: String,
        _ arguments: [String],
        input: [UInt8] = [],
        in folder: String = "/"
    ) throws -> Ended {
        let process = Process()
        let (output, errors, standardInput) = (Pipe(), Pipe(), Pipe())
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = standardInput
        // `waitUntilExit` was seen to wait for ever for a program that had long ended.
        let hasEnded = Condition(false)
        process.terminationHandler = { _ in hasEnded.broadcast { $0 = true } }
        try Spawning.alone { try process.run() }
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input))
        try standardInput.fileHandleForWriting.close()
        let bytes = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        for pipe in [output, errors] { try? pipe.fileHandleForReading.close() }
        _ = hasEnded.wait { $0 ? true : nil }
        return Ended(status: process.terminationStatus, output: bytes, complaint: complaint)
    }
}
