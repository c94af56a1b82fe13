// SPDX-License-Identifier: Apache-2.0

/// What a connection needs from the machine, for those who take everything else away.
extension PostgreSQLSettings {
    /// The TCP ports of the servers.
    package var ports: [UInt16] { hosts.filter { !$0.isUnixSocket }.map(\.port) }

    /// The files of certificates and keys; libpq reads them again for each connection.
    package var files: [String] { ["sslrootcert", "sslcert", "sslkey"].compactMap { keywords[$0] } }
}
