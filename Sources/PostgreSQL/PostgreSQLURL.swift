// SPDX-License-Identifier: Apache-2.0

/// The parts of a URL as libpq and the JDBC driver write it, percent-decoded, with no meaning given to parameters yet.
///
/// A password with bare `/ ? @ :` shifts the borders between the parts, so messages quote no part that could be a piece
/// of one.
struct PostgreSQLURL {
    private(set) var user: String?
    private(set) var password: String?
    private(set) var hosts: [PostgreSQLSettings.Host] = []
    private(set) var database: String?
    private(set) var parameters: [(name: String, value: String)] = []

    init(_ text: String) throws(PostgreSQLError) {
        var rest = text[...]
        let isJDBC = rest.removePrefix("jdbc:")
        guard rest.removePrefix("postgresql://") || rest.removePrefix("postgres://") else {
            throw .settings(reason: "it begins with none of postgresql://, postgres://, jdbc:postgresql://")
        }
        let (location, query) = rest.halves(at: "?")
        let (authority, path) = location.halves(at: "/")
        let pieces = authority.split(separator: "@", omittingEmptySubsequences: false)
        guard pieces.count <= 2 else { throw .settings(reason: "it holds more than one @\(Self.hint)") }
        if pieces.count == 2 {
            let (user, password) = pieces[0].halves(at: ":")
            self.user = try Self.decode(user, "the user")
            self.password = try password.map { (part) throws(PostgreSQLError) in try Self.decode(part, "the password") }
        }
        if let last = pieces.last, !last.isEmpty {
            for host in last.split(separator: ",", omittingEmptySubsequences: false) {
                hosts.append(try Self.host(host))
            }
        }
        if let path, !path.isEmpty {
            guard !path.contains("/") else {
                throw .settings(reason: "the database's name holds a /\(Self.hint)")
            }
            database = try Self.decode(path, "the database's name")
        }
        for pair in (query ?? "").split(separator: "&") {
            let (name, value) = pair.halves(at: "=")
            // The JDBC driver reads a + as a blank, libpq reads it as itself.
            let plain = isJDBC ? value?.map { $0 == "+" ? " " : $0 } : value.map(Array.init)
            guard name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }), !name.isEmpty else {
                throw .settings(reason: "the name of a parameter holds unusual characters\(Self.hint)")
            }
            parameters.append((String(name), try Self.decode(String(plain ?? [])[...], "parameter \(name)")))
        }
    }

    /// `name`, `name:port`, `[address]:port`, or a percent-encoded path of a folder with a Unix socket.
    private static func host(_ text: Substring) throws(PostgreSQLError) -> PostgreSQLSettings.Host {
        var name = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                throw .settings(reason: "an address begins with [ and does not end with ]")
            }
            name = text[text.index(after: text.startIndex)..<end]
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.hasPrefix(":") else {
                throw .settings(reason: "something other than :port stands behind the ] of an address")
            }
            port = behind.isEmpty ? nil : behind.dropFirst()
        } else {
            (name, port) = text.halves(at: ":")
            guard port?.contains(":") != true else {
                throw .settings(reason: "a host holds more than one colon; an IPv6 address stands in [ ]\(hint)")
            }
        }
        let decoded = try decode(name, "a host")
        guard !decoded.isEmpty else { throw .settings(reason: "a host is empty") }
        return PostgreSQLSettings.Host(name: decoded, port: try port.map(Self.port) ?? 5432)
    }

    static func port(_ text: Substring) throws(PostgreSQLError) -> UInt16 {
        guard let port = UInt16(text), port > 0, text.allSatisfy(\.isNumber) else {
            throw .settings(reason: "a port is not a number from 1 to 65535\(hint)")
        }
        return port
    }

    private static func decode(_ text: Substring, _ what: String) throws(PostgreSQLError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.digit), let low = rest.popFirst().flatMap(Self.digit) else {
                throw .settings(reason: "\(what) holds a % without two hexadecimal digits; a % itself is written %25")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self), !bytes.contains(where: { $0 < 32 || $0 == 127 })
        else { throw .settings(reason: "\(what) is not text in UTF-8 without control characters") }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? { Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init) }

    private static let hint = "; where user or password hold any of / ? @ : these are written %2F %3F %40 %3A"
}

extension Substring {
    fileprivate mutating func removePrefix(_ prefix: String) -> Bool {
        guard lowercased().hasPrefix(prefix) else { return false }
        self = dropFirst(prefix.count)
        return true
    }

    /// What stands before and behind the first `separator`; nothing behind where there is none.
    fileprivate func halves(at separator: Character) -> (Substring, Substring?) {
        guard let index = firstIndex(of: separator) else { return (self, nil) }
        return (self[..<index], self[self.index(after: index)...])
    }
}
