// SPDX-License-Identifier: Apache-2.0
package import Encoding

extension Configuration {
    package struct Health: Sendable {
        package var hasStrictKeys = false
    }

    /// Switches for clients that count on what Web3Signer answers.
    package struct Compatibility: Sendable {
        package enum SigningRootMismatch: Int, Sendable, CaseIterable {
            case badRequest = 400
            case internalServerError = 500
        }

        package enum WrongNetwork: Int, Sendable, CaseIterable {
            case forbidden = 403
            case preconditionFailed = 412
        }

        package var signingRootMismatch = SigningRootMismatch.badRequest
        package var wrongNetwork = WrongNetwork.forbidden
    }

    package struct Logging: Sendable {
        package enum Format: String, Sendable, CaseIterable { case text, json }

        package var format = Format.text
        /// Directives as of `RUST_LOG`.
        package var filter = "info"
    }

    package struct Canaries: Sendable {
        /// Public keys that nobody should ever ask to sign with.
        package var keys: [Bytes<48>] = []
        /// Whether attempts with them are refused.
        package var blocks = false
    }
}

extension Configuration.Health {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "health.strict_keys",
            at: \.health.hasStrictKeys,
            .boolean,
            "A key that failed to load turns /healthcheck DOWN, as Web3Signer has it. Otherwise it is only reported there."
        )
    ]
}

extension Configuration.Compatibility {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "compatibility.signing_root_mismatch_status",
            at: \.compatibility.signingRootMismatch,
            .choice(),
            "The status for a request whose signing_root is not that of its message. Web3Signer answers 500."
        ),
        Setting(
            "compatibility.wrong_network_status",
            at: \.compatibility.wrongNetwork,
            .choice(),
            "The status for a request of another network. Web3Signer answers 412."
        ),
    ]
}

extension Configuration.Logging {
    static let settings: [Setting<Configuration>] = [
        Setting("logging.format", at: \.logging.format, .choice(), "How log lines are written."),
        Setting(
            "logging.filter",
            at: \.logging.filter,
            .logFilter,
            environment: ["RUST_LOG"],
            "What is logged: levels (off, error, warn, info, debug, trace), also for single targets, such as info,audit=info."
        ),
    ]
}

extension Configuration.Canaries {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "canary_keys",
            at: \.canaries.keys,
            listOf: .bytes("a public key of 48 bytes in hexadecimal"),
            mayBeEmpty: true,
            "Public keys that nobody should ever ask to sign with: every attempt that names one is logged and counted, loaded or not, allowed or not. It goes on, unless canary.block says otherwise."
        ),
        Setting(
            "canary.block",
            at: \.canaries.blocks,
            .boolean,
            "Refuses (403 canary_key) to sign with the keys of canary_keys. Who asks then learns that he was noticed."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["canary.block", "canary_keys"]) { all in
            guard all.canaries.blocks, all.canaries.keys.isEmpty else { return nil }
            return .init("canary.block", "is true, but there are no canary_keys")
        }
    ]
}
