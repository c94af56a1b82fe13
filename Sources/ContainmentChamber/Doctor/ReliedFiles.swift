// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Doctor
internal import Foundation

/// The files that a signer relies on, and the folders that lead to them.
struct ReliedFiles {
    private typealias Role = HostFacts.FileFact.Role
    private let named: [(path: String, role: HostFacts.FileFact.Role)]

    /// - Parameter path: of the configuration, where there is one.
    init(_ configuration: Configuration, file path: String?) {
        let (sources, tls) = (configuration.keySources, configuration.tls)
        let protection = configuration.antiSlashing
        let state = configuration.signerState
        let keys = sources.filesystem
        var named: [(String?, Role)] = [(path, .configuration)]
        named += keys.paths.map { ($0, .keys) }
        named += [keys.keystoresPath, keys.keystoresPasswordsPath, keys.keystoresPasswordFile].map { ($0, .keys) }
        named += [
            (tls.keyPath, .tlsKey), (tls.certificatePath, .tlsCertificate),
            (tls.clientAuthorityPath, .clientAuthority), (tls.knownClientsPath, .knownClients),
            (configuration.audit.path, .audit),
            (protection.backend == .sqlite ? protection.path : nil, .record),
            (protection.keepsFloor ? protection.floor.path : nil, .record),
            (state.backend == .sqlite ? configuration.signerStatePath : nil, .state),
            (configuration.signerStateMemoryPath, .state), (sources.sqlite.path, .sealedKeys),
        ]
        self.named = named.compactMap { path, role in path.map { ($0, role) } }
    }

    /// Those that exist. Of key folders the folder itself and what in it stands out: thousands of files in order are no news.
    var facts: [HostFacts.FileFact] {
        named.flatMap { path, role -> [HostFacts.FileFact] in
            guard let fact = Self.fact(path, role) else { return [] }
            guard fact.isFolder else { return [fact] }
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            let open = names.sorted().lazy.compactMap { Self.fact("\(path)/\($0)", role) }.filter {
                $0.mode & 0o077 != 0
            }
            return [fact] + open.prefix(10)
        }
    }

    private static func fact(_ path: String, _ role: Role) -> HostFacts.FileFact? {
        // What a link points to is what is read.
        let target = URL(filePath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else { return nil }
        return HostFacts.FileFact(
            path: path,
            role: role,
            isFolder: attributes[.type] as? FileAttributeType == .typeDirectory,
            mode: (attributes[.posixPermissions] as? NSNumber)?.uint32Value ?? 0o777,
            owner: (attributes[.ownerAccountID] as? NSNumber)?.uint32Value ?? .max
        )
    }

    // MARK: Folders

    /// Each once, from the root down.
    var folders: [HostFacts.FolderFact] {
        Set(named.flatMap { Self.folders(leadingTo: $0.path) }).sorted().compactMap { path in
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
            return HostFacts.FolderFact(
                path: path,
                mode: (attributes[.posixPermissions] as? NSNumber)?.uint32Value ?? 0o777,
                owner: (attributes[.ownerAccountID] as? NSNumber)?.uint32Value ?? .max
            )
        }
    }

    /// Every folder in which a name is looked up on the way to a file, also those of links: who writes one of them decides
    /// where the way ends.
    static func folders(leadingTo path: String) -> [String] {
        let files = FileManager.default
        let whole = path.hasPrefix("/") ? path : files.currentDirectoryPath + "/" + path
        var rest = whole.split(separator: "/").map(String.init)
        var (here, seen, links) = ([String](), ["/"], 0)
        while !rest.isEmpty {
            let name = rest.removeFirst()
            if name == "." { continue }
            if name == ".." {
                _ = here.popLast()
                continue
            }
            let next = "/" + (here + [name]).joined(separator: "/")
            if let target = try? files.destinationOfSymbolicLink(atPath: next) {
                links += 1
                guard links <= 40 else { break }
                if target.hasPrefix("/") { here = [] }
                rest = target.split(separator: "/").map(String.init) + rest
                continue
            }
            guard !rest.isEmpty else { break }
            here.append(name)
            seen.append(next)
        }
        return seen
    }
}
