// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Secrets
import Testing

/// One published answer.
struct AEADCase: Sendable, CustomTestStringConvertible {
    let algorithm: AEAD
    let key: String
    let nonce: String
    let associated: String
    let text: [UInt8]
    let expected: String

    var testDescription: String { "\(algorithm.rawValue), \(text.count) bytes" }
}

@Suite struct AEADTests {
    static let cases = [
        // The cases 13, 14 and 16 of the proposal of GCM to NIST.
        AEADCase(
            algorithm: .aes256GCM,
            key: String(repeating: "00", count: 32),
            nonce: String(repeating: "00", count: 12),
            associated: "",
            text: [],
            expected: "530f8afbc74536b9a963b4f1c4cb738b"
        ),
        AEADCase(
            algorithm: .aes256GCM,
            key: String(repeating: "00", count: 32),
            nonce: String(repeating: "00", count: 12),
            associated: "",
            text: [UInt8](repeating: 0, count: 16),
            expected: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        ),
        AEADCase(
            algorithm: .aes256GCM,
            key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            nonce: "cafebabefacedbaddecaf888",
            associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            text: bytes(
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                    + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
            ),
            expected: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
        // RFC 8439 §2.8.2.
        AEADCase(
            algorithm: .chaCha20Poly1305,
            key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            nonce: "070000004041424344454647",
            associated: "50515253c0c1c2c3c4c5c6c7",
            text: Array(
                ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
                    + "sunscreen would be it.").utf8
            ),
            expected: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                + "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                + "3ff4def08e4b7a9de576d26586cec64b6116" + "1ae10b594f09e26a7e902ecbd0600691"
        ),
    ]

    private static func bytes(_ hex: String) -> [UInt8] { (try? Hex.decode(hex)) ?? [] }

    @Test(arguments: cases) func `it gives the published answer in both directions`(_ one: AEADCase) throws {
        let (key, nonce) = (Self.bytes(one.key), Self.bytes(one.nonce))
        let associated = Self.bytes(one.associated)
        let sealed = try one.algorithm.seal(
            one.text.span,
            key: key.span,
            nonce: nonce.span,
            associatedData: associated.span
        )
        #expect(Hex.encode(sealed.span, prefix: false) == one.expected)
        let opened = try one.algorithm.open(
            sealed.span,
            key: key.span,
            nonce: nonce.span,
            associatedData: associated.span
        )
        let text = opened.withSpan { span in span.indices.map { span[$0] } }
        #expect(text == one.text)
    }

    @Test(arguments: [AEAD.aes256GCM, .chaCha20Poly1305])
    func `nothing is given out when a bit of anything is another`(_ algorithm: AEAD) throws {
        let parts = try sealed(Random.bytes(40), algorithm)
        for part in parts.indices {
            for position in parts[part].indices {
                var changed = parts
                changed[part][position] ^= UInt8(1) << UInt8.random(in: 0..<8)
                #expect(throws: CryptoError.notAuthentic) { try open(changed, algorithm) }
            }
        }
        for length in 0..<parts[3].count {
            var cut = parts
            cut[3] = Array(cut[3].prefix(length))
            #expect(throws: CryptoError.notAuthentic) { try open(cut, algorithm) }
        }
        try open(parts, algorithm)
    }

    /// Key, nonce, associated data and ciphertext.
    private func sealed(_ text: [UInt8], _ algorithm: AEAD) throws -> [[UInt8]] {
        let (key, nonce, associated) = (Random.bytes(32), Random.bytes(12), Random.bytes(20))
        let sealed = try algorithm.seal(
            text.span,
            key: key.span,
            nonce: nonce.span,
            associatedData: associated.span
        )
        return [key, nonce, associated, sealed]
    }

    private func open(_ parts: [[UInt8]], _ algorithm: AEAD) throws {
        let (key, nonce, associated, sealed) = (parts[0], parts[1], parts[2], parts[3])
        _ = try algorithm.open(
            sealed.span,
            key: key.span,
            nonce: nonce.span,
            associatedData: associated.span
        )
    }

    @Test func `keys and nonces of another length are refused by name`() {
        #expect(throws: CryptoError.wrongLength(of: "AES-256-GCM key", bytes: 16, expected: 32)) {
            try open([Random.bytes(16), Random.bytes(12), [], Random.bytes(16)], .aes256GCM)
        }
        #expect(throws: CryptoError.wrongLength(of: "AES-256-GCM nonce", bytes: 16, expected: 12)) {
            try open([Random.bytes(32), Random.bytes(16), [], Random.bytes(16)], .aes256GCM)
        }
    }
}

@Suite struct HKDFTests {
    @Test(arguments: [
        // RFC 5869, A.1 to A.3.
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
                + "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
            "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
                + "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
                + "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
                + "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        ),
    ])
    func `it gives the answers of RFC 5869`(_ secret: String, _ salt: String, _ info: String, _ expected: String) throws
    {
        let (secret, salt, info) = (try Hex.decode(secret), try Hex.decode(salt), try Hex.decode(info))
        let key = try HKDF.sha256(secret.span, salt: salt.span, info: info.span, count: expected.count / 2)
        #expect(Hex.encode(key.span, prefix: false) == expected)
    }

    @Test func `an output that RFC 5869 does not define is refused`() {
        let some: [UInt8] = [1]
        #expect(throws: CryptoError.outputTooLong(bytes: 8161, limit: 8160)) {
            _ = try HKDF.sha256(some.span, salt: some.span, info: some.span, count: 8161)
        }
        #expect(throws: CryptoError.self) {
            _ = try HKDF.sha256(some.span, salt: some.span, info: some.span, count: 0)
        }
    }
}
