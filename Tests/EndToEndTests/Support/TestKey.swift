// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Keystores
import Secrets

/// A key for tests, made from a number.
struct TestKey: Sendable, Hashable {
    /// 64 digits, without `0x`.
    let secret: String
    /// As the API writes it.
    let publicKey: String

    init(secret: String) throws {
        self.secret = secret
        let scalar = try Self.secretBytes(secret)
        publicKey = try scalar.withBytes { try SecretKey(bigEndian: $0, arena: arena) }.publicKey.description
    }

    /// Scalars look random, so that a search for one in some output cannot hit by chance.
    init(_ number: Int) throws {
        var generator = SplitMix(state: UInt64(number) &* 0x9e37_79b9 &+ 0x0dd_ba11)
        let digits = (0..<31).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        try self.init(secret: "00" + Hex.encode(digits, prefix: false))
    }

    /// A descriptor of type `file-raw`.
    var descriptor: String { "type: file-raw\nkeyType: BLS\nprivateKey: \"0x\(secret)\"\n" }

    /// An EIP-2335 file that opens quickly.
    func keystore(
        password: String,
        derivation: Keystore.Derivation = .pbkdf2(iterations: 2),
        path: String? = nil
    ) throws -> String {
        let bytes = Array(password.utf8)
        let keystore = try Keystore(
            encrypting: try Self.secretBytes(secret),
            publicKey: try PublicKey(hex: publicKey),
            password: try Password(normalizing: bytes.span),
            derivation: derivation,
            path: path
        )
        return String(decoding: try keystore.json(), as: UTF8.self)
    }

    private static func secretBytes(_ digits: String) throws -> SecretBytes {
        let bytes = try Hex.decode(digits)
        return SecretBytes(count: 32) { target in
            for (position, byte) in bytes.enumerated() {
                target.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
            }
        }
    }
}

/// One arena for all: each takes from the limit of locked memory.
private let arena = SecretArena()

private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
