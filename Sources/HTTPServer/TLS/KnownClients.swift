// SPDX-License-Identifier: Apache-2.0
internal import Encoding

/// Clients that are known by name and fingerprint: Web3Signer's known-clients file.
///
/// One a line: the common name of the certificate, a blank, and its SHA-256 as hexadecimal digits, with or without colons,
/// in any case. Empty lines and lines that begin with `#` say nothing.
package struct KnownClients: Sendable, Equatable {
    /// Why a text is no such file.
    package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        package let line: Int
        package let reason: String
        package var description: String { "line \(line) \(reason)" }
    }

    private struct Client: Hashable {
        let name: String
        let fingerprint: Bytes<32>
    }

    private var clients: Set<Client> = []
    private var fingerprints: Set<Bytes<32>> = []

    package static let most = 10_000

    package init(parsing text: String) throws(Failure) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count >= 2, let last = words.last else {
                throw Failure(line: index + 1, reason: "is not a common name, a blank and a fingerprint")
            }
            guard let fingerprint: Bytes<32> = try? Hex.decode(String(last.filter { $0 != ":" })) else {
                throw Failure(line: index + 1, reason: "does not end with a SHA-256 fingerprint: 64 hexadecimal digits")
            }
            guard clients.count < Self.most else {
                throw Failure(line: index + 1, reason: "is beyond the \(Self.most) clients that are read")
            }
            clients.insert(Client(name: words.dropLast().joined(separator: " "), fingerprint: fingerprint))
            fingerprints.insert(fingerprint)
        }
    }

    package var count: Int { clients.count }

    /// Whether some line has this fingerprint.
    func contains(_ fingerprint: Bytes<32>) -> Bool { fingerprints.contains(fingerprint) }

    /// Both must match, in the same line.
    func contains(_ name: String, _ fingerprint: Bytes<32>) -> Bool {
        clients.contains(Client(name: name, fingerprint: fingerprint))
    }
}
