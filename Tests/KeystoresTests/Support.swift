// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Encoding
import Foundation
import Glibc
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

    /// Writes a file that only its owner may read, unless another mode is given. Returns its path. A file that was there
    /// is replaced by another, with an identity of its own; `inPlace` writes over it.
    @discardableResult
    func write(_ name: String, _ bytes: Data, mode: mode_t = 0o600, inPlace: Bool = false) throws -> String {
        let file = "\(path)/\(name)"
        let written = inPlace ? file : file + ".new"
        // Foundation would sync every file to the disk.
        let descriptor = unsafe open(written, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: bytes)
        fchmod(descriptor, mode)
        try handle.close()
        if !inPlace { try #require(unsafe rename(written, file) == 0) }
        return file
    }

    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o600, inPlace: Bool = false) throws -> String {
        try write(name, Data(text.utf8), mode: mode, inPlace: inPlace)
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

/// Loads, and trusts the times of files that were just written: `TemporaryDirectory` gives each its own identity.
func load(
    _ sources: [KeySource],
    arena: SecretArena = SecretArena(),
    previous: LoadedKeys = .none,
    settings: KeyLoader.Settings = KeyLoader.Settings(),
    granularity: Duration = .zero,
    onProgress: @escaping @Sendable (KeyLoadProgress) -> Void = { _ in }
) async throws -> LoadedKeys {
    var settings = settings
    settings.timestampGranularity = granularity
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
