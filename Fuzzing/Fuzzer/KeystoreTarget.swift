// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Crypto
internal import Foundation
internal import Keystores
internal import Secrets

/// EIP-2335 files and the passwords for them. An input is a password, a line feed and the JSON.
enum KeystoreTarget: FuzzTarget {
    static let name = "keystore"

    /// So small that a derivation takes less than a millisecond.
    private static let limits = {
        var limits = DerivationLimits()
        limits.memory = 1 << 16
        limits.scryptSteps = 1 << 6
        limits.pbkdf2Steps = 1 << 6
        limits.output = 64
        return limits
    }()

    private static let arena = SecretArena()

    static func run(_ input: [UInt8]) {
        let end = input.firstIndex(of: UInt8(ascii: "\n"))
        let json = end.map { Data(input[($0 + 1)...]) } ?? Data(input)
        do throws(KeystoreError) {
            let keystore = try Keystore(json: json)
            try checkWriting(keystore)
            let password = try Password(normalizing: Array(input[..<(end ?? 0)]).span)
            let secret = try keystore.decrypt(password, limits: limits)
            if secret.count != keystore.encryptedSecret.count { violated("decryption keeps the length") }
            _ = try keystore.secretKey(password, arena: arena, limits: limits).publicKey
        } catch {
            _ = "\(error)"
        }
    }

    /// A keystore that was read can be written, and is read again as the same.
    private static func checkWriting(_ keystore: Keystore) throws(KeystoreError) {
        var again = try Keystore(json: try keystore.json())
        if keystore.path == nil, again.path == "" { again.path = nil }
        if again != keystore { violated("a keystore is the same after writing") }
    }

    /// Real keystores with a password of ASCII and one that normalisation changes, derivations of both kinds.
    static func seeds() throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        let derivations = [
            Keystore.Derivation.scrypt(ScryptParameters(n: 4, r: 2, p: 1)), .pbkdf2(iterations: 3),
        ]
        for derivation in derivations {
            for text in ["testpassword", "\u{1d531}\u{1d522}\u{0385}\u{0327}\u{01fb}\u{fdfa}\u{ac01}\u{1f511}\u{7f}"] {
                let scalar = SecretBytes(count: 32) { $0.storeBytes(of: 7, toByteOffset: 31, as: UInt8.self) }
                let keystore = try Keystore(
                    encrypting: scalar,
                    publicKey: nil,
                    password: Password(normalizing: Array(text.utf8).span),
                    derivation: derivation,
                    path: "m/12381/3600/0/0/0",
                    note: "a note",
                    limits: limits
                )
                seeds.append(Array(text.utf8) + [0x0a] + [UInt8](try keystore.json()))
            }
        }
        return seeds
    }

    static let words = [
        "\"crypto\"", "\"kdf\"", "\"function\"", "\"scrypt\"", "\"pbkdf2\"", "\"params\"", "\"dklen\"", "\"n\"",
        "\"r\"",
        "\"p\"", "\"c\"", "\"prf\"", "\"hmac-sha256\"", "\"salt\"", "\"message\"", "\"checksum\"", "\"sha256\"",
        "\"cipher\"", "\"aes-128-ctr\"", "\"iv\"", "\"description\"", "\"pubkey\"", "\"path\"", "\"uuid\"",
        "\"version\"",
        "32", "64", "9223372036854775807", "-9223372036854775808", "-1", "0", "0x", "null", "1e9", "\\u0000",
        "\u{0344}", "\u{fb1d}", "\u{0385}", "\u{0f73}", "\u{1d15e}", "\u{ac00}",
    ]
}
