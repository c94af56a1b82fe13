// SPDX-License-Identifier: Apache-2.0
import Foundation

/// An authority of one server's own, the server's certificate for `localhost` (not for its address), and one for the client.
package struct ServerCertificates: Sendable {
    private let folder: String

    /// What a client has to trust.
    package var authority: String { folder + "/authority.crt" }
    /// An authority that has signed nothing here.
    package var strangeAuthority: String { folder + "/strange.crt" }
    package var clientCertificate: String { folder + "/client.crt" }
    package var clientKey: String { folder + "/client.key" }
    var certificate: String { folder + "/server.crt" }
    var key: String { folder + "/server.key" }

    static func make(in folder: String) async throws -> ServerCertificates {
        func request(_ name: String, subject: String, _ options: [String]) async throws {
            let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
            let files = ["-keyout", "\(name).key", "-out", "\(name).crt", "-subj", "/CN=\(subject)", "-days", "2"]
            try await Programs.run("/usr/bin/openssl", ["req", "-x509"] + key + files + options, in: folder)
        }
        let signed = [
            "-CA", "authority.crt", "-CAkey", "authority.key", "-addext", "basicConstraints=critical,CA:FALSE",
        ]
        try await request("authority", subject: "Chamber test authority", [])
        try await request("strange", subject: "Another authority", [])
        try await request("server", subject: "localhost", signed + ["-addext", "subjectAltName=DNS:localhost"])
        try await request("client", subject: PostgreSQLServer.user, signed)
        return ServerCertificates(folder: folder)
    }
}
