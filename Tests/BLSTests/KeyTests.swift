// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Secrets
import Testing

/// A key from the hexadecimal form of its scalar.
func secretKey(_ hex: String, in arena: SecretArena = SecretArena()) throws -> SecretKey {
    let bytes: [UInt8] = try Hex.decode(hex)
    let secret = unsafe SecretBytes(copying: bytes.span.bytes)
    return try secret.withBytes { (span) throws(SecretKey.Failure) in try SecretKey(bigEndian: span, arena: arena) }
}

@Suite struct SecretKeyTests {
    @Test func `the public key of a secret is the one of EIP-2335`() throws {
        let key = try secretKey("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")
        #expect(
            key.publicKey.description
                == "0x9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07"
        )
    }

    @Test(arguments: [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",  // the order of the group
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "00", "",
        "0000000000000000000000000000000000000000000000000000000000000000ff",
    ]) func `what is not a scalar of the group is refused and leaves nothing in the arena`(hex: String) throws {
        let arena = SecretArena()
        #expect(throws: SecretKey.Failure.notAScalar) { try secretKey(hex, in: arena) }
        #expect(arena.occupied == 0)
    }

    @Test func `the greatest scalar is a key`() throws {
        let key = try secretKey("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000")
        #expect(key.publicKey.isValid)
    }

    @Test func `a key leaves the arena with its last holder`() throws {
        let arena = SecretArena()
        var key: SecretKey? = try secretKey("01", padded: true, in: arena)
        let other = key
        #expect(arena.occupied == 1)
        key = nil
        #expect(other != nil && arena.occupied == 1)
        withExtendedLifetime(other) {}
    }

    @Test func `what a key signs its public key verifies, and no other`() throws {
        let first = try secretKey("01", padded: true)
        let second = try secretKey("02", padded: true)
        let message = PreparedMessage(root: SHA256.hash([7].span))
        let signature = first.sign(message)
        #expect(signature.isValid(for: message, by: first.publicKey))
        #expect(!signature.isValid(for: message, by: second.publicKey))
        #expect(!signature.isValid(for: PreparedMessage(root: Bytes()), by: first.publicKey))
        #expect(first.sign(message) == signature)
        #expect(second.sign(message) != signature)
    }
}

private func secretKey(_ hex: String, padded: Bool, in arena: SecretArena = SecretArena()) throws -> SecretKey {
    try secretKey(String(repeating: "0", count: 64 - hex.count) + hex, in: arena)
}

@Suite struct PointTests {
    private static let infinity = "0xc0" + String(repeating: "00", count: 47)

    @Test func `infinity is a point but not a key`() throws {
        let key = try PublicKey(hex: Self.infinity)
        #expect(try G1Point(compressed: key.bytes).isInfinity)
        #expect(throws: PointFailure.infinity) { try key.validated() }
        #expect(!key.isValid)
    }

    @Test(arguments: [
        ("0x" + String(repeating: "00", count: 48), PointFailure.malformed),
        ("0x80" + String(repeating: "00", count: 47), .notInGroup),
        ("0x80" + String(repeating: "00", count: 46) + "01", .notOnCurve),
        ("0xff" + String(repeating: "ff", count: 47), .malformed),
    ]) func `the reason why bytes are no key is told`(hex: String, failure: PointFailure) throws {
        let key = try PublicKey(hex: hex)
        #expect(throws: failure) { try key.validated() }
    }

    @Test func `keys that cancel each other out verify nothing`() throws {
        let key = try secretKey("0000000000000000000000000000000000000000000000000000000000000001")
        let negative = try secretKey("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000")
        let message = PreparedMessage(root: Bytes())
        let sum = try #require(try Signature.aggregate([key.sign(message), negative.sign(message)]))
        #expect(try sum.validated().isInfinity)
        #expect(!sum.isValid(for: message, byAll: [key.publicKey, negative.publicKey]))
        #expect(!sum.isValid(for: message, byAll: []))
        #expect(!sum.isValid(for: []))
        #expect(!Signature.areAllValid([]))
    }

    /// Two signatures that are each wrong and right in their sum: what the random factors are for.
    @Test func `forged signatures that cancel each other out are found in a batch`() throws {
        let first = try secretKey("000000000000000000000000000000000000000000000000000000000000000b")
        let second = try secretKey("0000000000000000000000000000000000000000000000000000000000000016")
        let message = PreparedMessage(root: Bytes())
        let swapped = [
            (key: first.publicKey, message: message, signature: second.sign(message)),
            (key: second.publicKey, message: message, signature: first.sign(message)),
        ]
        #expect(!Signature.areAllValid(swapped))
        let honest = [
            (key: first.publicKey, message: message, signature: first.sign(message)),
            (key: second.publicKey, message: message, signature: second.sign(message)),
        ]
        #expect(Signature.areAllValid(honest))
        let sum = try #require(try Signature.aggregate(swapped.map(\.signature)))
        #expect(sum.isValid(for: message, byAll: [first.publicKey, second.publicKey]))
    }

    @Test func `a message becomes the point of RFC 9380`() {
        // Appendix J.10.1, the empty message.
        #expect(
            coordinates(of: "")[0]
                == "0x0141ebfbdca40eb85b87142e130ab689c673cf60f1a3e98d69335266f30d9b8d4ac44c1038e9dcdd5393faf5c41fb78a"
                + ",0x05cb8437535e20ecffaef7752baddf98034139c38452458baeefab379ba13dff5bf5dd71b72418717047f5b0f37da03d"
        )
    }
}

@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ]) func `digests of FIPS 180-4`(message: String, digest: String) {
        #expect(SHA256.hash(Array(message.utf8).span).description == "0x" + digest)
    }

    @Test func `a node over two chunks of zeros is the first of the zero hashes`() {
        #expect(
            SHA256.hash(Bytes<32>(), Bytes<32>()).description
                == "0xf5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"
        )
    }
}
