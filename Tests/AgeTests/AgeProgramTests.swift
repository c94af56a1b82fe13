// SPDX-License-Identifier: Apache-2.0
import Age
import Foundation
import Secrets
import TestSupport
import Testing

/// Against the program `age` of the distribution, in both directions.
@Suite(.timeLimit(.minutes(10))) struct AgeProgramTests {
    private let folder: TemporaryFolder
    private static let passphrase = "correct horse"

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [0, 1, 65_536, 65_537, 200_000], [false, true])
    func `it opens what we write, and we open what it writes`(_ size: Int, _ armored: Bool) throws {
        let content = Random.bytes(size)
        let identities = try (0..<3).map { _ in try AgeIdentity.generate() }
        let recipients = try AgeRecipients(identities.map(\.recipient))
        try write(Example.encrypt(content, to: recipients, armored: armored), "ours.age")
        for identity in identities {
            try write(AgeIdentityFile([identity]).text.array, "identity")
            #expect(try program("age", ["--decrypt", "--identity", "identity", "ours.age"]).output == content)
        }
        try write(content, "content")
        let names = recipients.list.flatMap { ["--recipient", $0.description] }
        try program("age", names + (armored ? ["--armor"] : []) + ["--output", "theirs.age", "content"])
        for identity in identities {
            #expect(try Example.decrypt(read("theirs.age"), with: [identity]) == content)
        }
        #expect(throws: AgeError.noMatch) { _ = try Example.decrypt(read("theirs.age")) }
    }

    @Test func `identity files are read by both`() throws {
        let file = try AgeIdentityFile([.generate(), .generate()])
        try write(file.text.array, "ours")
        let seen = try program("age-keygen", ["-y", "ours"]).text.split(separator: "\n").map(String.init)
        #expect(seen == file.identities.map(\.recipient.description))
        try program("age-keygen", ["-o", "theirs"])
        let theirs = try AgeIdentityFile.of(String(decoding: read("theirs"), as: UTF8.self))
        let recipient = try program("age-keygen", ["-y", "theirs"]).text
        #expect(theirs.identities.map { "\($0.recipient)\n" } == [recipient])
    }

    @Test(arguments: [false, true]) func `a passphrase opens the files of both`(_ armored: Bool) throws {
        try write(Example.encrypt(Example.content, passphrase: Self.passphrase, armored: armored), "ours.age")
        try atTerminal(["--decrypt", "--output", "opened", "ours.age"])
        #expect(try read("opened") == Example.content)
        try write(Example.content, "content")
        try atTerminal(["--passphrase"] + (armored ? ["--armor"] : []) + ["--output", "theirs.age", "content"])
        #expect(try Example.decrypt(read("theirs.age"), passphrase: Self.passphrase) == Example.content)
    }

    @Test(arguments: [false, true]) func `protected identity files are read by both`(_ armored: Bool) throws {
        let text = try AgeIdentityFile([.generate(), Example.identity()]).text.array
        try write(Example.encrypt(text, passphrase: Self.passphrase, armored: armored), "ours.age")
        try write(Example.encrypt(Example.content), "content.age")
        try atTerminal(["--decrypt", "--identity", "ours.age", "--output", "opened", "content.age"])
        #expect(try read("opened") == Example.content)
        try write(text, "identities")
        try atTerminal(["--passphrase"] + (armored ? ["--armor"] : []) + ["--output", "theirs.age", "identities"])
        let theirs = try read("theirs.age")
        let file = try AgeIdentityFile(protected: theirs.span, passphrase: .of(Self.passphrase))
        #expect(try Example.decrypt(read("content.age"), with: file.identities) == Example.content)
    }

    private func write(_ bytes: [UInt8], _ name: String) throws { try folder.write(Data(bytes), to: name) }
    private func read(_ name: String) throws -> [UInt8] { Array(try folder.contents(name)) }

    @discardableResult
    private func program(_ name: String, _ arguments: [String]) throws -> Ended {
        let ended = try Ended.run("/usr/bin/\(name)", arguments, in: folder.path)
        try #require(ended.status == 0, "\(name) \(arguments): \(ended.text)\(ended.complaint)")
        return ended
    }

    /// `age` with somebody who types the passphrase.
    private func atTerminal(_ arguments: [String]) throws {
        let typist = Vectors.packageRoot.appending(path: "Tests/AgeTests/at-a-terminal").path
        let command = [typist, Self.passphrase, "/usr/bin/age"] + arguments
        let ended = try Ended.run("/usr/bin/python3", command, in: folder.path)
        try #require(ended.status == 0, "age \(arguments): \(ended.text)\(ended.complaint)")
    }
}
