// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Mnemonics
import Secrets
import Testing

@Suite struct GeneratedKeyTests {
    @Test func `a new key is made again out of its words`() throws {
        let arena = SecretArena()
        let generated = try GeneratedKey(arena: arena)
        #expect(generated.path.description == "m/12381/3600/0/0/0")
        #expect(generated.mnemonic.wordCount == 24)
        let again = try GeneratedKey(
            from: Mnemonic(generated.mnemonic.words),
            path: .signing(validator: 0),
            arena: arena
        )
        #expect(again.key.publicKey == generated.key.publicKey)
        let bytes = generated.bigEndianBytes()
        let sameBytes = again.bigEndianBytes()
        let isSame = ConstantTime.areEqual(bytes.span, sameBytes.span)
        #expect(isSame)
        let fromBytes = try bytes.withBytes { try SecretKey(bigEndian: $0, arena: arena) }
        #expect(fromBytes.publicKey == generated.key.publicKey)
    }

    @Test func `a passphrase and a path make another key of the same words`() throws {
        let words = WordVector.all[0].words
        let arena = SecretArena()
        func key(_ passphrase: String, _ path: DerivationPath) throws -> PublicKey {
            let bytes = Array(passphrase.utf8)
            return try GeneratedKey(from: Mnemonic(words), passphrase: bytes.span, path: path, arena: arena).key
                .publicKey
        }
        let keys = try [
            key("", .signing(validator: 0)), key("x", .signing(validator: 0)), key("", .signing(validator: 1)),
            key("", .withdrawal(validator: 0)),
        ]
        #expect(Set(keys).count == 4)
        #expect(try keys[0] == key("", .signing(validator: 0)))
        #expect(arena.occupied == 0)
    }

    @Test func `each key of a batch has words of its own`() throws {
        let arena = SecretArena()
        let keys = try GeneratedKey.batch(5, arena: arena)
        #expect(Set(keys.map(\.key.publicKey)).count == 5)
        #expect(Set(keys.map { $0.mnemonic.words }).count == 5)
        #expect(arena.occupied == 5)
        #expect(try GeneratedKey.batch(0, arena: arena).isEmpty)
        withExtendedLifetime(keys) {}
    }
}
