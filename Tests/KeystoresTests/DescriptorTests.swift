// SPDX-License-Identifier: Apache-2.0
import BLS
import Keystores
import Secrets
import Testing

@Suite struct RawDescriptorTests {
    @Test(arguments: [
        "type: file-raw\nkeyType: BLS\nprivateKey: 0xKEY\n",
        "type: \"file-raw\"\nkeyType: \"BLS\"\nprivateKey: \"KEY\"",
        "privateKey: 'KEY'\ntype: 'FILE-RAW'\n",
        "---\n# a comment\ntype: file-raw\r\nkeyType: bls\r\nprivateKey: 0XKEY\r\n",
        "\n\ntype:   file-raw  \nprivateKey:  KEY  \n",
        // From here on only the YAML parser can read them.
        "{type: file-raw, privateKey: '0xKEY'}",
        "type: file-raw # it is\nprivateKey: KEY\nextra: [1, 2, {a: b}]\n",
        "? type\n: file-raw\n? privateKey\n: KEY\n",
        "%YAML 1.1\n---\n\"type\": file-raw\n\"privateKey\": KEY\n...\n",
        "type: file-raw\nkeyType:\nprivateKey: >-\n  KEY\n",
        "type: file-raw\nprivateKey: KEY\n---\n",
    ])
    func `a raw key is read in every form of YAML`(_ template: String) async throws {
        let directory = try TemporaryDirectory()
        try directory.write("key.yaml", template.replacing("KEY", with: TestKey(77).hex))
        let loaded = try await load([directory.source])
        #expect(loaded.failures.isEmpty)
        #expect(loaded.publicKeys == [try TestKey(77).secretKey().publicKey])
        #expect(loaded.keys.first?.provenance.kind == .fileRaw)
    }

    @Test func `upper-case digits are the same key`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("key.yaml", TestKey(0xABCD_EF01).descriptor.replacing("abcdef", with: "ABCDEF"))
        #expect(try await load([directory.source]).publicKeys == [try TestKey(0xABCD_EF01).secretKey().publicKey])
    }

    @Test func `a file may hold many documents`() async throws {
        let directory = try TemporaryDirectory()
        let plain = (1...5).map { TestKey($0).descriptor }.joined(separator: "---\n")
        try directory.write("a.yaml", plain)
        try directory.write("b.yaml", (6...9).map { TestKey($0).descriptor + "note: {}\n" }.joined(separator: "---\n"))
        let loaded = try await load([directory.source])
        #expect(loaded.publicKeys == (try (1...9).map { try TestKey($0).secretKey().publicKey }))
        #expect(loaded.failures.isEmpty)
    }

    @Test(arguments: ["", "note: 1\n"])
    func `one bad document is named by its number and the others load`(_ extra: String) async throws {
        let directory = try TemporaryDirectory()
        let bad = "type: file-raw\nprivateKey: \(String(repeating: "0", count: 64))\n"
        try directory.write(
            "a.yaml",
            [TestKey(1).descriptor, bad + extra, TestKey(3).descriptor].joined(separator: "---\n")
        )
        let loaded = try await load([directory.source])
        #expect(loaded.publicKeys == (try [1, 3].map { try TestKey($0).secretKey().publicKey }))
        #expect(loaded.failures.map(\.document) == [2])
        #expect(loaded.reasons == [.notAScalar])
        #expect(loaded.failures.first?.path == "\(directory.path)/a.yaml")
    }

    @Test func `keys for secp256k1 are not used and not an error`() async throws {
        let directory = try TemporaryDirectory()
        let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000002"
        try directory.write("a.yaml", "type: file-raw\nkeyType: SECP256K1\nprivateKey: \(order)\n")
        try directory.write("b.yaml", "type: file-raw\nkeyType: secp256K1\nprivateKey: \(order)\nx: y\n")
        try directory.write("c.yaml", "type: file-keystore\nkeyType: SECP256K1\n")
        let loaded = try await load([directory.source])
        #expect(loaded.keys.isEmpty)
        #expect(loaded.failures.isEmpty)
    }

    @Test func `only visible yaml and yml files directly inside are read`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a.yaml", TestKey(1).descriptor)
        try directory.write("b.yml", TestKey(2).descriptor)
        try directory.write(".hidden.yaml", TestKey(3).descriptor)
        try directory.write("c.yaml.bak", TestKey(4).descriptor)
        try directory.write("yaml", TestKey(5).descriptor)
        _ = try directory.makeDirectory("inner")
        try directory.write("inner/d.yaml", TestKey(6).descriptor)
        let loaded = try await load([directory.source])
        #expect(loaded.publicKeys == (try [1, 2].map { try TestKey($0).secretKey().publicKey }))
        #expect(loaded.failures.isEmpty)
    }
}

/// A descriptor that must fail, and why.
struct BadDescriptor: Sendable {
    let text: String
    let reason: KeystoreError
}

@Suite struct BadDescriptorTests {
    @Test(arguments: [
        BadDescriptor(text: "", reason: .emptyDescriptor),
        BadDescriptor(text: "# nothing\n---\n", reason: .emptyDescriptor),
        BadDescriptor(text: "just text\n", reason: .notAMapping),
        BadDescriptor(text: "- type: file-raw\n", reason: .notAMapping),
        BadDescriptor(text: "privateKey: 00\n", reason: .missingField("type")),
        BadDescriptor(text: "type: file-raw\n", reason: .missingField("privateKey")),
        BadDescriptor(
            text: "type: file-raw\nprivateKey:\n",
            reason: .invalidField("privateKey", reason: "has 0 characters; a BLS key has 64 digits")
        ),
        BadDescriptor(
            text: "type: file-raw\nprivateKey: 0x1234\n",
            reason: .invalidField("privateKey", reason: "has 4 characters; a BLS key has 64 digits")
        ),
        BadDescriptor(
            text: "type: file-raw\nprivateKey: \(TestKey(1).hex)00\n",
            reason: .invalidField("privateKey", reason: "has 66 characters; a BLS key has 64 digits")
        ),
        BadDescriptor(
            text: "type: file-raw\nprivateKey: \(String(repeating: "g", count: 64))\n",
            reason: .invalidField("privateKey", reason: "contains a character that is not a hexadecimal digit")
        ),
        BadDescriptor(
            text: "type: file-raw\nprivateKey: [\(TestKey(1).hex)]\n",
            reason: .invalidField("privateKey", reason: "is not text")
        ),
        BadDescriptor(
            text: "type: file-raw\nkeyType: ED25519\nprivateKey: \(TestKey(1).hex)\n",
            reason: .invalidField("keyType", reason: "is neither BLS nor SECP256K1")
        ),
        BadDescriptor(text: "type: [file-raw]\n", reason: .invalidField("type", reason: "is not text")),
        BadDescriptor(text: "type: hashicorp\nserverHost: h\n", reason: .unsupportedType("hashicorp")),
        BadDescriptor(text: "type: Azure-Secret\n", reason: .unsupportedType("Azure-Secret")),
        BadDescriptor(text: "type: aws-kms\n", reason: .unsupportedType("aws-kms")),
        BadDescriptor(text: "type: yubihsm2\n", reason: .unknownType("yubihsm2")),
        BadDescriptor(text: "type: file-keystore\n", reason: .missingField("keystoreFile")),
        BadDescriptor(text: "type: file-keystore\nkeystoreFile: a\n", reason: .missingField("keystorePasswordFile")),
        BadDescriptor(
            text: "type: file-keystore\nkeystoreFile: ''\nkeystorePasswordFile: b\n",
            reason: .invalidField("keystoreFile", reason: "is empty")
        ),
    ])
    func `a descriptor that says nothing loadable is named with its reason`(_ bad: BadDescriptor) async throws {
        let directory = try TemporaryDirectory()
        try directory.write("bad.yaml", bad.text)
        try directory.write("good.yaml", TestKey(1).descriptor)
        let loaded = try await load([directory.source])
        #expect(loaded.keys.count == 1)
        #expect(loaded.reasons == [bad.reason])
        #expect(loaded.failures.first?.path == "\(directory.path)/bad.yaml")
        #expect(loaded.failures.first?.document == nil)
    }

    @Test(arguments: ["type: [file-raw\n", "a: &x 1\nb: *x\n", "type: a\ntype: b\n", "\u{0}", "\t- {"])
    func `text that is not plain YAML fails as a whole`(_ text: String) async throws {
        let directory = try TemporaryDirectory()
        try directory.write("bad.yaml", TestKey(1).descriptor + "---\n" + text)
        let loaded = try await load([directory.source])
        #expect(loaded.keys.isEmpty)
        guard case .yaml = loaded.reasons.first, loaded.failures.count == 1 else {
            Issue.record("another outcome: \(loaded.failures)")
            return
        }
    }

    @Test func `no failure and no description shows a piece of a key`() async throws {
        let directory = try TemporaryDirectory()
        let secret = "5ec2e7" + String(repeating: "c0ffee", count: 9) + "abcd"
        for (number, text) in [
            "type: file-raw\nprivateKey: \(secret)Z\n",
            "type: file-raw\nprivateKey: \(secret)\nprivateKey: \(secret)\n",
            "type: file-raw\nprivateKey: \"\(secret)\n", "type: file-raw\nprivateKey: *\(secret)\n",
            "privateKey: {\(secret): \(secret)}\ntype: file-raw\n",
        ].enumerated() {
            try directory.write("\(number).yaml", text)
        }
        let loaded = try await load([directory.source])
        #expect(loaded.failures.count == 5)
        for failure in loaded.failures {
            #expect(!failure.description.contains("c0ffee"))
            #expect(!String(reflecting: failure).contains("c0ffee"))
        }
    }
}
