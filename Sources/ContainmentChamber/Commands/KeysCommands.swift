// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import BLS
internal import Configuration
internal import Crypto
internal import Foundation
internal import Keystores
internal import Secrets

/// `keys …`
enum KeysCommands {
    private struct Row: Encodable {
        let publicKey: String
        let source: String
        let path: String
        let derivationPath: String?
    }

    /// Loads the key files that the signer would load and lists them; or asks a running signer for its encrypted keys.
    static func list(_ invocation: Invocation) async throws(Failure) {
        if asksSigner(invocation) { return try ChamberKeyCommands.list(invocation) }
        let configuration = try invocation.configuration()
        let settings = configuration.keySources.filesystem
        let loader = KeyLoader(
            sources: KeySource.all(settings),
            arena: SecretArena(),
            settings: KeyLoader.Settings(settings, isStrict: configuration.server.isStrict || settings.isStrict),
            onProgress: { Output.complain("\($0)") }
        )
        let loaded: LoadedKeys
        do throws(KeyLoadError) { loaded = try await loader.load() } catch { throw Failure("\(error)") }
        let rows = loaded.keys.map {
            Row(
                publicKey: $0.key.publicKey.description,
                source: $0.provenance.kind.rawValue,
                path: $0.provenance.path,
                derivationPath: $0.derivationPath
            )
        }
        if invocation.isSet("json") {
            Output.json(rows)
        } else {
            for row in rows { Output.print("\(row.publicKey)  \(row.source)  \(row.path)") }
        }
        for warning in loaded.warnings { Output.complain("warning: \(warning)") }
        for failure in loaded.failures { Output.complain("error: \(failure)") }
        if !loaded.failures.isEmpty {
            throw Failure("\(loaded.failures.count) key files were not loaded, \(loaded.keys.count) keys were")
        }
    }

    /// Whether a running signer is meant: then nothing is read from a configuration, which might be another signer's.
    private static func asksSigner(_ invocation: Invocation) -> Bool {
        CommandTree.connection.contains { $0.name != "json" && invocation[$0.name] != nil }
            || invocation["status"] != nil
    }

    /// Says what a keystore holds; needs no password.
    static func inspect(_ invocation: Invocation) throws(Failure) {
        let path = invocation.positionals[0]
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure("\(path) does not exist or cannot be read")
        }
        let keystore: Keystore
        do throws(KeystoreError) { keystore = try Keystore(json: data) } catch { throw Failure("\(path): \(error)") }
        let derivation =
            switch keystore.derivation {
            case .scrypt(let parameters): "scrypt, n=\(parameters.n) r=\(parameters.r) p=\(parameters.p)"
            case .pbkdf2(let iterations): "pbkdf2, \(iterations) iterations"
            }
        let rows = [
            ("public_key", keystore.publicKey?.description), ("derivation", derivation), ("path", keystore.path),
            ("uuid", keystore.uuid), ("description", keystore.note),
        ]
        if invocation.isSet("json") {
            Output.json(Dictionary(uniqueKeysWithValues: rows.compactMap { row in row.1.map { (row.0, $0) } }))
        } else {
            for (name, value) in rows {
                Output.print(name.padding(toLength: 13, withPad: " ", startingAt: 0) + (value ?? "-"))
            }
        }
    }
}
