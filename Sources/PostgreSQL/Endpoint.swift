// SPDX-License-Identifier: Apache-2.0
internal import CPostgreSQL
internal import Glibc

/// One address of one server, and the whole of what libpq is told about it.
///
/// A transport of another kind (vsock, a tunnel) comes in here later, and this is why name and address are apart: libpq
/// takes no socket of ours, but it connects to `address` and verifies the certificate for `host.name`. A relay that
/// listens on a loopback address and passes bytes on needs no trust: TLS runs through it from end to end. So a dial hook
/// is a function that gives endpoints for a host, in the place of `Resolver`. It may not give a Unix socket, on which
/// libpq never encrypts.
struct Endpoint {
    let host: PostgreSQLSettings.Host
    /// Nil for a Unix socket.
    let address: String?

    /// The connection string (`key='value' …`). Unlike an array of keywords, it can set a keyword to nothing, so that
    /// neither the environment nor a default file fills it in.
    func connectionString(_ settings: PostgreSQLSettings) -> String {
        var values = Self.shutOut
        for (keyword, value) in Self.fixed { values[keyword] = value }
        for (keyword, value) in settings.keywords { values[keyword] = value }
        values["host"] = host.name
        values["hostaddr"] = address ?? ""
        values["port"] = String(host.port)
        values["dbname"] = settings.database
        values["user"] = settings.user
        values["password"] = settings.password ?? ""
        return values.map { "\($0)=\(Self.quoted($1))" }.joined(separator: " ")
    }

    /// What holds for every connection.
    private static let fixed = [
        "client_encoding": "UTF8",
        "gssencmode": "disable",
        "target_session_attrs": "read-write",
        // A peer that is gone is noticed even where nobody waits for an answer: after some 25 s.
        "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
        "tcp_user_timeout": "25000",
        // Files of the home folder are never read: an empty value would mean them.
        "passfile": nowhere, "sslcert": nowhere, "sslkey": nowhere, "sslrootcert": nowhere, "sslcrl": nowhere,
    ]

    /// A path that cannot exist: below a file that is no folder.
    private static let nowhere = "/dev/null/none"

    /// Every keyword that the environment could set, with the value that the library has compiled in.
    private static let shutOut: [String: String] = {
        guard let options = unsafe PQconninfoParse("", nil) else { return [:] }
        defer { unsafe PQconninfoFree(options) }
        var values: [String: String] = [:]
        var next = unsafe options
        while let keyword = unsafe next.pointee.keyword.map({ unsafe String(cString: $0) }) {
            // An empty `service` would be looked for; see `refuseService`.
            if unsafe next.pointee.envvar != nil && keyword != "service" {
                values[keyword] = unsafe next.pointee.compiled.map { unsafe String(cString: $0) } ?? ""
            }
            unsafe next += 1
        }
        return values
    }()

    /// The one variable that cannot be overruled: libpq looks its service up before anything else.
    static func refuseService() throws(PostgreSQLError) {
        guard unsafe getenv("PGSERVICE") == nil else {
            throw .settings(reason: "the environment sets PGSERVICE, which would mix a service file into it; unset it")
        }
    }

    private static func quoted(_ value: String) -> String {
        "'" + value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] } + "'"
    }
}
