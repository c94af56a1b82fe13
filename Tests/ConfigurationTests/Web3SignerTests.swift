// SPDX-License-Identifier: Apache-2.0
import Configuration
import Testing

@Suite struct Web3SignerTests {
    private func convert(
        _ line: String = "",
        yaml: String? = nil,
        environment: [String: String] = [:]
    ) throws(ConfigurationError) -> Web3SignerConversion {
        try Configuration.fromWeb3Signer(
            arguments: line.split(separator: " ").map(String.init),
            file: yaml.map { ConfigurationFile(path: "web3signer.yaml", text: $0) },
            environment: environment
        )
    }

    private func options(_ conversion: Web3SignerConversion, _ kind: Web3SignerConversion.Remark.Kind) -> [String] {
        conversion.remarks.filter { $0.kind == kind }.map(\.option)
    }

    @Test func `a realistic command line becomes a configuration that loads`() throws {
        let conversion = try convert(
            """
            /opt/web3signer/bin/web3signer --http-listen-host=0.0.0.0 --http-listen-port 9000 \
            --http-host-allowlist=signer,localhost,::1 --metrics-enabled --metrics-host=0.0.0.0 --metrics-port=9101 \
            --key-store-path=/keys --logging=DEBUG --logging-format=LOGSTASH --idle-connection-timeout-seconds=60 \
            --data-path=/data --vertx-worker-pool-size=40 --tls-allow-any-client=false eth2 --network=hoodi \
            --slashing-protection-db-url=jdbc:postgresql://db/w3s --slashing-protection-db-username=w3s \
            --slashing-protection-db-password=hunter2 --slashing-protection-pruning-enabled=true \
            --slashing-protection-pruning-epochs-to-keep=500 --slashing-protection-pruning-interval=6 \
            --keystores-path=/keystores --keystores-passwords-path=/passwords --key-manager-api-enabled true \
            --Xnetwork-gloas-fork-epoch=99
            """
        )
        let configuration = try load(conversion.yaml)
        #expect(configuration.server.listenAddress == "0.0.0.0" && configuration.server.listenPort == 9000)
        #expect(configuration.server.allowedHosts == ["signer", "localhost", "[::1]"])
        #expect(configuration.server.idleTimeout == .seconds(60))
        #expect(configuration.metrics.isEnabled && configuration.metrics.listenPort == 9101)
        #expect(configuration.keySources.filesystem.paths == ["/keys"])
        #expect(configuration.keySources.filesystem.keystores?.passwords == .folder("/passwords"))
        #expect(configuration.logging.filter == "debug" && configuration.logging.format == .json)
        #expect(configuration.network.choice == .named("hoodi") && configuration.network.overrides.gloas == 99)
        #expect(configuration.antiSlashing.backend == .postgres)
        #expect(configuration.antiSlashing.url == SecretReference(.environment(name: "SLASHING_DATABASE_URL")))
        #expect(configuration.antiSlashing.username == "w3s")
        #expect(
            configuration.antiSlashing.password == SecretReference(.environment(name: "SLASHING_DATABASE_PASSWORD"))
        )
        #expect(configuration.antiSlashing.path == "/data/slashing_protection.sqlite")
        #expect(configuration.antiSlashing.pruning.epochsToKeep == 500)
        #expect(configuration.antiSlashing.pruning.interval == .seconds(6 * 3600))
        #expect(options(conversion, .missing).isEmpty)
        #expect(configuration.keyManagerAPI.isEnabled)
        #expect(options(conversion, .differs).contains("eth2 --key-manager-api-enabled"))
        #expect(options(conversion, .unknown).isEmpty)
        // An address that others reach: there clients need tokens.
        #expect(options(conversion, .differs).contains("access"))
        #expect(options(conversion, .needless) == ["--vertx-worker-pool-size"])
        #expect(!conversion.yaml.contains("hunter2") && !"\(conversion.remarks)".contains("hunter2"))
        #expect(conversion.yaml.split(separator: "\n").allSatisfy { !$0.hasPrefix("#") || $0.count <= 80 })
    }

    @Test func `a realistic file becomes a configuration that loads`() throws {
        let conversion = try convert(
            yaml: """
                http-listen-port: 6174
                http-host-allowlist: ["*"]
                metrics-categories: [HTTP, SIGNING]
                key-config-path: "./keys"
                logging: info
                eth2.network: "./custom/config.yaml"
                eth2.slashing-protection-enabled: false
                eth2.slashing-protection-pruning-at-boot-enabled: true
                eth2.azure-tags: {a: b, c: d}
                eth2.azure-vault-enabled: true
                eth2.export.to: "/tmp/x"
                """
        )
        #expect(problems(conversion.yaml).map(\.key) == ["genesis_validators_root"])
        let root = "\ngenesis_validators_root: 0x" + String(repeating: "11", count: 32)
        let configuration = try load(conversion.yaml + root)
        #expect(configuration.server.listenPort == 6174 && configuration.server.allowedHosts == ["*"])
        #expect(configuration.antiSlashing.backend == .noop && configuration.antiSlashing.pruning.atBoot)
        #expect(!configuration.metrics.isEnabled)
        #expect(
            options(conversion, .missing) == ["eth2 --azure-vault-enabled", "eth2 --azure-tags", "eth2 export --to"]
        )
        #expect(options(conversion, .differs).contains("eth2 --network"))
        #expect(options(conversion, .differs).contains("eth2 --slashing-protection-enabled"))
    }

    @Test func `nested sections of a file mean the same as dotted keys`() throws {
        let nested = try convert(yaml: "eth2:\n  network: hoodi\n  keystores-path: /a\n  keystores-password-file: /b\n")
        let dotted = try convert(
            yaml: "eth2.network: hoodi\neth2.keystores-path: /a\neth2.keystores-password-file: /b\n"
        )
        #expect(nested.yaml == dotted.yaml && nested.remarks == dotted.remarks)
    }

    @Test func `the command line wins over the environment, and that over the file`() throws {
        let yaml = "http-listen-port: 1\n"
        let environment = ["WEB3SIGNER_HTTP_LISTEN_PORT": "2", "WEB3SIGNER_ETH2_NETWORK": "hoodi"]
        #expect(try load(try convert(yaml: yaml).yaml).server.listenPort == 1)
        let second = try load(try convert(yaml: yaml, environment: environment).yaml)
        #expect(second.server.listenPort == 2 && second.network.choice == .named("hoodi"))
        let third = try load(
            try convert("--http-listen-port=3 eth2 --network mainnet", yaml: yaml, environment: environment).yaml
        )
        #expect(third.server.listenPort == 3 && third.network.choice == .named("mainnet"))
    }

    @Test func `what Web3Signer does by itself is written out where we do otherwise`() throws {
        let configuration = try load(try convert("eth2").yaml)
        #expect(configuration.keySources.filesystem.paths == ["./"])
        #expect(!configuration.metrics.isEnabled && configuration.metrics.listenPort == 9001)
        #expect(try convert("eth2").yaml.contains("health.strict_keys"))
    }

    @Test func `what is no option of Web3Signer is named with the nearest`() throws {
        let conversion = try convert(
            "--http-listen-prt=1 --bogus value eth2 --netwrk=x stray",
            yaml: "htp-listen-port: 1\nwrong: {deep: 1}",
            environment: [
                "WEB3SIGNER_NETWORK_X": "1", "WEB3SIGNER_PORT": "tcp://10.0.0.1:9000",
                "WEB3SIGNER_SERVICE_HOST": "10.0.0.1",
            ]
        )
        let unknown = conversion.remarks.filter { $0.kind == .unknown }
        #expect(
            unknown.map(\.option) == [
                "htp-listen-port", "wrong.deep", "WEB3SIGNER_NETWORK_X", "--http-listen-prt", "--bogus", "--netwrk",
                "a word that is neither option nor command",
            ]
        )
        #expect(unknown[3].text.contains("--http-listen-port"))
        #expect(unknown[0].text.contains("http-listen-port"))
    }

    @Test func `values that cannot be taken are named and leave the default`() throws {
        let conversion = try convert(
            "--http-listen-port=99999 --http-listen-host=signer.local --logging=LOUD --http-host-allowlist=none eth2 --network=https://x/y.yaml"
        )
        let configuration = try load(conversion.yaml)
        #expect(configuration.server.listenPort == 9000 && configuration.server.listenAddress == "127.0.0.1")
        #expect(!options(conversion, .differs).contains("access"))
        #expect(configuration.server.allowedHosts == ["localhost", "127.0.0.1", "[::1]"])
        for option in [
            "--http-listen-port", "--http-listen-host", "--logging", "--http-host-allowlist", "eth2 --network",
        ] {
            #expect(options(conversion, .differs).contains(option), "\(option)")
        }
    }

    @Test func `eth1 mode and sub-commands are named`() throws {
        let conversion = try convert(
            "eth1 --chain-id=1 --downstream-http-port 8545 --aws-kms-enabled=true --azure-client-secret hunter2"
        )
        #expect(options(conversion, .missing).first == "eth1")
        #expect(options(conversion, .unknown).isEmpty)
        #expect(!"\(conversion)".contains("hunter2"))
        #expect(options(try convert("eth2 export --to=f"), .missing) == ["export", "eth2 export --to"])
        let repair = try convert("eth2 watermark-repair --epoch=1 --slot 2 --set-high-watermark")
        #expect(options(repair, .unknown).isEmpty && options(repair, .missing).contains("watermark-repair"))
    }

    @Test func `a configuration file is found in command line and environment`() {
        typealias Conversion = Web3SignerConversion
        #expect(
            Conversion.configurationFile(arguments: ["--config-file=a.yaml", "eth2"], environment: [:]) == "a.yaml"
        )
        #expect(Conversion.configurationFile(arguments: [], environment: ["WEB3SIGNER_CONFIG_FILE": "b"]) == "b")
        #expect(Conversion.configurationFile(arguments: ["eth2"], environment: [:]) == nil)
    }

    @Test(arguments: ["- a", "text", "", "a: [", "a: 1\n---\nb: 2"])
    func `a file that is no list of keys is refused`(yaml: String) {
        #expect(throws: ConfigurationError.self) { try convert(yaml: yaml) }
    }

    /// All option names of the reference (web3signer.md §11 and §15), as they stand on a command line.
    @Test(arguments: [
        ("", Self.rootOptions), ("eth2", Self.eth2Options), ("eth1", Self.eth1Options),
        ("eth2 export", ["to"]), ("eth2 import", ["from"]),
        ("eth2 watermark-repair", ["epoch", "slot", "set-high-watermark", "remove-high-watermark"]),
    ])
    func `every option is known in every source`(words: String, names: [String]) throws {
        let prefix = words.replacing(" ", with: ".") + (words.isEmpty ? "" : ".")
        for name in names {
            let variable =
                "WEB3SIGNER_" + (prefix + name).uppercased().replacing(".", with: "_").replacing("-", with: "_")
            for conversion in [
                try convert("\(words) --\(name)=1"), try convert("\(words) --\(name) 1"),
                try convert(yaml: "\(prefix)\(name): 1"), try convert(environment: [variable: "1"]),
            ] {
                let found = conversion.remarks.filter { $0.kind == .unknown && !$0.option.hasPrefix("a word") }
                #expect(found.isEmpty, "\(words) \(name): \(found)")
                let isSaid =
                    conversion.remarks.contains { $0.option.hasSuffix(name) } || conversion.yaml.contains("-\(name)")
                #expect(
                    isSaid || name == "slashing-protection-enabled",
                    "\(words) \(name) is neither translated nor named"
                )
            }
        }
    }

    private static let rootOptions = """
        config-file data-path key-config-path key-store-config-file-max-size logging logging-format \
        http-listen-host http-listen-port http-host-allowlist http-cors-origins idle-connection-timeout-seconds \
        access-logs-enabled vertx-worker-pool-size metrics-enabled metrics-host metrics-port metrics-category \
        metrics-host-allowlist metrics-push-enabled metrics-push-host metrics-push-port metrics-push-interval \
        metrics-push-prometheus-job reload-timeout signer-load-timeout signer-load-batch-size \
        signer-load-sequential-threshold signer-load-parallel tls-keystore-file tls-keystore-password-file \
        tls-allow-any-client tls-known-clients-file tls-allow-ca-clients
        """.split(separator: " ").map(String.init)

    private static let eth2Options = """
        network Xnetwork-altair-fork-epoch Xnetwork-bellatrix-fork-epoch Xnetwork-capella-fork-epoch \
        Xnetwork-deneb-fork-epoch Xnetwork-electra-fork-epoch Xnetwork-fulu-fork-epoch Xnetwork-gloas-fork-epoch \
        Xtrusted-setup Xsigning-ext-enabled slashing-protection-enabled slashing-protection-db-url \
        slashing-protection-db-username slashing-protection-db-password slashing-protection-db-pool-configuration-file \
        slashing-protection-pruning-db-pool-configuration-file Xslashing-protection-db-connection-pool-enabled \
        slashing-protection-pruning-enabled slashing-protection-pruning-epochs-to-keep \
        slashing-protection-pruning-slots-per-epoch slashing-protection-pruning-interval \
        slashing-protection-pruning-at-boot-enabled slashing-protection-db-health-check-timeout-milliseconds \
        slashing-protection-db-health-check-interval-milliseconds keystores-path keystores-passwords-path \
        keystores-password-file azure-vault-enabled azure-vault-auth-mode azure-vault-name azure-client-id \
        azure-tenant-id azure-client-secret azure-response-timeout azure-tags aws-secrets-enabled aws-secrets-auth-mode \
        aws-secrets-access-key-id aws-secrets-secret-access-key aws-secrets-region aws-secrets-prefixes-filter \
        aws-secrets-tag aws-endpoint-override aws-connection-cache-size gcp-secrets-enabled gcp-project-id \
        gcp-secrets-filter key-manager-api-enabled Xkey-manager-skip-keystore-storage commit-boost-api-enabled \
        proxy-keystores-path proxy-keystores-password-file
        """.split(separator: " ").map(String.init)

    private static let eth1Options = """
        chain-id downstream-http-host downstream-http-port downstream-http-path downstream-http-request-timeout \
        downstream-http-proxy-host downstream-http-proxy-port downstream-http-proxy-username \
        downstream-http-proxy-password downstream-http-tls-enabled downstream-http-tls-keystore-file \
        downstream-http-tls-keystore-password-file downstream-http-tls-known-servers-file \
        downstream-http-tls-ca-auth-enabled aws-kms-client-cache-size aws-kms-enabled aws-kms-auth-mode \
        aws-kms-access-key-id aws-kms-secret-access-key aws-kms-region aws-kms-tag keystores-path
        """.split(separator: " ").map(String.init)
}
