// SPDX-License-Identifier: Apache-2.0

/// How a server is reached, from `postgresql://…`, `postgres://…` or `jdbc:postgresql://…`.
///
/// The connection is encrypted and the server's name verified (`sslmode=verify-full` with the distribution's bundle)
/// unless the URL says otherwise: a forged "recorded" is a slashing. Nothing of the environment (`PGHOST` and its
/// kind), of `~/.pgpass`, `~/.postgresql` or a service file has a say.
package struct PostgreSQLSettings: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// One server of the list; they are tried in order.
    struct Host: Sendable, Equatable {
        /// A name, an address, or the folder of a Unix socket.
        let name: String
        let port: UInt16

        var isUnixSocket: Bool { name.hasPrefix("/") }
    }

    private(set) var hosts: [Host]
    private(set) var database: String
    private(set) var user: String
    private(set) var password: String?
    /// Further keywords of libpq and their values.
    private(set) var keywords: [String: String] = [:]
    /// JDBC's `currentSchema`, as it is written: the schemas in which unqualified names are looked up.
    package private(set) var currentSchema: String?
    let forceIPv4: Bool

    /// The time for finding a server that takes us, over all hosts; held between 100 ms and a minute.
    package var connectTimeout: Duration = .seconds(5)
    /// JDBC's `socketTimeout`: no exchange with the server takes longer, whatever limit it is given.
    package private(set) var socketTimeout: Duration?

    /// `host:port` of every server and the database; never the password.
    package var description: String {
        let list = hosts.map { host in
            if host.isUnixSocket { return "\(host.name)/.s.PGSQL.\(host.port)" }
            return host.name.contains(":") ? "[\(host.name)]:\(host.port)" : "\(host.name):\(host.port)"
        }
        return list.joined(separator: ",") + "/" + database
    }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["servers": description]) }

    /// Reads a URL. Percent-encoding is undone everywhere.
    ///
    /// - Parameters:
    ///   - user: for those who keep it out of the URL; the URL may then not name one.
    ///   - password: likewise.
    ///   - applicationName: what `pg_stat_activity` shows, unless the URL says something else.
    ///   - forceIPv4: names are looked up for IPv4 addresses only.
    package init(
        url: String,
        user: String? = nil,
        password: String? = nil,
        applicationName: String,
        forceIPv4: Bool = false
    ) throws(PostgreSQLError) {
        let parts = try PostgreSQLURL(url)
        var values = ParameterValues()
        try values.set("user", user)
        try values.set("user", parts.user)
        try values.set("password", password)
        try values.set("password", parts.password)
        try values.set("dbname", parts.database)
        for (name, value) in parts.parameters { try values.set(name, value) }

        self.forceIPv4 = forceIPv4
        hosts = try Self.hosts(parts.hosts, names: values.take("host"), ports: values.take("port"))
        guard let named = values.take("user"), !named.isEmpty else { throw .settings(reason: "it names no user") }
        self.user = named
        self.password = values.take("password")
        // As libpq and the JDBC driver do where none is named.
        database = values.take("dbname") ?? named
        keywords["application_name"] = values.take("application_name") ?? applicationName
        try readTimes(&values)
        try readTLS(&values)
        try readSession(&values)
        for name in Self.withoutMeaning { _ = values.take(name) }
        if let name = values.names.first { throw .settings(reason: "parameter \(name) is not known here") }
    }

    /// JDBC's, for which there is nothing to do: the primary is always wanted, connections are always kept alive, and no
    /// statement is prepared on the server.
    private static let withoutMeaning = ["targetServerType", "tcpKeepAlive", "prepareThreshold"]

    /// Hosts stand before the database, or in the parameter `host`, as libpq has it for Unix sockets.
    private static func hosts(_ hosts: [Host], names: String?, ports: String?) throws(PostgreSQLError) -> [Host] {
        guard names != nil || ports != nil else {
            guard !hosts.isEmpty else { throw .settings(reason: "it names no host") }
            return hosts
        }
        guard let names, hosts.isEmpty else {
            throw .settings(
                reason: "hosts and ports stand either before the database or in host= and port=, not in both"
            )
        }
        let list = names.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = (ports ?? "5432").split(separator: ",", omittingEmptySubsequences: false)
        guard !list.contains(""), numbers.count == 1 || numbers.count == list.count else {
            throw .settings(reason: "host= and port= do not hold as many entries")
        }
        var result: [Host] = []
        for (index, name) in list.enumerated() {
            let port = try PostgreSQLURL.port(numbers[numbers.count == 1 ? 0 : index])
            result.append(Host(name: String(name), port: port))
        }
        return result
    }

    private mutating func readTimes(_ values: inout ParameterValues) throws(PostgreSQLError) {
        if let limit = try values.takeSeconds("connect_timeout") {
            // 0 means "wait for ever" there; here that is the longest time.
            connectTimeout = limit == .zero ? Self.longestConnectTimeout : limit
        }
        if let limit = try values.takeSeconds("socketTimeout"), limit > .zero { socketTimeout = limit }
    }

    private mutating func readTLS(_ values: inout ParameterValues) throws(PostgreSQLError) {
        let short = values.take("ssl")
        let mode = values.take("sslmode") ?? (short == "false" ? "disable" : "verify-full")
        guard short == nil || ["true", "false", ""].contains(short) else {
            throw .settings(reason: "parameter ssl is neither true nor false")
        }
        guard ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"].contains(mode) else {
            throw .settings(
                reason: "parameter sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"
            )
        }
        keywords["sslmode"] = mode
        let authority = values.take("sslrootcert")
        if let authority, authority != "system" {
            keywords["sslrootcert"] = authority
        } else if mode.hasPrefix("verify") || authority == "system" {
            keywords["sslrootcert"] = Self.distributionBundle
        }
        for name in ["sslcert", "sslkey", "sslpassword", "channel_binding", "ssl_min_protocol_version"] {
            if let value = values.take(name), !value.isEmpty { keywords[name] = value }
        }
    }

    private mutating func readSession(_ values: inout ParameterValues) throws(PostgreSQLError) {
        var options = values.take("options") ?? ""
        if let schema = values.take("currentSchema"), !schema.isEmpty {
            currentSchema = schema
            // libpq's `options` are split at blanks; a backslash takes the meaning from the next character.
            let quoted = schema.flatMap { $0 == "\\" || $0.isWhitespace ? ["\\", $0] : [$0] }
            options += (options.isEmpty ? "" : " ") + "-csearch_path=" + String(quoted)
        }
        if !options.isEmpty { keywords["options"] = options }
        if let wanted = values.take("target_session_attrs"), !["read-write", "primary"].contains(wanted) {
            throw .settings(
                reason: "only the primary may be asked, so target_session_attrs can be read-write or primary"
            )
        }
    }

    static let distributionBundle = "/etc/ssl/certs/ca-certificates.crt"
    static let longestConnectTimeout = Duration.seconds(60)
}

/// Parameters under libpq's names; each may be given once, whatever it is called.
private struct ParameterValues {
    private var values: [String: String] = [:]

    /// What the JDBC driver calls otherwise.
    private static let names = [
        "ApplicationName": "application_name", "loginTimeout": "connect_timeout", "connectTimeout": "connect_timeout",
    ]

    var names: [String] { values.keys.sorted() }

    mutating func set(_ name: String, _ value: String?) throws(PostgreSQLError) {
        guard let value else { return }
        guard values.updateValue(value, forKey: Self.names[name] ?? name) == nil else {
            throw .settings(reason: "\(name) is given twice")
        }
    }

    mutating func take(_ name: String) -> String? { values.removeValue(forKey: name) }

    mutating func takeSeconds(_ name: String) throws(PostgreSQLError) -> Duration? {
        guard let text = take(name) else { return nil }
        guard let seconds = UInt32(text) else {
            throw .settings(reason: "parameter \(name) is not a number of seconds")
        }
        return .seconds(Int64(seconds))
    }
}
