// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import HTTPServer
internal import Secrets

/// The files of TLS, read as one: a pair, and whom it lets in.
struct TLSFiles: Sendable {
    /// Why they cannot serve: the file, and what is wrong with it.
    struct Problem: Error, CustomStringConvertible {
        let path: String
        let setting: String
        let reason: String
        var description: String { "\(setting) \(path): \(reason)" }
    }
    struct Loaded {
        let identity: TLSIdentity
        /// Whether others than its owner can read the key.
        let isKeyOpen: Bool
    }

    private let certificate: String
    let key: String
    private let authorities: String?
    private let knownClients: String?
    private let demand: ClientTrust.Demand
    private let isStrict: Bool
    private static let largest = 4 << 20

    /// Nil where TLS is not on.
    init?(_ configuration: Configuration) {
        let tls = configuration.tls
        guard tls.isEnabled, let certificate = tls.certificatePath, let key = tls.keyPath else { return nil }
        self.certificate = certificate
        self.key = key
        authorities = tls.clientAuthorityPath
        knownClients = tls.knownClientsPath
        demand =
            switch tls.clientAuth {
            case .none: .none
            case .optional: .optional
            case .required: .required
            }
        isStrict = configuration.server.isStrict
    }

    /// By these a change is noticed; nil for a file that is not there.
    var stamps: [FileIdentity?] {
        [certificate, key, authorities, knownClients].map { path in path.flatMap { try? FileIdentity(path: $0) } }
    }

    func read() throws(Problem) -> Loaded {
        let pair = try read(certificate, "tls.file.cert_path")
        let trust = try readTrust()
        var reader = SecretFileReader()
        let status: FileIdentity
        do throws(FileFailure) { status = try reader.read(key, limit: 64 << 10) } catch {
            throw Problem(path: key, setting: "tls.file.key_path", reason: "\(error)")
        }
        if status.isOpenToOthers, isStrict {
            throw Problem(
                path: key,
                setting: "tls.file.key_path",
                reason: "can be read by others, which server.strict forbids: chmod 600 makes it yours alone"
            )
        }
        do throws(TLSIdentity.Failure) {
            let identity = try TLSIdentity(certificates: pair, key: reader.contents, clients: trust)
            return Loaded(identity: identity, isKeyOpen: status.isOpenToOthers)
        } catch {
            let isCertificate = if case .certificate = error { true } else { false }
            throw Problem(
                path: isCertificate ? certificate : key,
                setting: isCertificate ? "tls.file.cert_path" : "tls.file.key_path",
                reason: "\(error)"
            )
        }
    }

    private func readTrust() throws(Problem) -> ClientTrust {
        var known: KnownClients?
        if let knownClients {
            let text = String(decoding: try read(knownClients, "tls.known_clients_path"), as: UTF8.self)
            do throws(KnownClients.Failure) { known = try KnownClients(parsing: text) } catch {
                throw Problem(path: knownClients, setting: "tls.known_clients_path", reason: "\(error)")
            }
        }
        var authorityText: [UInt8]?
        if let authorities { authorityText = try read(authorities, "tls.client_ca_path") }
        do throws(ClientTrust.Failure) {
            return try ClientTrust(demand, authorities: authorityText, knownClients: known)
        } catch {
            throw Problem(path: authorities ?? "", setting: "tls.client_ca_path", reason: "\(error)")
        }
    }

    private func read(_ path: String, _ setting: String) throws(Problem) -> [UInt8] {
        var reader = SecretFileReader()
        do throws(FileFailure) { try reader.read(path, limit: Self.largest) } catch {
            throw Problem(path: path, setting: setting, reason: "\(error)")
        }
        return reader.contents.indices.map { reader.contents[$0] }
    }
}
