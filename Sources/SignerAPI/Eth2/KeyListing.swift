// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Signer

/// The answer to `GET /api/v1/eth2/publicKeys`, made once for each change of the keys: for 10,000 of them it is a megabyte.
final class KeyListing: Sendable {
    private struct Made {
        var version: UInt64?
        var body: [UInt8] = []
    }
    private let made = Lock(Made())

    /// A JSON array of the identifiers, in order.
    func body(_ keyring: Keyring) -> [UInt8] {
        let (identifiers, version) = keyring.listing
        if let known = made.withLock({ $0.version == version ? $0.body : nil }) { return known }
        let quoted = identifiers.map { "\"\($0)\"" }.joined(separator: ",")
        let body = Array("[\(quoted)]".utf8)
        made.withLock { $0 = Made(version: version, body: body) }
        return body
    }
}
