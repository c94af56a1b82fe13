// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Secrets
import TestSupport
import Testing

/// A test case of EIP-2333, with its numbers as they stand there.
struct TreeCase: Sendable {
    let seed: String
    let master: String
    let index: UInt32
    let child: String

    static let all = [
        TreeCase(
            seed: "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e5349553"
                + "1f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04",
            master: "6083874454709270928345386274498605044986640685124978867557563392430687146096",
            index: 0,
            child: "20397789859736650942317412262472558107875392172444076792671091975210932703118"
        ),
        TreeCase(
            seed: "3141592653589793238462643383279502884197169399375105820974944592",
            master: "29757020647961307431480504535336562678282505419141012933316116377660817309383",
            index: 3_141_592_653,
            child: "25457201688850691947727629385191704516744796114925897962676248250929345014287"
        ),
        TreeCase(
            seed: "0099ff991111002299dd7744ee3355bbdd8844115566cc55663355668888cc00",
            master: "27580842291869792442942448775674722299803720648445448686099262467207037398656",
            index: 4_294_967_295,
            child: "29358610794459428860402234341874281240803786294062035874021252734817515685787"
        ),
        TreeCase(
            seed: "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
            master: "19022158461524446591288038168518313374041767046816487870552872741050760015818",
            index: 42,
            child: "31372231650479070279774297061823572166496564838472787488249775572789064611981"
        ),
    ]
}

/// The 32 bytes of a decimal number, big-endian.
private func bytes(ofDecimal digits: String) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 32)
    for digit in digits.utf8 {
        var carry = Int(digit) - 48
        for position in bytes.indices.reversed() {
            let value = Int(bytes[position]) * 10 + carry
            bytes[position] = UInt8(value & 0xFF)
            carry = value >> 8
        }
    }
    return bytes
}

private func hex(_ secret: borrowing SecretBytes) -> String { Hex.encode(secret.span, prefix: false) }

@Suite struct DerivationSecretTests {
    @Test(arguments: TreeCase.all)
    func `master and child are those of EIP-2333`(_ vector: TreeCase) throws {
        let seed: [UInt8] = try Hex.decode(vector.seed)
        let master = try DerivationSecret.master(seed: seed.span)
        #expect(hex(master.bigEndianBytes()) == Hex.encode(bytes(ofDecimal: vector.master), prefix: false))
        let child = master.child(vector.index)
        #expect(hex(child.bigEndianBytes()) == Hex.encode(bytes(ofDecimal: vector.child), prefix: false))
    }

    @Test func `a path is walked one child after another`() throws {
        let master = try DerivationSecret.master(seed: SecretBytes(random: 32).span)
        let walked = master.child(12381).child(3600).child(7).child(0)
        #expect(hex(master.descendant(at: .withdrawal(validator: 7)).bigEndianBytes()) == hex(walked.bigEndianBytes()))
        let signing = master.descendant(at: .signing(validator: 7))
        #expect(hex(signing.bigEndianBytes()) == hex(walked.child(0).bigEndianBytes()))
        #expect(hex(master.descendant(at: .signing(validator: 8)).bigEndianBytes()) != hex(signing.bigEndianBytes()))
    }

    @Test func `the key in the arena is the scalar's`() throws {
        let arena = SecretArena()
        let secret = try DerivationSecret.master(seed: SecretBytes(random: 64).span).child(1)
        let key = secret.secretKey(arena: arena)
        let same = try secret.bigEndianBytes().withBytes { try SecretKey(bigEndian: $0, arena: arena) }
        #expect(key.publicKey == same.publicKey)
        #expect(arena.occupied == 2)
        withExtendedLifetime((key, same)) {}
    }

    @Test(arguments: [0, 1, 16, 31])
    func `a seed of less than 256 bits is refused`(_ count: Int) {
        #expect(throws: DerivationSecret.Failure.seedTooShort(bytes: count)) {
            _ = try DerivationSecret.master(seed: SecretBytes(random: count).span)
        }
    }
}

/// Where a derivation leaves what it worked with: nowhere that a scan of this process can see.
@Suite(.serialized, .enabled(if: MemoryScan.isPossible, "a sanitizer's memory is too large to go through"))
struct DerivationTraceTests {
    @Test func `neither seed nor master nor child stays behind`() throws {
        let seed = SecretBytes(random: 64)
        let needles = try derive(seed)
        #expect(try MemoryScan.count(seed) == 0)
        #expect(try MemoryScan.count(needles.master) == 0)
        #expect(try MemoryScan.count(needles.child) == 0)
        let littleEndian = Needles(master: mirrored(needles.master), child: mirrored(needles.child))
        #expect(try MemoryScan.count(littleEndian.master) == 0)
        #expect(try MemoryScan.count(littleEndian.child) == 0)
    }

    private struct Needles: ~Copyable {
        let master: SecretBytes
        let child: SecretBytes
    }

    /// Everything but what to look for is gone when it comes back.
    private func derive(_ seed: borrowing SecretBytes) throws -> Needles {
        let master = try DerivationSecret.master(seed: seed.span)
        let child = master.descendant(at: .signing(validator: 0))
        _ = child.secretKey(arena: SecretArena())
        return Needles(master: master.bigEndianBytes(), child: child.bigEndianBytes())
    }

    private func mirrored(_ bytes: borrowing SecretBytes) -> SecretBytes {
        var mirrored = SecretBytes(count: bytes.count) { _ in }
        var target = mirrored.mutableSpan
        let source = bytes.span
        for position in source.indices { target[source.count - 1 - position] = source[position] }
        return mirrored
    }
}
