// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
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

    /// Loads what the signer would load and lists it.
    static func list(_ invocation: Invocation) async throws(Failure) {
        let configuration = try invocation.configuration()
        let settings = configuration.keySources.filesystem
        let loader = KeyLoader(
            sources: KeySource.all(settings), arena: SecretArena(),
            settings: KeyLoader.Settings(settings, isStrict: configuration.server.isStrict || settings.isStrict),
            onProgress: { Output.complain("\($0)") })
        let loaded: LoadedKeys
        do throws(KeyLoadError) { loaded = try await loader.load() } catch { throw Failure("\(error)") }
        let rows = loaded.keys.map {
            Row(
                publicKey: $0.key.publicKey.description, source: $0.provenance.kind.rawValue, path: $0.provenance.path,
                derivationPath: $0.derivationPath)
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
}
