// SPDX-License-Identifier: Apache-2.0

extension Web3SignerOption {
    /// Options of `eth2` about where keys come from and what can be done with them.
    static let eth2Keys: [Self] =
        [
            .init(.eth2, "keystores-path", .setting("key_sources.filesystem.keystores_path")),
            .init(.eth2, "keystores-passwords-path", .setting("key_sources.filesystem.keystores_passwords_path")),
            .init(.eth2, "keystores-password-file", .setting("key_sources.filesystem.keystores_password_file")),
            .init(
                .eth2,
                "key-manager-api-enabled",
                aliases: ["enable-key-manager-api"],
                isSwitch: true,
                .translated { value in
                    .setting(
                        "http.key_manager_api.enabled",
                        value,
                        value == "false"
                            ? nil
                            : "keys imported over the key manager API are in memory only: import them again after a restart"
                    )
                }
            ),
            .init(
                .eth2,
                "Xkey-manager-skip-keystore-storage",
                isSwitch: true,
                .needless("keys that are imported over the key manager API are kept in memory only")
            ),
            .init(.eth2, "commit-boost-api-enabled", isSwitch: true, .missing(commitBoost, inert: "false")),
            .init(.eth2, "proxy-keystores-path", .missing(commitBoost)),
            .init(.eth2, "proxy-keystores-password-file", .missing(commitBoost)),
            .init(.eth2, "azure-vault-enabled", isSwitch: true, .missing(cloud("Azure Key Vault"), inert: "false")),
            .init(.eth2, "aws-secrets-enabled", isSwitch: true, .missing(cloud("AWS Secrets Manager"), inert: "false")),
            .init(.eth2, "gcp-secrets-enabled", isSwitch: true, .missing(cloud("GCP Secret Manager"), inert: "false")),
            .init(.eth2, "aws-endpoint-override", .missing(cloud("AWS Secrets Manager"))),
            .init(.eth2, "aws-connection-cache-size", .needless("there are no AWS clients in this version")),
        ]
        + azure(.eth2)
        + [
            "auth-mode", "access-key-id", "secret-access-key", "region", "prefixes-filter", "tag",
        ].map { .init(.eth2, "aws-secrets-\($0)", .missing(cloud("AWS Secrets Manager"))) }
        + ["gcp-project-id", "gcp-secrets-filter"].map { .init(.eth2, $0, .missing(cloud("GCP Secret Manager"))) }

    /// The mode for execution-layer keys, which is not ours; known so that its options are named and not called unknown.
    static let eth1: [Self] =
        [
            "chain-id", "downstream-http-host", "downstream-http-port", "downstream-http-path",
            "downstream-http-request-timeout", "downstream-http-proxy-host", "downstream-http-proxy-port",
            "downstream-http-proxy-username", "downstream-http-proxy-password", "downstream-http-tls-keystore-file",
            "downstream-http-tls-keystore-password-file", "downstream-http-tls-known-servers-file",
            "aws-kms-client-cache-size", "aws-kms-auth-mode", "aws-kms-access-key-id", "aws-kms-secret-access-key",
            "aws-kms-region", "aws-kms-tag", "aws-endpoint-override", "aws-connection-cache-size", "keystores-path",
            "keystores-passwords-path", "keystores-password-file",
        ].map { .init(.eth1, $0, .missing(executionLayer)) }
        + [
            "downstream-http-tls-enabled", "downstream-http-tls-ca-auth-enabled", "aws-kms-enabled",
            "azure-vault-enabled",
        ]
        .map { .init(.eth1, $0, isSwitch: true, .missing(executionLayer)) }
        + azure(.eth1)

    private static func azure(_ scope: Scope) -> [Self] {
        ["auth-mode", "name"].map { "azure-vault-\($0)" }
            .appending(["client-id", "tenant-id", "client-secret", "response-timeout", "tags"].map { "azure-\($0)" })
            .map { .init(scope, $0, .missing(scope == .eth1 ? executionLayer : cloud("Azure Key Vault"))) }
    }

    private static func cloud(_ name: String) -> String {
        "keys are not read from \(name) in this version: place them as keystore files, or keep Web3Signer for them"
    }

    private static let commitBoost = "there is no commit-boost API in this version"
    private static let executionLayer = "keys of the execution layer (eth1 mode) are not signed with here"
}

extension Array {
    fileprivate func appending(_ others: [Element]) -> [Element] { self + others }
}
