// SPDX-License-Identifier: Apache-2.0
internal import Encoding

extension Web3SignerOption {
    /// Options that stand before the mode word.
    static let root: [Self] = [
        .init(.root, "config-file", .needless("its settings are part of this translation")),
        .init(.root, "data-path", .translated(dataPath)),
        .init(.root, "key-config-path", aliases: ["key-store-path"], .setting("key_sources.filesystem.paths")),
        .init(
            .root,
            "key-store-config-file-max-size",
            .needless("the size of a descriptor file is bounded here as well")
        ),
        .init(.root, "logging", aliases: ["l"], .translated(logLevel)),
        .init(.root, "logging-format", .translated(logFormat)),
        .init(.root, "http-listen-host", .translated { listenHost($0, "server.listen_address") }),
        .init(.root, "http-listen-port", .setting("server.listen_port")),
        .init(.root, "http-host-allowlist", .translated { hosts($0, "server.allowed_hosts") }),
        .init(
            .root,
            "http-cors-origins",
            .missing("browsers are not served: put a proxy in front that adds the headers", inert: "none")
        ),
        .init(.root, "idle-connection-timeout-seconds", .setting("server.idle_timeout_seconds")),
        .init(
            .root,
            "access-logs-enabled",
            isSwitch: true,
            .missing("every signing request is in the log target audit; others are counted in metrics", inert: "false")
        ),
        .init(
            .root,
            "vertx-worker-pool-size",
            .needless("signing uses all processors; server.max_in_flight bounds the requests that wait")
        ),
        .init(.root, "metrics-enabled", isSwitch: true, .setting("metrics.enabled")),
        .init(.root, "metrics-host", .translated { listenHost($0, "metrics.listen_address") }),
        .init(.root, "metrics-port", .setting("metrics.listen_port")),
        .init(
            .root,
            "metrics-category",
            aliases: ["metrics-categories"],
            .needless("all metrics are served; there are no JVM ones")
        ),
        .init(.root, "metrics-host-allowlist", .translated { hosts($0, "metrics.allowed_hosts") }),
        .init(
            .root,
            "metrics-push-enabled",
            isSwitch: true,
            .missing("metrics are not pushed: let Prometheus read them from the metrics port", inert: "false")
        ),
        .init(.root, "metrics-push-host", .missing(push)),
        .init(.root, "metrics-push-port", .missing(push)),
        .init(.root, "metrics-push-interval", .missing(push)),
        .init(.root, "metrics-push-prometheus-job", .missing(push)),
        .init(.root, "reload-timeout", .needless("a reload has no time limit here; GET /reload shows its progress")),
        .init(.root, "signer-load-timeout", .needless(loading)),
        .init(.root, "signer-load-batch-size", .needless(loading)),
        .init(.root, "signer-load-sequential-threshold", .needless(loading)),
        .init(.root, "signer-load-parallel", isSwitch: true, .needless(loading)),
        .init(.root, "tls-keystore-file", .translated(keystore)),
        .init(
            .root,
            "tls-keystore-password-file",
            .needless(
                "the key is a file in PEM without a password here: openssl asks for it once, see tls-keystore-file"
            )
        ),
        .init(.root, "tls-allow-any-client", isSwitch: true, .translated { clients($0, "none", nil) }),
        .init(.root, "tls-known-clients-file", .translated(knownClients)),
        .init(.root, "tls-allow-ca-clients", isSwitch: true, .translated { clients($0, "required", authorityClients) }),
    ]

    private static let push = "metrics are not pushed, so it has no effect"
    private static let loading =
        "loading is bounded by keystore_load_concurrency, raw_load_concurrency and memory_limit_mib"

    private static func keystore(_ path: String) -> Web3SignerTranslation {
        Web3SignerTranslation(
            settings: [
                ("tls.mode", .text("file")), ("tls.file.cert_path", .text(path + ".crt")),
                ("tls.file.key_path", .text(path + ".key")),
            ],
            difference: """
                is PKCS#12, and PEM is read here: make it with `openssl pkcs12 -in \(path) -nokeys -out \(path).crt; \
                (umask 077; openssl pkcs12 -in \(path) -nocerts -noenc -out \(path).key)`. TLS is on tls.listen_port, 9443; \
                server.listen_port answers health checks only
                """
        )
    }

    private static func knownClients(_ path: String) -> Web3SignerTranslation {
        Web3SignerTranslation(
            settings: [("tls.known_clients_path", .text(path)), ("tls.client_auth", .text("required"))],
            difference:
                "also needs policies: bind each certificate to its own (docs/access.md), or give its client a token"
        )
    }

    private static let authorityClients = """
        trusts the authorities of the platform there; here set tls.client_ca_path to those that issue your clients' \
        certificates
        """

    private static func clients(_ value: String, _ demand: String, _ difference: String?) -> Web3SignerTranslation {
        switch value.lowercased() {
        case "true": .setting("tls.client_auth", demand, difference)
        case "false": Web3SignerTranslation()
        default: Web3SignerTranslation(difference: "is neither true nor false; tls.client_auth stays as it is")
        }
    }

    private static func dataPath(_ path: String) -> Web3SignerTranslation {
        let folder = path.hasSuffix("/") ? path : path + "/"
        return .setting(
            "anti_slashing.path",
            folder + "slashing_protection.sqlite",
            "the record of signatures lies in it; no web3signer.ports is written there"
        )
    }

    private static func logLevel(_ level: String) -> Web3SignerTranslation {
        let levels = [
            "OFF": "off", "FATAL": "error", "ERROR": "error", "WARN": "warn", "INFO": "info", "DEBUG": "debug",
            "TRACE": "trace", "ALL": "trace",
        ]
        guard let own = levels[level.uppercased()] else {
            return .init(difference: "has no level that is known here; the filter stays at its default")
        }
        return .setting("logging.filter", own)
    }

    private static func logFormat(_ format: String) -> Web3SignerTranslation {
        switch format.uppercased() {
        case "PLAIN": .setting("logging.format", "text")
        case "ECS", "GCP", "GELF", "LOGSTASH":
            .setting("logging.format", "json", "lines are JSON, but with field names of our own: adapt the collector")
        default: .init(difference: "has no format that is known here; the format stays at its default")
        }
    }

    private static func listenHost(_ host: String, _ key: String) -> Web3SignerTranslation {
        if host.lowercased() == "localhost" { return .setting(key, "127.0.0.1") }
        if IPAddress.isValid(host) { return .setting(key, host) }
        return .init(difference: "is not a numeric address: set \(key) to the address to listen on")
    }

    private static func hosts(_ text: String, _ key: String) -> Web3SignerTranslation {
        let items = text.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
        if items.contains("*") || items.contains(where: { $0.lowercased() == "all" }) {
            return .list(key, ["*"])
        }
        if items.isEmpty || items.contains(where: { $0.lowercased() == "none" }) {
            return .init(difference: "admits nobody, which cannot be said here: \(key) stays at its default")
        }
        return .list(key, items.map { IPAddress.isVersion6($0) ? "[\($0)]" : $0 })
    }
}
