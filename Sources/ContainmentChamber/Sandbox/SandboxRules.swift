// SPDX-License-Identifier: Apache-2.0
internal import AWS
internal import Configuration
internal import Foundation
internal import Hardening
internal import PostgreSQL

extension Landlock {
    /// Everything that a signer with this configuration reads, writes, listens on and calls.
    init(_ configuration: Configuration, environment: [String: String]) throws(Failure) {
        self.init()
        readable = Self.system + configuration.readFolders
        writable = ["/dev/null"] + configuration.writtenFolders
        bound = [UInt16(configuration.server.listenPort)]
        if configuration.tls.isEnabled { bound.append(UInt16(configuration.tls.listenPort)) }
        if configuration.metrics.isEnabled { bound.append(UInt16(configuration.metrics.listenPort)) }
        // Name servers, when an answer is too long for a datagram.
        called = [53]
        if let collector = configuration.tracing.url.flatMap(URLComponents.init(string:)) {
            let usual = collector.scheme == "https" ? 443 : 80
            called?.append(UInt16(clamping: collector.port ?? usual))
        }
        var databases: [PostgreSQLSettings] = []
        if configuration.antiSlashing.backend == .postgres { databases.append(try .init(configuration.antiSlashing)) }
        if configuration.signerState.backend == .postgres { databases.append(try .init(configuration.signerState)) }
        if case .postgres(let keys)? = configuration.sealedKeys { databases.append(try .init(keys)) }
        for database in databases {
            called?.append(contentsOf: database.ports)
            readable += database.files.map(Configuration.folder)
        }
        var endpoints: [String?] = []
        if configuration.antiSlashing.backend == .dynamodb { endpoints.append(configuration.antiSlashing.endpoint) }
        if configuration.signerState.backend == .dynamodb { endpoints.append(configuration.signerState.endpoint) }
        if case .dynamodb(let keys)? = configuration.sealedKeys { endpoints.append(keys.endpoint) }
        // Which KMS keys hold the master key stands in the signer state.
        if configuration.sealedKeys != nil { endpoints += configuration.kms.endpoints.map(\.endpoint.url) + [nil] }
        if !endpoints.isEmpty { allowAWS(endpoints.compactMap(\.self), environment) }
    }

    /// What the libraries look at: name services, certificates, time zones, the processors, this process. `/proc` shows
    /// other processes too, but nothing of theirs that is protected: who is held by Landlock may not look into those
    /// that are not.
    private static var system: [String] {
        let folders = [
            "/etc", "/usr", "/lib", "/lib64", "/proc", "/sys/devices", "/dev/urandom", "/dev/random", "/dev/zero",
        ]
        // Often a link to where a resolver keeps it, which is replaced there.
        let names = URL(filePath: "/etc/resolv.conf").resolvingSymlinksInPath().path
        return names.hasPrefix("/etc/") ? folders : folders + [Configuration.folder(of: names)]
    }

    /// The standard chain of credentials: files that the environment names, the metadata services of container and
    /// instance, and the token services. A `credential_process` of a profile is another program, which is never run.
    private mutating func allowAWS(_ endpoints: [String], _ environment: [String: String]) {
        for name in [
            "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CA_BUNDLE", "SSL_CERT_FILE",
        ] {
            if let path = environment[name] { readable.append(Configuration.folder(of: path)) }
        }
        if let folder = environment["SSL_CERT_DIR"] { readable.append(folder) }
        if let home = environment["HOME"] { readable.append(home + "/.aws") }
        let proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].compactMap { environment[$0] }
        let addresses = endpoints + proxies + [environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]].compactMap(\.self)
        let ports = addresses.compactMap { URLComponents(string: $0)?.port }.compactMap(UInt16.init)
        called?.append(contentsOf: [80, 443] + ports)
    }
}
