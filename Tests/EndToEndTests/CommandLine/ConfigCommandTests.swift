// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(8)))
struct ConfigCommandTests {
    @Test func `check says that a configuration is valid, and touches nothing`() async throws {
        let workplace = try Workplace()
        let before = try workplace.folder.names
        let result = try await workplace.run("config", "check")
        #expect(result.exitCode == 0)
        #expect(result.output.hasPrefix("the configuration is valid: network hoodi"))
        #expect(result.errors.isEmpty)
        #expect(try workplace.folder.names == before)
    }

    @Test func `check names every problem with its place`() async throws {
        let workplace = try Workplace(settings: "server:\n  listen_port: 70000\nmetrics:\n  enabeld: true")
        let result = try await workplace.run("config", "check")
        #expect(result.exitCode == 2)
        #expect(result.errors.contains("server.listen_port"))
        #expect(result.errors.contains("metrics.enabeld") && result.errors.contains("metrics.enabled"))
        #expect(result.errors.contains("config.yaml"))
    }

    @Test func `check reads the network file too`() async throws {
        let workplace = try Workplace(network: "network: ./network.yaml\ngenesis_validators_root: \(SigningBody.hoodi)")
        let missing = try await workplace.run("config", "check")
        #expect(missing.exitCode != 0)
        #expect(missing.errors.contains("network.yaml"))
        try workplace.write("CONFIG_NAME: [not, one]\n", to: "network.yaml")
        let bad = try await workplace.run("config", "check")
        #expect(bad.exitCode != 0)
        #expect(bad.errors.contains("network.yaml"))
    }

    @Test func `show tells where each value comes from, and can be read again`() async throws {
        let workplace = try Workplace(settings: "server: {max_in_flight: 99}")
        let shown = try await workplace.run(
            "config",
            "show",
            "--health-strict-keys",
            environment: ["CONTAINMENT_SERVER__DRAIN_SECONDS": "7"]
        )
        #expect(shown.exitCode == 0)
        func line(_ start: String) -> Substring? {
            shown.output.split(separator: "\n").first { $0.drop { $0 == " " }.hasPrefix(start) }
        }
        #expect(line("max_in_flight: 99")?.contains("config.yaml") == true)
        #expect(line("drain_seconds: 7")?.contains("CONTAINMENT_SERVER__DRAIN_SECONDS") == true)
        #expect(line("strict_keys: true")?.contains("--health-strict-keys") == true)
        #expect(line("clock_guard_epochs: 2")?.contains("default") == true)
        try workplace.write(shown.output, to: "config.yaml")
        let again = try await workplace.run("config", "show")
        #expect(again.exitCode == 0)
        #expect(again.output.contains("max_in_flight: 99") && again.output.contains("strict_keys: true"))
    }

    @Test func `the reference has every setting that show has`() async throws {
        let reference = try await Chamber.run(["config", "reference"])
        #expect(reference.exitCode == 0)
        #expect(reference.output.hasPrefix("# "))
        for key in [
            "network", "server.listen_port", "anti_slashing.create_if_missing", "compatibility.wrong_network_status",
        ] {
            #expect(reference.output.contains("### `\(key)`"), "\(key)")
        }
    }

    @Test func `a configuration of Web3Signer becomes one of ours`() async throws {
        let workplace = try Workplace()
        try workplace.write(
            """
            http-listen-port: 9123
            key-store-path: /keys
            eth2.network: holesky
            eth2.slashing-protection-db-url: "jdbc:postgresql://db/web3signer"
            idle-connection-timeout-seconds: 12
            """,
            to: "web3signer.yaml"
        )
        let result = try await Chamber.run(
            [
                "config", "from-web3signer", "--from", workplace.folder.file("web3signer.yaml"), "--",
                "--metrics-enabled=true",
            ])
        #expect(result.exitCode == 0)
        for part in ["listen_port: 9123", "network: holesky", "/keys", "idle_timeout_seconds: 12"] {
            #expect(result.output.contains(part), "\(part) in \(result.output)")
        }
        #expect(result.errors.contains("slashing-protection-db-url"))
        try workplace.write(result.output, to: "ours.yaml")
        let check = try await Chamber.run(["config", "check", "-c", workplace.folder.file("ours.yaml")])
        #expect(check.exitCode == 0, "\(check)")
    }

    @Test func `an option that Web3Signer does not have is named`() async throws {
        let result = try await Chamber.run(["config", "from-web3signer", "--", "eth2", "--no-such-option=1"])
        #expect(result.exitCode == 0)
        #expect(result.errors.contains("--no-such-option"))
    }
}
