// SPDX-License-Identifier: Apache-2.0
import Age
import Secrets
import Testing

/// What needs no vectors.
@Suite struct FileTests {
    static let sizes = [0, 1, 15, 16, 47, 48, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 200_000]

    @Test(arguments: sizes, [false, true]) func `content of any size comes back`(_ size: Int, _ armored: Bool) throws {
        let content = Random.bytes(size)
        let file = try Example.encrypt(content, armored: armored)
        #expect(try Example.decrypt(file) == content)
        #expect(file.starts(with: Array((armored ? "-----BEGIN AGE" : "age-encryption.org/v1\n").utf8)))
    }

    @Test(arguments: [0, 1, 65_536, 70_000], [false, true])
    func `content comes back with its passphrase`(_ size: Int, _ armored: Bool) throws {
        let content = Random.bytes(size)
        let file = try Example.encrypt(content, passphrase: "a word", armored: armored)
        #expect(try Example.decrypt(file, passphrase: "a word") == content)
        #expect(throws: AgeError.wrongPassphrase) { _ = try Example.decrypt(file, passphrase: "a word ") }
    }

    /// Written by `age` 1.1.1, so that files of today open for ever.
    @Test func `a file of the program age opens`() throws {
        let file = """
            -----BEGIN AGE ENCRYPTED FILE-----
            YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBydmM0TmVMNjc2UEFmSHhj
            U3pnRWUzSWlHc0l4VkpVa1puNjNoWm1OQVVjCjh1WGM5aFZzcTFJWGdhU1BsaHFM
            dXZueWhqZld2V1pGK3FCaSs0ZCtYTjQKLS0tIFNRYlJhM3JZWnBXbTFzV21URnA0
            R1g3bFBmUEJUUmNFRXdOQWxXdXdmNUUKy2a0p1E9oE2xuilbPR2E5cY2zqEegDkt
            mODhBv2vVf30wYacZXJg9J3AlE00FqU9k2FCHaxcjoT2j0sByc4biuHDxhADxnj2
            Q6fCw2SFgdvMMqavgjTa1JW+xSWote5nepQiv199rnabPsmUgOdYuKsSH9DdswpY
            6AAuEf4=
            -----END AGE ENCRYPTED FILE-----

            """
        #expect(try Example.decrypt(Array(file.utf8)) == Example.content)
    }

    /// The same, with a work factor of 18.
    @Test func `a file of the program age opens with its passphrase`() throws {
        let file = """
            -----BEGIN AGE ENCRYPTED FILE-----
            YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBzWmZ3ejhiSllkdHBzZUph
            bGR0MjR3IDE4CmVRcG5GaFd0bGltNDk1L1JzeUZ2M1d2ZGt1Yjg3MkdLSGtGNmly
            UU82QzAKLS0tIExNRkNlWnYwODdFSmQzY3NVUDlBR1d4WTA2aFUzRHFJOHpFQ2V5
            eXlvd00KS29HhVevIUtdUnmneoKe/9RRbVQuiB+FXQdRMRZWfuzabXgkndgFn7KQ
            6HvX44+1FVjtkJwbW27d8vIRBsT3t4lgibqM41K8XbFvA1lgWgARTrdgvgkCO824
            iUsHvm48dW64Xinuq5vfYxZrnWZ8Ya8ltUGVU4x5QGVc1jM=
            -----END AGE ENCRYPTED FILE-----
            """
        let bytes = Array(file.utf8)
        #expect(try Example.decrypt(bytes, passphrase: "correct horse") == Example.content)
        #expect(throws: AgeError.workFactor(18, limit: 17)) {
            _ = try Example.decrypt(bytes, passphrase: "correct horse", limit: 17)
        }
    }

    @Test func `every recipient opens it, and nobody else does`() throws {
        let identities = try (0..<5).map { _ in try AgeIdentity.generate() }
        let recipients = try AgeRecipients(identities.map(\.recipient))
        let file = try Example.encrypt(Example.content, to: recipients)
        for identity in identities {
            #expect(try Example.decrypt(file, with: [.generate(), identity]) == Example.content)
        }
        #expect(throws: AgeError.noMatch) { _ = try Example.decrypt(file, with: [.generate(), .generate()]) }
        #expect(throws: AgeError.noMatch) { _ = try Example.decrypt(file, with: []) }
    }

    @Test func `the stanzas stand in the order of the recipients`() throws {
        let identities = try (0..<5).map { _ in try AgeIdentity.generate() }
        let file = try Example.encrypt([], to: AgeRecipients(identities.map(\.recipient)))
        let header = try AgeHeader.of(file)
        #expect(header.stanzas.map(\.kind) == Array(repeating: "X25519", count: 5))
        for (place, stanza) in header.stanzas.enumerated() {
            // The MAC is one of another file key: that it is looked at shows that the stanza was opened.
            let alone = try AgeHeader(stanzas: [stanza], fileKey: AgeFileKey()).text + file.dropFirst(header.length)
            for (number, identity) in identities.enumerated() {
                let expected = number == place ? AgeError.headerAltered : .noMatch
                #expect(throws: expected) { _ = try Example.decrypt(alone, with: [identity]) }
            }
        }
    }

    @Test func `the same content is never the same file`() throws {
        let files = try (0..<2).map { _ in try Example.encrypt(Example.content) }
        let length = try AgeHeader.of(files[0]).length
        let headers = try files.map { try AgeHeader.of($0) }
        #expect(headers[0].stanzas[0].arguments[1] != headers[1].stanzas[0].arguments[1])
        #expect(headers[0].stanzas[0].body != headers[1].stanzas[0].body)
        let nonces = files.map { Array($0[length..<length + AgePayload.nonceLength]) }
        #expect(nonces[0] != nonces[1])
    }

    @Test func `stanzas of other kinds are passed over`() throws {
        let other = AgeStanza(arguments: ["example.com/kind", "\"!~"], body: Random.bytes(96))
        let bare = AgeStanza(arguments: ["x"], body: [])
        let fileKey = SecretBytes(random: AgeFileKey.length)
        let known = try AgeHeader.of(Example.encrypt([])).stanzas
        let header = try AgeHeader(stanzas: [other] + known + [bare], fileKey: AgeFileKey(fileKey))
        #expect(try AgeHeader.of(header.text) == header)
        #expect(throws: AgeError.headerAltered) { _ = try Example.decrypt(header.text) }
    }

    @Test func `who has the wrong kind of key is told so`() throws {
        let toRecipients = try Example.encrypt(Example.content, armored: true)
        let byPassphrase = try Example.encrypt(Example.content, passphrase: "a", armored: true)
        #expect(throws: AgeError.hasNoPassphrase) { _ = try Example.decrypt(toRecipients, passphrase: "a") }
        #expect(throws: AgeError.needsPassphrase) { _ = try Example.decrypt(byPassphrase) }
        #expect(throws: AgeError.emptyPassphrase) { _ = try Example.decrypt(byPassphrase, passphrase: "") }
        #expect(throws: AgeError.emptyPassphrase) { _ = try Example.encrypt([], passphrase: "") }
    }

    @Test func `what is too large is refused before it is looked at`() throws {
        let content = [UInt8](repeating: 0, count: AgeFile.contentLimit + 1)
        let error = AgeError.tooLarge(bytes: AgeFile.contentLimit + 1, limit: AgeFile.contentLimit)
        #expect(throws: error) { _ = try Example.encrypt(content) }
        let file = [UInt8](repeating: 0, count: AgeFile.fileLimit + 1)
        #expect(throws: AgeError.tooLarge(bytes: AgeFile.fileLimit + 1, limit: AgeFile.fileLimit)) {
            _ = try Example.decrypt(file)
        }
    }

    @Test func `a work factor that nobody can pay is the caller's mistake`() async {
        await #expect(processExitsWith: .failure) { _ = try Example.encrypt([], passphrase: "a", workFactor: 23) }
        await #expect(processExitsWith: .failure) { _ = try Example.decrypt([], passphrase: "a", limit: 0) }
    }
}
