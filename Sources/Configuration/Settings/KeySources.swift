// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// Where keys come from.
    package struct KeySources: Sendable {
        package var filesystem = Filesystem()
        package var sqlite = SealedKeySource.SQLiteKeys()
        package var postgres = SealedKeySource.PostgreSQLKeys()
        package var dynamodb = SealedKeySource.DynamoDBKeys()
    }

    package struct Filesystem: Sendable {
        /// Folders with descriptors, one or more keys each.
        package var paths: [String] = []
        /// A folder with EIP-2335 files; with it exactly one of the two that follow. `keystores` has the three as one.
        package var keystoresPath: String?
        package var keystoresPasswordsPath: String?
        package var keystoresPasswordFile: String?
        package var keystoreLoadConcurrency = 128
        package var rawLoadConcurrency = 128
        package var memoryLimitMiB = 1024
        package var isStrict = false

        /// The bulk folder, where one is configured.
        package var keystores: KeystoreFolder? {
            guard let path = keystoresPath else { return nil }
            if let folder = keystoresPasswordsPath { return .init(path: path, passwords: .folder(folder)) }
            return keystoresPasswordFile.map { .init(path: path, passwords: .file($0)) }
        }
    }

    /// A folder of keystores and where their passwords are.
    package struct KeystoreFolder: Sendable, Equatable {
        package enum Passwords: Sendable, Equatable {
            /// A file for each keystore, with the same name and `.txt`.
            case folder(String)
            /// One file whose content opens every keystore.
            case file(String)
        }

        package let path: String
        package let passwords: Passwords
    }
}

extension Configuration.KeySources {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "key_sources.filesystem.paths",
            at: \.keySources.filesystem.paths,
            listOf: .path,
            mayBeEmpty: true,
            flags: ["filesystem-keystores-path"],
            "Folders with key descriptors (.yaml or .yml, as Web3Signer reads them)."
        ),
        Setting(
            "key_sources.filesystem.keystores_path",
            at: \.keySources.filesystem.keystoresPath,
            optional: .path,
            unset: "none",
            "A folder with EIP-2335 keystores (.json). Needs exactly one of keystores_passwords_path and keystores_password_file."
        ),
        Setting(
            "key_sources.filesystem.keystores_passwords_path",
            at: \.keySources.filesystem.keystoresPasswordsPath,
            optional: .path,
            unset: "none",
            "A folder with the passwords of the keystores: the same name with .txt for each."
        ),
        Setting(
            "key_sources.filesystem.keystores_password_file",
            at: \.keySources.filesystem.keystoresPasswordFile,
            optional: .path,
            unset: "none",
            "A file with the one password of all keystores."
        ),
        Setting(
            "key_sources.filesystem.keystore_load_concurrency",
            at: \.keySources.filesystem.keystoreLoadConcurrency,
            .integer(1...4096),
            "How many keystores are opened at the same time; memory_limit_mib bounds it further."
        ),
        Setting(
            "key_sources.filesystem.raw_load_concurrency",
            at: \.keySources.filesystem.rawLoadConcurrency,
            .integer(1...4096),
            "How many files with plain keys are read at the same time."
        ),
        Setting(
            "key_sources.filesystem.memory_limit_mib",
            at: \.keySources.filesystem.memoryLimitMiB,
            .integer(256...(1 << 24), unit: "MiB"),
            "The memory that opening keystores may take; scrypt usually takes 256 MiB for each."
        ),
        Setting(
            "key_sources.filesystem.strict",
            at: \.keySources.filesystem.isStrict,
            .boolean,
            "A key that cannot be loaded stops the start. Otherwise it is named, counted and left out."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule([
            "key_sources.filesystem.keystores_path",
            "key_sources.filesystem.keystores_passwords_path",
            "key_sources.filesystem.keystores_password_file",
        ]) { all in
            let files = all.keySources.filesystem
            let prefix = "key_sources.filesystem."
            switch (files.keystoresPath, files.keystoresPasswordsPath, files.keystoresPasswordFile) {
            case (nil, nil, nil), (_?, _?, nil), (_?, nil, _?): return nil
            case (nil, _?, _):
                return .init(prefix + "keystores_passwords_path", "is given without keystores_path")
            case (nil, nil, _?):
                return .init(prefix + "keystores_password_file", "is given without keystores_path")
            case (_?, nil, nil):
                return .init(
                    prefix + "keystores_path",
                    "has no passwords",
                    hint: "set keystores_passwords_path or keystores_password_file beside it"
                )
            case (_?, _?, _?):
                return .init(
                    prefix + "keystores_password_file",
                    "is given together with keystores_passwords_path",
                    hint: "remove one of the two"
                )
            }
        }
    ]
}
