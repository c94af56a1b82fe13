// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Secrets
import Testing

@Suite struct DigestTests {
    @Test func `SHA-256 gives the answers of FIPS 180`() throws {
        #expect(
            try Digest.sha256([UInt8]().span).description
                == "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
        #expect(
            try Digest.sha256(Array("abc".utf8).span).description
                == "0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
    }

    @Test func `a digest may go into secret memory, and nowhere else fits`() throws {
        var digest = SecretBytes(count: 32) { _ in }
        try digest.withMutableSpan { try Digest.sha256(Array("abc".utf8).span, into: &$0) }
        #expect(
            Hex.encode(digest.span, prefix: false)
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        var short = SecretBytes(count: 31) { _ in }
        #expect(throws: CryptoError.wrongLength(of: "digest", bytes: 31, expected: 32)) {
            try short.withMutableSpan { try Digest.sha256(Array("abc".utf8).span, into: &$0) }
        }
    }

    @Test func `SHA-512 gives the answers of FIPS 180`() throws {
        #expect(
            try Digest.sha512(Array("abc".utf8).span).description
                == "0xddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        )
    }

    @Test(arguments: [
        (
            [UInt8](repeating: 0x0b, count: 20), "Hi There",
            "0xb0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "0x5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "0x60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        ([], "", "0xb613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ])
    func `HMAC-SHA256 gives the answers of RFC 4231`(_ key: [UInt8], _ message: String, _ expected: String) throws {
        let message = Array(message.utf8)
        let tag = try HMAC.sha256(key: key.span, message.span)
        #expect(tag.description == expected)
    }
}

@Suite struct AESTests {
    private let key: [UInt8] = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
    ]
    private let vector: [UInt8] = (0xf0...0xff).map { $0 }
    private let plain =
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        + "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    private let cipher =
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
        + "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"

    @Test func `AES-128-CTR gives the answer of SP 800-38A in both directions`() throws {
        // A throwing call between two spans of one expression crashes this compiler; so the text has a line of its own.
        let text = try Hex.decode(plain)
        let encrypted = try AES128CTR.apply(key: key.span, initializationVector: vector.span, to: text.span)
        #expect(Hex.encode(encrypted.span, prefix: false) == cipher)
        let decrypted = try AES128CTR.apply(key: key.span, initializationVector: vector.span, to: encrypted.span)
        #expect(Hex.encode(decrypted.span, prefix: false) == plain)
    }

    @Test func `keys and vectors of another length are refused by name`() {
        #expect(throws: CryptoError.wrongLength(of: "AES key", bytes: 15, expected: 16)) {
            _ = try AES128CTR.apply(
                key: [UInt8](repeating: 1, count: 15).span,
                initializationVector: vector.span,
                to: [1].span
            )
        }
        #expect(throws: CryptoError.wrongLength(of: "initialisation vector", bytes: 12, expected: 16)) {
            _ = try AES128CTR.apply(
                key: key.span,
                initializationVector: [UInt8](repeating: 1, count: 12).span,
                to: [1].span
            )
        }
    }
}
