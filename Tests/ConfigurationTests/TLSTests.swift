// SPDX-License-Identifier: Apache-2.0
import Configuration
import Testing

@Suite struct TLSTests {
    private static let pair = "file: {cert_path: /c.pem, key_path: /k.pem}"

    @Test func `TLS is off where nothing is said`() throws {
        let configuration = try load()
        #expect(!configuration.tls.isEnabled && configuration.tls.listenPort == 9443)
        #expect(configuration.signingAddress == configuration.server.listenAddress)
    }

    @Test func `TLS from files is read, with the address of the health port where it has none`() throws {
        let configuration = try load(
            """
            server: {listen_address: 192.0.2.1}
            tls:
              mode: file
              listen_port: 9444
              \(Self.pair)
              client_auth: required
              client_ca_path: /ca.pem
            """
        )
        #expect(configuration.tls.isEnabled && configuration.tls.listenPort == 9444)
        #expect(configuration.tls.certificatePath == "/c.pem" && configuration.tls.keyPath == "/k.pem")
        #expect(configuration.tls.reloadInterval == .seconds(60))
        #expect(configuration.signingAddress == "192.0.2.1")
    }

    @Test func `whether the door is open depends on the port that signs`() throws {
        let yaml = """
            server: {listen_address: 0.0.0.0}
            tls: {mode: file, listen_address: 127.0.0.1, \(Self.pair)}
            """
        #expect(try load(yaml).authMode == .open)
        let outside = "tls: {mode: file, listen_address: 192.0.2.1, \(Self.pair)}"
        #expect(try load(outside).authMode == .enforced)
    }

    @Test(arguments: [
        ("tls: {mode: atls}", "tls.mode"),
        ("tls: {mode: file}", "tls.file.cert_path"),
        ("tls: {mode: file, file: {cert_path: /c.pem}}", "tls.file.key_path"),
        ("tls: {\(pair)}", "tls.file.cert_path"),
        ("tls: {client_auth: required, client_ca_path: /ca.pem}", "tls.client_auth"),
        ("tls: {mode: file, \(pair), client_auth: required}", "tls.client_auth"),
        ("tls: {mode: file, \(pair), client_auth: optional}", "tls.client_auth"),
        ("tls: {mode: file, \(pair), client_ca_path: /ca.pem}", "tls.client_ca_path"),
        ("tls: {mode: file, \(pair), known_clients_path: /known}", "tls.known_clients_path"),
        ("tls: {mode: file, \(pair), listen_port: 9000}", "tls.listen_port"),
        ("tls: {mode: file, \(pair), listen_port: 3000}", "tls.listen_port"),
        ("tls: {mode: https}", "tls.mode"), ("tls: {mode: file, \(pair), client_auth: want}", "tls.client_auth"),
    ])
    func `what makes no sense together is refused with its key`(yaml: String, key: String) {
        #expect(problems(yaml).map(\.key).contains(key))
    }

    @Test func `TLS of Web3Signer becomes ours`() throws {
        let conversion = try Configuration.fromWeb3Signer(
            arguments: [
                "--tls-keystore-file=/tls/server.p12", "--tls-keystore-password-file=/tls/password",
                "--tls-known-clients-file=/tls/known", "--http-listen-host=0.0.0.0", "eth2",
            ]
        )
        let configuration = try load(conversion.yaml)
        #expect(configuration.tls.isEnabled && configuration.tls.certificatePath == "/tls/server.p12.crt")
        #expect(configuration.tls.keyPath == "/tls/server.p12.key")
        #expect(configuration.tls.clientAuth == .required && configuration.tls.knownClientsPath == "/tls/known")
        #expect(conversion.yaml.contains("openssl pkcs12"))
        let authority = try Configuration.fromWeb3Signer(
            arguments: ["--tls-keystore-file=/p12", "--tls-allow-ca-clients=true", "eth2"]
        )
        // Whose certificates are meant, only the operator knows.
        #expect(problems(authority.yaml).map(\.key) == ["tls.client_auth"])
        #expect(authority.remarks.contains { $0.text.contains("tls.client_ca_path") })
    }
}
