// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Secrets

/// One file of a source, to be loaded by whichever thread is free.
struct LoadJob: Sendable {
    enum Content: Sendable {
        case descriptors
        case keystore(PasswordSource)
    }

    enum PasswordSource: Sendable {
        case shared(Password, LoadedFile.Dependency)
        case file(String)
    }

    let source: KeySource
    let path: String
    let content: Content
    /// What the file gave last time.
    let previous: LoadedFile?

    func provenance(_ kind: KeyProvenance.Kind) -> KeyProvenance {
        KeyProvenance(source: source, kind: kind, path: path)
    }

    /// The path of a file that the descriptor names: relative to the descriptor's directory.
    func resolve(_ name: String) -> String { name.hasPrefix("/") ? name : join(source.directory, name) }
}

extension KeySource {
    /// The jobs of this source in the order of their files' names. An error means that nothing is known about the source,
    /// not that it is empty.
    func jobs(_ settings: KeyLoader.Settings, previous: [String: LoadedFile]) throws(SourceFailure) -> [LoadJob] {
        switch self {
        case .descriptors(let directory):
            return try Self.names(in: directory, endings: [".yaml", ".yml"]).map { name in
                let path = join(directory, name)
                return LoadJob(source: self, path: path, content: .descriptors, previous: previous[path])
            }
        case .keystores(let directory, let passwords):
            let shared: LoadJob.PasswordSource? =
                if case .file(let path) = passwords { try Self.sharedPassword(path, settings) } else { nil }
            return try Self.names(in: directory, endings: [".json"]).map { name in
                let path = join(directory, name)
                let password = shared ?? .file(passwords.path(for: name))
                return LoadJob(source: self, path: path, content: .keystore(password), previous: previous[path])
            }
        }
    }

    /// Files of these endings directly inside, hidden ones left out, sorted so that every load meets them in one order.
    private static func names(in directory: String, endings: [String]) throws(SourceFailure) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
                .filter { name in !name.hasPrefix(".") && endings.contains { name.hasSuffix($0) } }
                .sorted()
        } catch {
            throw SourceFailure(path: directory, reason: .directory(reason: listingFailure(error)))
        }
    }

    private static func listingFailure(_ error: any Error) -> String {
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile, .fileNoSuchFile: "it does not exist"
        case .fileReadNoPermission: "this user may not read it"
        default: "the system reported an error; is it a directory?"
        }
    }

    private static func sharedPassword(
        _ path: String,
        _ settings: KeyLoader.Settings
    ) throws(SourceFailure) -> LoadJob.PasswordSource {
        var reader = SecretFileReader()
        do throws(KeystoreError) {
            let identity: FileIdentity
            do throws(FileFailure) { identity = try reader.read(path, limit: Password.limit) } catch {
                throw KeystoreError.file(error, path: path)
            }
            if settings.isStrict, identity.isOpenToOthers {
                throw KeystoreError.openToOthers(path: path, mode: identity.mode)
            }
            let password = try Password(normalizing: reader.contents)
            guard !password.isEmpty else { throw KeystoreError.emptyPassword }
            return .shared(password, LoadedFile.Dependency(path: path, identity: identity, settings))
        } catch { throw SourceFailure(path: path, reason: error) }
    }
}

/// Why a whole source gave nothing.
struct SourceFailure: Error {
    let path: String
    let reason: KeystoreError
}

extension KeystorePasswords {
    /// The password file of a keystore's name: `.txt` in place of `.json`.
    fileprivate func path(for keystore: String) -> String {
        switch self {
        case .directory(let directory): join(directory, keystore.dropLast(".json".count) + ".txt")
        case .file(let path): path
        }
    }
}

private func join(_ directory: String, _ name: some StringProtocol) -> String {
    directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
}
