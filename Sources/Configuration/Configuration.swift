// SPDX-License-Identifier: Apache-2.0
package import Arguments

/// All settings of the chamber, typed and checked. A fresh value holds the defaults.
///
/// To add a setting: a field in the struct of its section and a row in that struct's `settings`, in the same file under
/// `Settings/`. Nothing else lists them.
package struct Configuration: Sendable {
    package var network = Network()
    package var server = Server()
    package var sandbox = Sandbox()
    package var metrics = Metrics()
    package var keySources = KeySources()
    package var chamberKeys = ChamberKeys()
    package var antiSlashing = AntiSlashing()
    package var keyManagerAPI = KeyManagerAPI()
    package var tls = TLS()
    package var auth = Auth()
    package var signerState = SignerState()
    package var kms = KMS()
    package var health = Health()
    package var compatibility = Compatibility()
    package var logging = Logging()
    package var canaries = Canaries()
    package var audit = Audit()
    package var tracing = Tracing()
    /// Where each value comes from, by key; absent for defaults.
    package private(set) var origins: [String: SettingOrigin] = [:]

    package init() {}

    /// Reads the sources over the defaults and checks the whole.
    ///
    /// - Parameters:
    ///   - networks: what this build knows by name.
    ///   - recipientFault: what is wrong with recipients of backups; nil where nothing is.
    /// - Throws: every problem of every source at once.
    package static func load(
        file: ConfigurationFile?,
        environment: [String: String],
        flags: [GivenFlag] = [],
        networks: [Configuration.NamedNetwork],
        recipientFault: @escaping @Sendable ([String]) -> String? = { _ in nil }
    ) throws(ConfigurationError) -> Configuration {
        let loaded = try Loader(schema: schema).load(
            Configuration(),
            file: file,
            environment: environment,
            flags: flags,
            rules: Network.rules(networks: networks) + ChamberKeys.rules(recipientFault: recipientFault)
        )
        var configuration = loaded.values
        configuration.origins = loaded.origins
        return configuration
    }

    /// The one table.
    package static let schema = Schema<Configuration>(
        Network.settings + Canaries.settings + Overrides.settings + Server.settings + Sandbox.settings + TLS.settings
            + Metrics.settings + KeySources.settings + SealedKeySource.settings + ChamberKeys.settings
            + AntiSlashing.settings + KeyManagerAPI.settings + Auth.settings + SignerState.settings + KMS.settings
            + Health.settings + Compatibility.settings + Logging.settings + Audit.settings + Tracing.settings,
        rules: Canaries.rules + Server.rules + Sandbox.rules + TLS.rules + KeySources.rules + SealedKeySource.rules
            + ChamberKeys.rules + AntiSlashing.rules + SignerState.rules + KMS.rules + Audit.rules + Tracing.rules,
        reserved: reserved
    )

    /// One option for each setting, for the command line of the commands that take a configuration.
    package static var options: [Option] { schema.options }

    /// What of a command line are settings.
    package static func flags(in invocation: Invocation) -> [GivenFlag] { schema.flags(in: invocation) }

    /// Every setting with its value and origin, as YAML; secrets redacted.
    package func show() -> String { Self.schema.show(self, origins: origins) }

    /// The reference in Markdown.
    package static var reference: String { schema.reference(defaults: Configuration()) }

    private static let reserved = [
        ReservedSection(prefix: "tee", reason: "is not available: this version has no enclave mode")
    ]
}
