// SPDX-License-Identifier: Apache-2.0
import Configuration
import Testing

@Suite struct ProblemTests {
    @Test func `all problems of all sources are reported at once`() {
        let found = problems(
            """
            server:
              listen_prt: 9000
              listen_address: localhost
              strict: yes
            anti_slashing: {backend: mysql}
            canary_keys:
              - 0x1234
              - nonsense
            tee: {platform: nitro}
            metrics: 3000
            """,
            environment: ["CONTAINMENT_SERVER__LISTEN_PORT": "many", "CONTAINMENT_METRIC__ENABLED": "true"],
            flags: [("server-drain-seconds", "-1"), ("nonsense", "x")]
        )
        #expect(
            found.map(\.key) == [
                "server.listen_prt", "tee", "metrics", "server.listen_address", "server.strict",
                "anti_slashing.backend",
                "canary_keys[0]", "canary_keys[1]", "CONTAINMENT_METRIC__ENABLED", "server.listen_port", "--nonsense",
                "server.drain_seconds",
            ]
        )
        #expect(found[0].nearest == "server.listen_port" && found[0].line == 2)
        #expect(found[1].isUnavailable)
        #expect(found[7].line == 8)
        #expect(found[8].nearest == "CONTAINMENT_METRICS__ENABLED")
    }

    @Test(arguments: [
        ("servr: {listen_port: 1}", "server"), ("server: {listen-port: 1}", "server.listen_port"),
        ("listen_port: 1", nil), ("strict_keys: true", "health.strict_keys"), ("Network: hoodi", "network"),
        ("server: {qqqqqqqq: 1}", nil), ("anti_slashing: {prunning: {}}", "anti_slashing.pruning"),
        ("antislashing: {path: x}", "anti_slashing"),
        ("key_sources: {filesystem: {path: x}}", "key_sources.filesystem.paths"),
    ])
    func `an unknown key is answered with the nearest`(yaml: String, nearest: String?) throws {
        let found = problems(yaml)
        #expect(found.count == 1)
        #expect(try #require(found.first).nearest == nearest)
    }

    @Test func `a dotted key is not taken for a section`() throws {
        let found = problems("server.listen_port: 1\nserver: {listen_port: 2}")
        #expect(found.count == 1 && found[0].hint != nil && found[0].line == 1)
    }

    @Test(arguments: [
        "server: 5", "server: [a]", "server: {listen_port: }", "server: {listen_port: [1]}",
        "server: {listen_port: {a: 1}}",
        "server: {allowed_hosts: localhost}", "server: {allowed_hosts: [[a]]}", "server: {allowed_hosts: []}",
        "server: {allowed_hosts: [~]}", "network: !!str mainnet", "server: !x {listen_port: 1}", "- a\n- b",
        "just text",
        "a: 1\n---\nb: 2", "server: {listen_port: 1, listen_port: 2}", "server: &a {strict: true}", "server: [",
        "\u{0}",
    ])
    func `the wrong shape is refused with its line`(yaml: String) throws {
        let found = problems(yaml)
        #expect(!found.isEmpty)
        #expect(try #require(found.first?.line) >= 1)
    }

    @Test(arguments: [
        ("server.listen_port", "65536"), ("server.listen_port", "-1"), ("server.listen_port", "0x10"),
        ("server.listen_port", "1e3"), ("server.listen_port", "+1"), ("server.listen_port", "1_000"),
        ("server.listen_port", "99999999999999999999"), ("server.listen_port", "\"\""), ("server.listen_port", "٣"),
        ("server.strict", "yes"), ("server.strict", "1"), ("server.strict", "True"),
        ("server.listen_address", "localhost"),
        ("server.listen_address", "127.0.0.01"), ("server.listen_address", "1.2.3"),
        ("server.listen_address", "\"[::1]\""),
        ("server.listen_address", "\":::\""), ("server.listen_address", "\"1::2::3\""),
        ("server.allowed_hosts", "[\"a:9000\"]"), ("server.allowed_hosts", "[\"::1\"]"),
        ("server.allowed_hosts", "[a b]"),
        ("server.allowed_hosts", "[\"\"]"), ("server.allowed_hosts", "[-a]"), ("server.allowed_hosts", "[\"*.org\"]"),
        ("server.request_timeout_seconds", "0"), ("server.admin_socket", "~/sock"), ("server.admin_socket", "\"\""),
        ("network", "\"https://x/config.yaml\""), ("network", "atlantis"), ("genesis_validators_root", "0x11"),
        ("network_overrides.deneb_fork_epoch", "-1"), ("network_overrides.deneb_fork_epoch", "18446744073709551616"),
        ("anti_slashing.backend", "sqllite"), ("anti_slashing.backend", "mysql"),
        ("anti_slashing.path", "\":memory:\""),
        ("anti_slashing.pruning.epochs_to_keep", "0"), ("compatibility.wrong_network_status", "404"),
        ("logging.filter", "a=loud"), ("logging.filter", "info,=debug"), ("logging.filter", "a=b=c"),
        ("logging.format", "xml"),
        ("key_sources.filesystem.memory_limit_mib", "255"), ("canary_keys", "[0xzz]"),
    ])
    func `a wrong value is refused in every source`(key: String, text: String) throws {
        var yaml = ""
        let path = key.split(separator: ".")
        for (depth, part) in path.enumerated() {
            yaml += String(repeating: "  ", count: depth) + part + (depth == path.count - 1 ? ": \(text)\n" : ":\n")
        }
        #expect(problems(yaml).map { $0.key.prefix { $0 != "[" } } == [key[...]])
        let plain = text.filter { !"\"[]".contains($0) || text == "\"[::1]\"" }.replacing("\"", with: "")
        guard !(key == "server.allowed_hosts" && plain.isEmpty) else { return }
        let name = "CONTAINMENT_" + key.uppercased().replacing(".", with: "__")
        #expect(problems(environment: [name: plain]).map { $0.key.prefix { $0 != "[" } } == [key[...]])
    }

    @Test func `a wrong value is reported even where it is overridden`() {
        let found = problems("server: {listen_port: x}", flags: [("server-listen-port", "1")])
        #expect(found.map(\.key) == ["server.listen_port"])
    }

    @Test(arguments: [
        ("server: {listen_port: 3000}", "metrics.listen_port"),
        ("server: {listen_port: 3000, listen_address: 0.0.0.0}", "metrics.listen_port"),
        ("server: {body_budget_bytes: 2048}", "server.body_budget_bytes"),
        ("server: {max_connections: 10}", "server.max_connections_per_address"),
        ("server: {admin_socket: /\(String(repeating: "x", count: 107))}", "server.admin_socket"),
        ("anti_slashing: {path: /\(String(repeating: "x", count: 100))}", "server.admin_socket"),
        ("server: {admin_socket: a}\nanti_slashing: {path: a}", "server.admin_socket"),
        ("network: ./x.yaml", "genesis_validators_root"), ("network: minimal", "genesis_validators_root"),
        ("genesis_validators_root: 0x\(String(repeating: "22", count: 32))", "genesis_validators_root"),
        ("network_overrides: {deneb_fork_epoch: 5, electra_fork_epoch: 4}", "network_overrides.electra_fork_epoch"),
        ("key_sources: {filesystem: {keystores_path: a}}", "key_sources.filesystem.keystores_path"),
        (
            "key_sources: {filesystem: {keystores_passwords_path: a}}",
            "key_sources.filesystem.keystores_passwords_path"
        ),
        (
            "key_sources: {filesystem: {keystores_password_file: a}}", "key_sources.filesystem.keystores_password_file"
        ),
        (
            "key_sources: {filesystem: {keystores_path: a, keystores_passwords_path: b, keystores_password_file: c}}",
            "key_sources.filesystem.keystores_password_file"
        ),
    ])
    func `settings that do not go together are refused`(yaml: String, key: String) throws {
        let found = problems(yaml)
        #expect(found.map(\.key) == [key])
        #expect(try #require(found.first).isConflict)
    }

    @Test(arguments: [
        "server: {listen_port: 3000}\nmetrics: {enabled: false}", "server: {listen_port: 0}\nmetrics: {listen_port: 0}",
        "server: {listen_port: 3000, listen_address: 127.0.0.2}", "network: hoodi",
        "genesis_validators_root: 0x\(String(repeating: "4b", count: 32))",
        "network: minimal\ngenesis_validators_root: 0x\(String(repeating: "22", count: 32))",
        "network_overrides: {altair_fork_epoch: 0, gloas_fork_epoch: 0}",
        "anti_slashing: {backend: noop, path: ':memory:'}",
    ])
    func `settings that go together are taken`(yaml: String) throws { #expect(problems(yaml).isEmpty) }

    @Test func `a rule does not repeat what a wrong value already says`() {
        #expect(problems("network: ./x.yaml\ngenesis_validators_root: 0x1").map(\.key) == ["genesis_validators_root"])
    }

    @Test func `a report fits a terminal and names place and remedy`() throws {
        let yaml = "server: {listen_prt: 1}\nanti_slashing: {backend: mysql}\nnetwork: atlantis\n"
        let error = ConfigurationError(problems(yaml))
        #expect(
            error.description == """
                error: the configuration has 3 problems
                  - server.listen_prt is not a setting
                    at: config.yaml:1
                    hint: did you mean server.listen_port?
                  - anti_slashing.backend is sqlite or postgres or dynamodb or noop, not "mysql"
                    at: config.yaml:2
                  - network is "atlantis", which is not a network known here
                    at: config.yaml:3
                    hint: one of mainnet, hoodi, minimal, or a path with a slash in it
                """
        )
        #expect(error.description.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test func `neither a key that was pasted in the wrong place nor a control character is repeated`() {
        let secret = String(repeating: "5e", count: 32)
        let yaml =
            "canary_keys: [\"0x\(secret)\"]\nunknown: \(secret)\n\"\\e[2J\": 1\ngenesis_validators_root: \(secret)00"
        let text = ConfigurationError(problems(yaml, environment: ["CONTAINMENT_X\u{1B}": secret])).description
        #expect(!text.contains(secret) && !text.contains("\u{1B}"))
    }
}
