// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Foundation
import Glibc
import Keystores
import Secrets
import TestSupport
import Testing

/// Where secrets are after loading: in secret memory, and nowhere else that a scan of this process can see.
@Suite(.serialized, .enabled(if: MemoryScan.isPossible, "a sanitizer's memory is too large to go through"))
struct SecretTraceTests {
    private static let digits = Array("0123456789abcdef".utf8)
    private static let letters = Array("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789".utf8)

    /// Digits of a valid key.
    private func rawKey() -> SecretBytes {
        var digits = SecretBytes.random(Self.digits, count: 64)
        digits.withMutableSpan { $0[0] = UInt8(ascii: "1") }
        return digits
    }

    @Test func `the scan finds what is there`() throws {
        let needle = rawKey()
        #expect(try MemoryScan.count(needle) == 0)
        let copy = needle.withSpan { span in span.indices.map { span[$0] } }
        let found = try MemoryScan.count(needle)
        #expect(found == 1)
        withExtendedLifetime(copy) {}
    }

    @Test(arguments: ["", "extra: field\n"])
    func `no digit of a raw key stays behind, whichever reader took it`(_ extra: String) async throws {
        let directory = try TemporaryDirectory()
        let digits = rawKey()
        try digits.write(
            to: "\(directory.path)/a.yaml",
            before: "type: file-raw\nprivateKey: \"",
            after: "\"\n\(extra)"
        )
        let loaded = try await load([directory.source])
        #expect(loaded.keys.count == 1)
        #expect(try MemoryScan.count(digits) == 0)
    }

    @Test func `neither password nor secret of a keystore stays behind`() async throws {
        let directory = try TemporaryDirectory()
        let text = SecretBytes.random(Self.letters, count: 40)
        var secret = SecretBytes(random: 32)
        secret.withMutableSpan { $0[0] = 1 }
        for (name, suffix, derivation) in [
            ("a", "", Keystore.Derivation.pbkdf2(iterations: 10)),
            ("b", "ü", .scrypt(ScryptParameters(n: 16, r: 8, p: 1))),
        ] {
            try text.write(to: "\(directory.path)/\(name).txt", after: suffix)
            var reader = SecretFileReader()
            try reader.read("\(directory.path)/\(name).txt", limit: 100)
            let password = try Password(normalizing: reader.contents)
            reader.wipe()
            let keystore = try Keystore(encrypting: secret, publicKey: nil, password: password, derivation: derivation)
            try directory.write("\(name).json", keystore.json())
        }
        let passwords = KeystorePasswords.directory(directory.path)
        let loaded = try await load([.keystores(directory: directory.path, passwords: passwords)])
        #expect(loaded.failures.isEmpty)
        #expect(loaded.keys.count == 1 && loaded.warnings.count == 1)
        #expect(try MemoryScan.count(text) == 0)
        #expect(try MemoryScan.count(secret) == 0)
    }
}

extension SecretBytes {
    /// A file with `before`, this and `after`, written without a copy outside secret memory.
    func write(to path: String, before: String = "", after: String = "") throws {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try put(Array(before.utf8), descriptor)
        let written = withBytes {
            unsafe $0.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        }
        try #require(written == count)
        try put(Array(after.utf8), descriptor)
    }

    private func put(_ bytes: [UInt8], _ descriptor: Int32) throws {
        try #require(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }
}
