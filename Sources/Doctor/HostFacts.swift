// SPDX-License-Identifier: Apache-2.0
package import Configuration

/// What was seen on a host, without a judgement. Nil is what could not be seen.
package struct HostFacts: Sendable {
    package var configuration: Configuration
    /// The effective user of the running signer; of the doctor where none runs.
    package var user: UInt32 = 0
    /// The signer of this configuration, where one runs.
    package var signer: SignerFacts?
    /// Files and folders of the configuration that exist.
    package var files: [FileFact] = []
    /// All that lead to the files of the configuration, whether those exist or not, up to the root and through links.
    package var folders: [FolderFact] = []
    package var firewall = Firewall.unseen
    package var container: String?
    /// Whether the root file system can be written where the signer runs.
    package var rootIsWritable: Bool?
    /// RLIMIT_MEMLOCK in bytes, `.max` for none.
    package var lockedMemoryLimit: UInt64?
    package var hasSecretMemory = false
    package var hasSwap: Bool?
    /// `/proc/sys/kernel/core_pattern`.
    package var corePattern: String?
    package var hasSeccomp = false
    /// 0 where there is none.
    package var landlockVersion = 0
    /// Whether the kernel's clock is kept in step with a time server.
    package var clockIsSynchronized: Bool?

    package init(_ configuration: Configuration) { self.configuration = configuration }

    /// What `/proc/PID` says of a running signer.
    package struct SignerFacts: Sendable {
        package var identifier: Int32
        package var capabilities: UInt64?
        package var hasNoNewPrivileges: Bool?
        package var isFiltered: Bool?
        /// The soft limit on core files in bytes.
        package var coreLimit: UInt64?

        package init(identifier: Int32) { self.identifier = identifier }
    }

    package struct FileFact: Sendable {
        package enum Role: String, Sendable {
            case configuration
            case keys
            case record
            case state
            case audit
            case sealedKeys = "key_sources.sqlite.path"
            case tlsKey = "tls.file.key_path"
            case tlsCertificate = "tls.file.cert_path"
            case clientAuthority = "tls.client_ca_path"
            case knownClients = "tls.known_clients_path"

            /// Everybody may read it: what counts is who writes it.
            package var isPublic: Bool {
                switch self {
                case .tlsCertificate, .clientAuthority, .knownClients: true
                default: false
                }
            }
        }
        package let path: String
        package let role: Role
        package let isFolder: Bool
        package let mode: UInt32
        package let owner: UInt32

        package init(path: String, role: Role, isFolder: Bool, mode: UInt32, owner: UInt32) {
            self.path = path
            self.role = role
            self.isFolder = isFolder
            self.mode = mode
            self.owner = owner
        }
    }

    package struct FolderFact: Sendable {
        package let path: String
        package let mode: UInt32
        package let owner: UInt32

        package init(path: String, mode: UInt32, owner: UInt32) {
            self.path = path
            self.mode = mode
            self.owner = owner
        }
    }

    package enum Firewall: Sendable, Equatable {
        /// The rules as `nft` or `iptables` list them.
        case rules(String)
        case none
        case notPermitted
        case unseen
    }
}
