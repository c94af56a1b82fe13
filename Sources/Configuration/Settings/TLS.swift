// SPDX-License-Identifier: Apache-2.0
internal import Encoding

extension Configuration {
    /// TLS of the signing server.
    package struct TLS: Sendable {
        package enum Mode: String, Sendable, CaseIterable {
            /// The signing port speaks plain HTTP.
            case disabled
            /// A port of its own speaks TLS with a certificate from files; the plain port serves health alone.
            case file
            /// A certificate that attests an enclave. Known, so that it can be refused by name.
            case atls
        }
        package enum ClientAuth: String, Sendable, CaseIterable {
            /// Clients are not asked for certificates.
            case none
            /// Clients may show one that is accepted.
            case optional
            /// Clients must.
            case required
        }

        package var mode = Mode.disabled
        /// 0 lets the system choose.
        package var listenPort = 9443
        /// Nil stands for `server.listen_address`.
        package var listenAddress: String?
        package var certificatePath: String?
        package var keyPath: String?
        /// Zero does not look.
        package var reloadInterval = Duration.seconds(60)
        package var clientAuth = ClientAuth.none
        package var clientAuthorityPath: String?
        package var knownClientsPath: String?

        package var isEnabled: Bool { mode == .file }
    }

    /// Where signing requests are taken: on the TLS port where there is one.
    package var signingAddress: String {
        tls.isEnabled ? tls.listenAddress ?? server.listenAddress : server.listenAddress
    }

    /// Whether only processes of this machine reach the port that signs.
    package var isSigningLocal: Bool {
        IPAddress(signingAddress)?.isLoopback ?? false
    }
}

extension Configuration.TLS {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "tls.mode",
            at: \.tls.mode,
            .choice(),
            "file serves signing over TLS on tls.listen_port, with a certificate from files; server.listen_port then answers /upcheck and /healthcheck only. atls needs an enclave and is refused."
        ),
        Setting(
            "tls.listen_port",
            at: \.tls.listenPort,
            .integer(0...65535),
            "The port of the signing server over TLS; 0 picks a free one."
        ),
        Setting(
            "tls.listen_address",
            at: \.tls.listenAddress,
            optional: .address,
            unset: "server.listen_address",
            "The address of the signing server over TLS, where it is not that of health checks."
        ),
        Setting(
            "tls.file.cert_path",
            at: \.tls.certificatePath,
            optional: .path,
            unset: "none; the mode file needs one",
            "The server's certificate in PEM, followed by those that lead to its authority."
        ),
        Setting(
            "tls.file.key_path",
            at: \.tls.keyPath,
            optional: .path,
            unset: "none; the mode file needs one",
            "The private key of the certificate in PEM, without a passphrase, readable by this user alone."
        ),
        Setting(
            "tls.file.reload_interval_seconds",
            at: \.tls.reloadInterval,
            .seconds(0...86_400),
            "How often the files of TLS are looked at; new connections use what has changed, open ones go on. 0 looks only at SIGHUP."
        ),
        Setting(
            "tls.client_auth",
            at: \.tls.clientAuth,
            .choice(),
            "Whether clients are asked for certificates. optional lets clients in that show none; one that is shown and not accepted ends the connection either way."
        ),
        Setting(
            "tls.client_ca_path",
            at: \.tls.clientAuthorityPath,
            optional: .path,
            unset: "none",
            "The authorities in PEM whose certificates clients may show."
        ),
        Setting(
            "tls.known_clients_path",
            at: \.tls.knownClientsPath,
            optional: .path,
            unset: "none",
            "Web3Signer's file of known clients: a line for each, with the common name and the SHA-256 of its certificate."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["tls.mode"]) { all in
            guard all.tls.mode == .atls else { return nil }
            return .init(
                "tls.mode",
                "is atls: attested TLS is for a signer in a Nitro Enclave, and this program does not run in one",
                hint: "file serves TLS with a certificate from files"
            )
        },
        Rule(["tls.mode", "tls.file.cert_path"]) { all in
            guard all.tls.isEnabled, all.tls.certificatePath == nil else { return nil }
            return .init("tls.file.cert_path", "is missing: tls.mode is file")
        },
        Rule(["tls.mode", "tls.file.key_path"]) { all in
            guard all.tls.isEnabled, all.tls.keyPath == nil else { return nil }
            return .init("tls.file.key_path", "is missing: tls.mode is file")
        },
        Rule(["tls.mode", "tls.file.cert_path", "tls.file.key_path", "tls.client_auth"]) { all in
            let tls = all.tls
            guard tls.mode == .disabled else { return nil }
            let given = [
                ("tls.file.cert_path", tls.certificatePath != nil), ("tls.file.key_path", tls.keyPath != nil),
                ("tls.client_auth", tls.clientAuth != .none),
            ]
            guard let (key, _) = given.first(where: \.1) else { return nil }
            return .init(
                key,
                "is set, but tls.mode is disabled: nothing would be encrypted",
                hint: "set tls.mode: file"
            )
        },
        Rule(["tls.client_auth", "tls.client_ca_path", "tls.known_clients_path"]) { all in
            let tls = all.tls
            let namesClients = tls.clientAuthorityPath != nil || tls.knownClientsPath != nil
            if tls.clientAuth == .none, namesClients {
                let key = tls.clientAuthorityPath != nil ? "tls.client_ca_path" : "tls.known_clients_path"
                return .init(
                    key,
                    "is set, but tls.client_auth is none: nobody would be asked for a certificate",
                    hint: "set tls.client_auth: required"
                )
            }
            guard tls.clientAuth != .none, !namesClients else { return nil }
            return .init(
                "tls.client_auth",
                "is \(tls.clientAuth.rawValue), but nothing says which certificates are accepted",
                hint: "set tls.client_ca_path or tls.known_clients_path"
            )
        },
        Rule(["tls.listen_port", "server.listen_port", "tls.listen_address", "server.listen_address"]) { all in
            all.collision(with: "server", all.server.listenAddress, all.server.listenPort)
        },
        Rule(["tls.listen_port", "metrics.listen_port", "tls.listen_address", "metrics.listen_address"]) { all in
            guard all.metrics.isEnabled else { return nil }
            return all.collision(with: "metrics", all.metrics.listenAddress, all.metrics.listenPort)
        },
    ]
}

extension Configuration {
    fileprivate func collision(with section: String, _ address: String, _ port: Int) -> Rule<Configuration>.Breach? {
        guard tls.isEnabled, port != 0, tls.listenPort == port else { return nil }
        let addresses = [signingAddress, address]
        guard addresses[0] == addresses[1] || addresses.contains("0.0.0.0") || addresses.contains("::") else {
            return nil
        }
        return .init("tls.listen_port", "is \(port), the port of \(section).listen_port too")
    }
}
