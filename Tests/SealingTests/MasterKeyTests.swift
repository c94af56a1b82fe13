// SPDX-License-Identifier: Apache-2.0
import Encoding
import Sealing
import Secrets
import Testing

@Suite struct MasterKeyTests {
    private let identity = MasterKeyIdentity(chamber: .random(), generation: 1)
    private let place: [UInt8] = Array(repeating: 0xaa, count: 48)

    @Test func `what is sealed opens in its place under its key, and nowhere else`() throws {
        let master = MasterKey.random(identity)
        let secret = SecretBytes(random: 32)
        let body = try SealedBody.seal(secret.span, under: master, .validatorKey, place: place)
        #expect(body.count == 32 + SealedBody.overhead)
        let opened = try SealedBody.open(body, under: master, .validatorKey, place: place)
        let isSame = ConstantTime.areEqual(opened.span, secret.span)
        #expect(isSame)

        let elsewhere = [UInt8](repeating: 0xab, count: 48)
        #expect(throws: SealingError.notAuthentic) { try open(body, master, .validatorKey, elsewhere) }
        #expect(throws: SealingError.notAuthentic) { try open(body, master, .record, place) }
        let others = [
            MasterKey.random(identity),
            try MasterKey(try master.copy(), MasterKeyIdentity(chamber: identity.chamber, generation: 2)),
            try MasterKey(try master.copy(), MasterKeyIdentity(chamber: .random(), generation: 1)),
        ]
        for other in others {
            #expect(throws: SealingError.notAuthentic) { try open(body, other, .validatorKey, place) }
        }
    }

    @Test func `every changed bit, and every cut, is refused`() throws {
        let master = MasterKey.random(identity)
        let text = Random.bytes(32)
        let body = try SealedBody.seal(text.span, under: master, .validatorKey, place: place)
        for position in body.indices {
            var changed = body
            changed[position] ^= 1 << UInt8.random(in: 0..<8)
            let expected: SealingError = position == 0 ? .newerForm(version: changed[0]) : .notAuthentic
            #expect(throws: expected) { try open(changed, master, .validatorKey, place) }
        }
        for length in 0..<body.count {
            #expect(throws: SealingError.notAuthentic) {
                try open(Array(body.prefix(length)), master, .validatorKey, place)
            }
        }
    }

    @Test func `a key that was destroyed does nothing for anybody who holds it`() throws {
        let master = MasterKey.random(identity)
        let text: [UInt8] = [1, 2, 3]
        let body = try SealedBody.seal(text.span, under: master, .validatorKey, place: place)
        master.destroy()
        #expect(throws: SealingError.sealed) { try open(body, master, .validatorKey, place) }
        #expect(throws: SealingError.sealed) { _ = try master.verifier() }
        #expect(throws: SealingError.sealed) { _ = try master.copy() }
        master.destroy()
    }

    @Test func `another key does not pass for the one of the record`() throws {
        let master = MasterKey.random(identity)
        let verifier = try master.verifier()
        try MasterKey(try master.copy(), identity).verify(verifier)
        #expect(throws: SealingError.wrongMasterKey) { try MasterKey.random(identity).verify(verifier) }
        #expect(throws: SealingError.wrongMasterKey) { _ = try MasterKey(SecretBytes(random: 31), identity) }
    }

    /// The answers of docs/formats.md: whoever changes a label or the form makes every stored body unreadable.
    @Test func `the forms are those of the document`() throws {
        let chamber = ChamberIdentifier(try #require(Bytes<16>((0..<16).map { UInt8($0) })))
        let identity = MasterKeyIdentity(chamber: chamber, generation: 1)
        let key = SecretBytes(count: 32) { target in
            for place in 0..<32 { target.storeBytes(of: UInt8(place), toByteOffset: place, as: UInt8.self) }
        }
        let master = try MasterKey(key, identity)
        let verifier = try master.verifier()
        #expect(
            verifier.description
                == "0xae11d460043c564e8a511c45d621917eaacac634de8accc702239f3ce4c9b8e3"
        )
        let body = try Hex.decode(
            "016465666768696a6b6c6d6e6f5f7839f48bef499d766c0620ae09379336e1a0"
                + "9772248ac435fd630c532a478df30c46337f9895af8cd3dd66557a3dd1"
        )
        let opened = try SealedBody.open(body, under: master, .validatorKey, place: place)
        #expect(Hex.encode(opened.span, prefix: false) == String(repeating: "42", count: 32))
    }

    private func open(_ body: [UInt8], _ key: MasterKey, _ purpose: KeyPurpose, _ place: [UInt8]) throws {
        _ = try SealedBody.open(body, under: key, purpose, place: place)
    }
}
