// SPDX-License-Identifier: Apache-2.0
import Encoding
import Secrets
import Testing

@Suite struct Argon2idTests {
    /// The answer of the reference program: `-id -t 3 -k 65536 -p 1 -l 32` over this salt and passphrase.
    @Test func `it gives the answer of the reference program`() throws {
        let passphrase = Array("correct horse battery staple".utf8)
        let salt = Array("saltsaltsaltsalt".utf8)
        guard let key = Argon2id.least.derive(passphrase: passphrase.span, salt: salt.span, count: 32) else {
            Issue.record("nothing was derived")
            return
        }
        let expected = "6a4ebe4b02cec6bcbad430e30f0d2e0c1059d5cd28e4ea46278a47308fc91210"
        #expect(Hex.encode(key.span, prefix: false) == expected)
    }

    @Test func `what is cheaper to guess, or too dear to derive, is not acceptable`() {
        #expect(Argon2id.least.isAcceptable && Argon2id.most.isAcceptable)
        #expect(!Argon2id(passes: 2, memory: 64 << 10).isAcceptable)
        #expect(!Argon2id(passes: 3, memory: (64 << 10) - 1).isAcceptable)
        #expect(!Argon2id(passes: 17, memory: 64 << 10).isAcceptable)
        #expect(!Argon2id(passes: 3, memory: .max).isAcceptable)
    }

    @Test func `memory that the system does not give is no crash`() {
        let salt = [UInt8](repeating: 1, count: 16)
        // More than any machine has.
        let key = Argon2id(passes: 1, memory: 1 << 38).derive(passphrase: salt.span, salt: salt.span, count: 32)
        let isNothing = key == nil
        #expect(isNothing)
    }
}
