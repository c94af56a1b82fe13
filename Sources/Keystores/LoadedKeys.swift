// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Concurrency
internal import FoundationEssentials
internal import Secrets

/// Where keys come from, in the order in which they are loaded: of two files with one key the first wins.
package enum KeySource: Sendable, Hashable {
    /// A directory of Web3Signer's key descriptors: `*.yaml` and `*.yml` directly inside, hidden files left out.
    case descriptors(directory: String)
    /// A directory of EIP-2335 keystores, `*.json`, and their passwords.
    case keystores(directory: String, passwords: KeystorePasswords)

    package var directory: String {
        switch self {
        case .descriptors(let directory), .keystores(let directory, _): directory
        }
    }
}

/// Where the passwords of a directory of keystores are.
package enum KeystorePasswords: Sendable, Hashable {
    /// For `name.json` the file `name.txt` in this directory.
    case directory(String)
    /// One file whose whole content is the password of all.
    case file(String)
}

/// Where one key came from.
package struct KeyProvenance: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case fileRaw = "file-raw"
        case fileKeystore = "file-keystore"
        /// A keystore out of a directory of them, without a descriptor.
        case bulkKeystore = "keystore"
    }

    package let source: KeySource
    package let kind: Kind
    /// The descriptor, or the keystore where there is no descriptor.
    package let path: String

    package init(source: KeySource, kind: Kind, path: String) {
        self.source = source
        self.kind = kind
        self.path = path
    }
}

/// A key that can sign, and what is known about it.
package struct LoadedKey: Sendable {
    package let key: SecretKey
    package let provenance: KeyProvenance
    /// EIP-2334 path, where a keystore states one.
    package let derivationPath: String?
    /// `wallet/account`, for sources that name their keys; descriptors and keystores do not.
    package let name: String?

    package init(key: SecretKey, provenance: KeyProvenance, derivationPath: String? = nil, name: String? = nil) {
        self.key = key
        self.provenance = provenance
        self.derivationPath = derivationPath
        self.name = name
    }
}

/// One thing that did not load.
package struct KeyLoadFailure: Sendable, Equatable, CustomStringConvertible {
    package let source: KeySource
    /// The descriptor or keystore, or the directory where it is the source that failed.
    package let path: String
    /// Which document of the file, counted from 1; nil where it is the file, or the only one in it.
    package let document: Int?
    package let reason: KeystoreError

    package init(source: KeySource, path: String, document: Int? = nil, reason: KeystoreError) {
        self.source = source
        self.path = path
        self.document = document
        self.reason = reason
    }

    package var description: String {
        if let document { "\(path), document \(document): \(reason)" } else { "\(path): \(reason)" }
    }
}

/// What an operator should know although every key loaded.
package enum KeyLoadWarning: Sendable, Equatable, CustomStringConvertible {
    /// The key is in two files; the first counts.
    case duplicate(PublicKey, path: String, first: String)
    /// Files with keys or passwords that others than the owner may read or write, of one source.
    case openToOthers(source: KeySource, count: Int, example: String)

    package var description: String {
        switch self {
        case .duplicate(let key, let path, let first):
            "\(path): the key \(key) is already loaded from \(first); the first is used"
        case .openToOthers(let source, let count, let example):
            "\(source.directory): \(count) files with keys or passwords may be read or written by others, "
                + "such as \(example); give them to their owner alone with chmod 600"
        }
    }
}

/// The result of loading all sources: complete where `failures` is empty, otherwise everything that could be had.
package struct LoadedKeys: Sendable {
    /// No public key twice; in the order of the sources, then of the files' names.
    package let keys: [LoadedKey]
    package let failures: [KeyLoadFailure]
    package let warnings: [KeyLoadWarning]
    /// Files whose keys were taken over from the previous load without reading them again.
    package let reusedFiles: Int
    /// What each file gave, for the next load.
    let files: [KeySource: [String: LoadedFile]]

    /// Nothing loaded yet.
    package static let none = LoadedKeys(keys: [], failures: [], warnings: [], reusedFiles: 0, files: [:])
}

/// What became different between two loads.
package struct KeyChanges: Sendable {
    package let added: [LoadedKey]
    package let removed: [PublicKey]
}

extension LoadedKeys {
    /// The keys that are new, and those that are gone.
    package func changes(since previous: LoadedKeys) -> KeyChanges {
        let before = Set(previous.keys.map(\.key.publicKey))
        let now = Set(keys.map(\.key.publicKey))
        return KeyChanges(
            added: keys.filter { !before.contains($0.key.publicKey) },
            removed: previous.keys.map(\.key.publicKey).filter { !now.contains($0) }
        )
    }
}

/// What one file gave, and which files that took.
struct LoadedFile: Sendable {
    /// A file that was read, as it was before the first byte.
    struct Dependency: Sendable {
        let path: String
        let identity: FileIdentity
        /// Whether it had been left alone for long enough that a later change cannot carry the same time.
        let isSettled: Bool

        init(path: String, identity: FileIdentity, _ settings: KeyLoader.Settings) {
            self.path = path
            self.identity = identity
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            isSettled = identity.changed < now - settings.timestampGranularity.nanoseconds
        }
    }

    var keys: [LoadedKey] = []
    var failures: [KeyLoadFailure] = []
    var dependencies: [Dependency] = []
    /// Files with secrets in them that others may read or write.
    var openToOthers: [String] = []
    /// Whether it was taken from the previous load.
    var isReused = false

    /// The same, taken over into another load.
    func reused() -> LoadedFile {
        var file = self
        file.isReused = true
        return file
    }

    /// Whether the same files would give the same again. What failed is always tried again.
    var isCurrent: Bool {
        guard failures.isEmpty else { return false }
        for dependency in dependencies {
            guard dependency.isSettled else { return false }
            guard let identity = try? FileIdentity(path: dependency.path), identity == dependency.identity else {
                return false
            }
        }
        return true
    }
}
