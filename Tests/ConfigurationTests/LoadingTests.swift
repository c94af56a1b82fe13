// SPDX-License-Identifier: Apache-2.0
import Arguments
import Configuration
import Encoding
import Foundation
import Testing

@Suite struct LoadingTests {
    private static let key = "0x" + String(repeating: "ab", count: 48)

    @Test(arguments: [nil, "", "# nothing\n", "server:\n", "key_sources:\n  filesystem:\n"])
    func `without settings the defaults hold`(yaml: String?) throws {
        let configuration = try load(yaml)
        #expect(configuration.server.listenAddress == "127.0.0.1")
        #expect(configuration.server.listenPort == 9000)
        #expect(configuration.server.allowedHosts == ["localhost", "127.0.0.1", "[::1]"])
        #expect(configuration.server.requestTimeout == .seconds(30))
        #expect(configuration.server.maxBodyBytes == 10_485_760)
        #expect(configuration.server.drain == .seconds(25))
        #expect(configuration.metrics.isEnabled && configuration.metrics.listenPort == 3000)
        #expect(configuration.antiSlashing.backend == .sqlite && !configuration.antiSlashing.createsIfMissing)
        #expect(configuration.antiSlashing.clockGuardEpochs == 2)
        #expect(configuration.adminSocketPath == "./slashing_protection.sqlite.admin.sock")
        #expect(configuration.compatibility.signingRootMismatch == .badRequest)
        #expect(configuration.compatibility.wrongNetwork == .forbidden)
        #expect(configuration.network.choice == .named("mainnet"))
        #expect(configuration.origins.isEmpty)
    }

    @Test func `every kind of value is read from a file`() throws {
        let configuration = try load(
            """
            network: ./net/config.yaml
            genesis_validators_root: "0x\(String(repeating: "11", count: 32))"
            network_overrides: {altair_fork_epoch: 0, electra_fork_epoch: 18446744073709551615}
            server:
              listen_address: "::"
              listen_port: "9100"
              allowed_hosts: [Signer.Example.Org, '*']
              admin_socket: /run/chamber.sock
              strict: true
            metrics: {enabled: false}
            key_sources:
              filesystem:
                paths:
                  - ./keys
                  - /more
                keystores_path: /keystores
                keystores_password_file: /password.txt
            anti_slashing:
              backend: noop
              pruning: {interval_hours: 6, at_boot: true}
            compatibility: {signing_root_mismatch_status: 500, wrong_network_status: 412}
            logging: {format: json, filter: "off,audit=info"}
            canary_keys: [\(Self.key)]
            """
        )
        #expect(configuration.network.choice == .file(path: "./net/config.yaml"))
        #expect(configuration.network.genesisValidatorsRoot?.array == Array(repeating: 0x11, count: 32))
        #expect(configuration.network.overrides.inOrder.map(\.epoch) == [0, .max])
        #expect(configuration.server.listenAddress == "::" && configuration.server.listenPort == 9100)
        #expect(configuration.server.allowedHosts == ["signer.example.org", "*"])
        #expect(configuration.adminSocketPath == "/run/chamber.sock" && configuration.server.isStrict)
        #expect(!configuration.metrics.isEnabled)
        #expect(configuration.keySources.filesystem.paths == ["./keys", "/more"])
        let keystores = try #require(configuration.keySources.filesystem.keystores)
        #expect(keystores.path == "/keystores" && keystores.passwords == .file("/password.txt"))
        #expect(configuration.antiSlashing.backend == .noop && configuration.antiSlashing.pruning.atBoot)
        #expect(configuration.antiSlashing.pruning.interval == .seconds(6 * 3600))
        #expect(configuration.compatibility.signingRootMismatch == .internalServerError)
        #expect(configuration.compatibility.wrongNetwork == .preconditionFailed)
        #expect(configuration.logging.format == .json && configuration.logging.filter == "off,audit=info")
        #expect(configuration.canaries.keys.map { "\($0)" } == [Self.key])
        #expect(configuration.origins["server.listen_port"] == .file(path: "config.yaml", line: 6))
    }

    @Test func `a flag wins over the environment, and that over the file`() throws {
        let yaml = "server: {listen_port: 1}"
        let environment = ["CONTAINMENT_SERVER__LISTEN_PORT": "2"]
        let flags = [("server-listen-port", "3")]
        #expect(try load(yaml).server.listenPort == 1)
        #expect(try load(yaml, environment: environment).server.listenPort == 2)
        let all = try load(yaml, environment: environment, flags: flags)
        #expect(all.server.listenPort == 3)
        #expect(all.origins["server.listen_port"] == .flag(name: "server-listen-port"))
        #expect(try load(environment: environment, flags: flags).server.listenPort == 3)
    }

    @Test func `lists are replaced as a whole, and separated by commas outside the file`() throws {
        let yaml = "key_sources: {filesystem: {paths: [a, b]}}"
        let name = "CONTAINMENT_KEY_SOURCES__FILESYSTEM__PATHS"
        #expect(try load(yaml, environment: [name: "c, d ,e"]).keySources.filesystem.paths == ["c", "d", "e"])
        #expect(try load(yaml, environment: [name: ""]).keySources.filesystem.paths == [])
        let flags = [("key-sources-filesystem-paths", "f"), ("filesystem-keystores-path", "g,h")]
        #expect(try load(yaml, environment: [name: "c"], flags: flags).keySources.filesystem.paths == ["f", "g", "h"])
    }

    @Test func `the environment may be written in lower case, but not twice`() throws {
        #expect(try load(environment: ["CONTAINMENT_server__listen_port": "7"]).server.listenPort == 7)
        let both = ["CONTAINMENT_SERVER__LISTEN_PORT": "1", "CONTAINMENT_server__listen_port": "1"]
        #expect(problems(environment: both).map(\.key) == ["server.listen_port"])
    }

    @Test func `RUST_LOG sets the log filter where nothing of ours does`() throws {
        #expect(try load(environment: ["RUST_LOG": "debug"]).logging.filter == "debug")
        let both = ["RUST_LOG": "debug", "CONTAINMENT_LOGGING__FILTER": "warn"]
        #expect(try load(environment: both).logging.filter == "warn")
        #expect(try load(environment: ["RUST_LOG": ""]).logging.filter == "info")
    }

    @Test func `what Kubernetes writes into the environment is no setting`() throws {
        let configuration = try load(environment: [
            "CONTAINMENT_CHAMBER_SERVICE_HOST": "10.0.0.7", "CONTAINMENT_CHAMBER_SERVICE_PORT": "9000",
            "CONTAINMENT_CHAMBER_SERVICE_PORT_HTTP": "9000", "CONTAINMENT_CHAMBER_PORT": "tcp://10.0.0.7:9000",
            "CONTAINMENT_CHAMBER_PORT_9000_TCP": "tcp://10.0.0.7:9000",
            "CONTAINMENT_CHAMBER_PORT_9000_TCP_PROTO": "tcp",
            "CONTAINMENT_CHAMBER_PORT_9000_TCP_PORT": "9000", "CONTAINMENT_CHAMBER_PORT_9000_TCP_ADDR": "10.0.0.7",
            "PATH": "/bin", "CONTAINMENTS": "x",
        ])
        #expect(configuration.origins.isEmpty)
        #expect(problems(environment: ["CONTAINMENT_SERVER_LISTEN_PORT": "9000"]).count == 1)
    }

    @Test func `the command line of the server carries every setting`() throws {
        let command = Command(
            "chamber",
            summary: "",
            subcommands: [
                Command(
                    "server",
                    summary: "",
                    options: [Option("config", short: "c", kind: .value("FILE"), summary: "")] + Configuration.options
                )
            ]
        )
        let line = [
            "server", "-c", "x", "--server-listen-port", "9001", "--metrics-enabled=false", "--server-strict",
            "--key-sources-filesystem-paths", "a", "--key-sources-filesystem-paths=b,c", "--anti-slashing-sqlite-path",
            "p",
        ]
        guard case .run(let invocation) = command.parse(line) else {
            Issue.record("not understood")
            return
        }
        let configuration = try Configuration.load(
            file: nil,
            environment: [:],
            flags: Configuration.flags(in: invocation),
            networks: networks
        )
        #expect(configuration.server.listenPort == 9001 && configuration.server.isStrict)
        #expect(!configuration.metrics.isEnabled && configuration.antiSlashing.path == "p")
        #expect(configuration.keySources.filesystem.paths == ["a", "b", "c"])
        guard case .help(let help) = command.parse(["server", "--help"]) else {
            Issue.record("no help")
            return
        }
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test func `a file is read, and why it is not is said`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "c.yaml").path
        try Data("server: {listen_port: 5}".utf8).write(to: URL(filePath: path))
        let link = folder.appending(path: "link.yaml").path
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(try ConfigurationFile.read(path).text == "server: {listen_port: 5}")
        #expect(try ConfigurationFile.read(link).text == "server: {listen_port: 5}")
        try Data(repeating: 0x20, count: (1 << 20) + 1).write(to: folder.appending(path: "large"))
        try Data([0xFF, 0xFE]).write(to: folder.appending(path: "binary"))
        for name in ["missing", "large", "binary", ""] {
            #expect(throws: ConfigurationError.self, "\(name)") {
                try ConfigurationFile.read(folder.appending(path: name).path)
            }
        }
        #expect(throws: ConfigurationError.self) { try ConfigurationFile.read("/dev/zero") }
    }
}
