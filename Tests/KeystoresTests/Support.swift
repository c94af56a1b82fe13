// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Encoding
import Foundation
import Keystores
import Secrets
import Testing

/// A directory for one test, gone with its last holder.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/keystores-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file that only its owner may read, unless another mode is given. Returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: Data, mode: Int = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try bytes.write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    @discardableResult
    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        try write(name, Data(text.utf8), mode: mode)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }

    func makeDirectory(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
        return "\(path)/\(name)"
    }

    var source: KeySource { .descriptors(directory: path) }
}

/// The key with this number as its scalar.
struct TestKey: Sendable {
    let number: UInt64

    init(_ number: UInt64) { self.number = number }

    var hex: String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
    }

    var bytes: [UInt8] {
        (0..<32).map { $0 < 24 ? 0 : UInt8(truncatingIfNeeded: number >> UInt64((31 - $0) * 8)) }
    }

    func secretKey() throws -> SecretKey {
        let secret = secretBytes()
        return try secret.withBytes { try SecretKey(bigEndian: $0, arena: SecretArena()) }
    }

    func secretBytes() -> SecretBytes {
        let bytes = bytes
        return SecretBytes(count: 32) { target in
            for position in 0..<32 { target.storeBytes(of: bytes[position], toByteOffset: position, as: UInt8.self) }
        }
    }

    var descriptor: String { "type: \"file-raw\"\nkeyType: \"BLS\"\nprivateKey: \"0x\(hex)\"\n" }

    /// A keystore that takes no time to open.
    func keystore(
        _ password: String,
        publicKey: PublicKey? = nil,
        derivation: Keystore.Derivation = .pbkdf2(iterations: 1),
        path: String? = nil
    ) throws -> Keystore {
        try Keystore(
            encrypting: secretBytes(),
            publicKey: publicKey,
            password: .of(password),
            derivation: derivation,
            path: path
        )
    }
}

extension Password {
    static func of(_ text: String) throws -> Password {
        let bytes = Array(text.utf8)
        return try Password(normalizing: bytes.span)
    }

    /// The normal form as text, to compare.
    var text: String {
        withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
    }
}

/// Loads with few threads.
func load(
    _ sources: [KeySource],
    arena: SecretArena = SecretArena(),
    previous: LoadedKeys = .none,
    settings: KeyLoader.Settings = KeyLoader.Settings(),
    onProgress: @escaping @Sendable (KeyLoadProgress) -> Void = { _ in }
) async throws -> LoadedKeys {
    let loader = KeyLoader(sources: sources, arena: arena, settings: settings, onProgress: onProgress)
    return try await loader.reload(previous: previous)
}

/// The reasons of all failures.
extension LoadedKeys {
    var reasons: [KeystoreError] { failures.map(\.reason) }
    var publicKeys: [PublicKey] { keys.map(\.key.publicKey) }
}

var strict: KeyLoader.Settings {
    var settings = KeyLoader.Settings()
    settings.isStrict = true
    return settings
}
