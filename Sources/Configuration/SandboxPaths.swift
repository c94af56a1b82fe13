// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// What the serving process reads: folders, for files are replaced by renaming. A setting that names a path stands
    /// here or in `writtenFolders`.
    package var readFolders: [String] {
        let files = keySources.filesystem
        var folders = files.paths + sandbox.readablePaths
        if let path = files.keystoresPath { folders.append(path) }
        if let path = files.keystoresPasswordsPath { folders.append(path) }
        if let path = files.keystoresPasswordFile { folders.append(Self.folder(of: path)) }
        if case .file(let path) = network.choice { folders.append(Self.folder(of: path)) }
        let pairs = [tls.certificatePath, tls.keyPath, tls.clientAuthorityPath, tls.knownClientsPath]
        folders += pairs.compactMap(\.self).map(Self.folder)
        for secret in [
            antiSlashing.url, antiSlashing.password, signerState.url, signerState.password, keySources.postgres.url,
            keySources.postgres.password,
        ] {
            if case .file(let path)? = secret?.source { folders.append(Self.folder(of: path)) }
        }
        return folders
    }

    /// Where the serving process makes, writes, renames and removes files and sockets.
    package var writtenFolders: [String] {
        var files = [adminSocketPath]
        if antiSlashing.backend == .sqlite { files.append(antiSlashing.path) }
        if antiSlashing.keepsFloor { files.append(antiSlashing.floor.path) }
        if signerState.backend == .sqlite { files.append(signerStatePath) }
        if let path = signerStateMemoryPath { files.append(path) }
        if let path = keySources.sqlite.path { files.append(path) }
        if let path = audit.path { files.append(path) }
        return files.map(Self.folder)
    }

    /// The folder in which a file lies.
    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
