// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Secrets
import Testing

@Suite struct Curve25519Tests {
    @Test func `X25519 gives the answer of RFC 7748`() throws {
        let alice = try Hex.decode("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        let bob = try Hex.decode("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        let (alicePublic, bobPublic) = (try X25519.publicKey(of: alice.span), try X25519.publicKey(of: bob.span))
        #expect(alicePublic.description == "0x8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        #expect(bobPublic.description == "0xde9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        let expected = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        let first = try X25519.agree(alice.span, with: bobPublic)
        #expect(Hex.encode(first.span, prefix: false) == expected)
        let second = try X25519.agree(bob.span, with: alicePublic)
        #expect(Hex.encode(second.span, prefix: false) == expected)
    }

    @Test(arguments: [
        // The points of small order that are not written in another way: 0, 1, and one of order eight.
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    ])
    func `a public key that shares its secret with everybody is refused`(_ point: String) throws {
        let key = try #require(Bytes<32>(try Hex.decode(point)))
        let secret = Random.bytes(32)
        #expect(throws: CryptoError.weakPublicKey) { _ = try X25519.agree(secret.span, with: key) }
    }

    @Test func `Ed25519 gives the answer of RFC 8032`() throws {
        let seed = try Hex.decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let (nothing, something): ([UInt8], [UInt8]) = ([], [0])
        let key = try Ed25519.publicKey(of: seed.span)
        #expect(key.description == "0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        let signature = try Ed25519.sign(nothing.span, seed: seed.span)
        #expect(
            signature.description == "0xe5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        )
        #expect(try Ed25519.isValid(signature, of: nothing.span, by: key))
        #expect(try !Ed25519.isValid(signature, of: something.span, by: key))
        let another = Random.bytes(32)
        let other = try Ed25519.publicKey(of: another.span)
        #expect(try !Ed25519.isValid(signature, of: nothing.span, by: other))
    }
}
