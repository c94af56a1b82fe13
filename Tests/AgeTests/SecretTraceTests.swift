// SPDX-License-Identifier: Apache-2.0
import Age
import Secrets
import TestSupport
import Testing

/// Where secrets are after a file was written and opened: in secret memory, and nowhere else that a scan of this process
/// can see.
@Suite(.serialized, .enabled(if: MemoryScan.isPossible, "a sanitizer's memory is too large to go through"))
struct SecretTraceTests {
    private static let letters = Array("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789".utf8)

    @Test(arguments: [false, true]) func `no content stays behind`(_ armored: Bool) throws {
        let content = SecretBytes.random(Self.letters, count: 100_000)
        let identity = try AgeIdentity.generate()
        let file = try AgeFile.encrypt(content.span, to: AgeRecipients([identity.recipient]), armored: armored)
        try check(AgeFile.decrypt(file.span, with: [identity]), content)
        // Beginnings of the first and of the last chunk.
        for start in [0, AgePayload.chunkLength, 99_900] {
            let part = SecretBytes(copying: unsafe content.span.extracting(start..<start + 40).bytes)
            // Once in `content`.
            #expect(try MemoryScan.count(part) == 1)
        }
    }

    @Test func `no passphrase stays behind`() throws {
        let passphrase = SecretBytes.random(Self.letters, count: 30)
        let content = SecretBytes(random: 40)
        let file = try AgeFile.encrypt(content.span, passphrase: passphrase, workFactor: 4, armored: false)
        try check(AgeFile.decrypt(file.span, passphrase: passphrase), content)
        #expect(try MemoryScan.count(passphrase) == 0)
        #expect(try MemoryScan.count(content) == 0)
    }

    @Test func `no text of an identity stays behind`() throws {
        let identity = try AgeIdentity.generate()
        let text = identity.text
        let file = try AgeIdentityFile([identity, AgeIdentity(text: text.span)])
        let protected = try AgeFile.encrypt(file.text.span, passphrase: .of("a"), workFactor: 1, armored: true)
        let opened = try AgeIdentityFile(protected: protected.span, passphrase: .of("a"))
        #expect(opened.identities.map(\.recipient) == [identity.recipient, identity.recipient])
        #expect(try MemoryScan.count(text) == 0)
    }

    private func check(_ opened: consuming SecretBytes, _ content: borrowing SecretBytes) throws {
        let isSame = ConstantTime.areEqual(opened.span, content.span)
        #expect(isSame)
    }
}
