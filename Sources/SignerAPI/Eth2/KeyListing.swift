// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Concurrency
internal import Signer

/// The answer to `GET /api/v1/eth2/publicKeys`, made once for each change of the keys: for 10,000 of them it is a megabyte.
final class KeyListing: Sendable {
    private struct Made {
        var version: UInt64?
        var body: [UInt8] = []
    }
    private let made = Lock(Made())

    /// A JSON array of the identifiers that a caller may know of, in order.
    func body(_ keyring: Keyring, for grant: Grant?) -> [UInt8] {
        guard let grant else { return body(keyring) }
        guard let filter = grant.listedKeys else { return Array("[]".utf8) }
        return filter.holdsEverything ? body(keyring) : Self.text(keyring.listing.identifiers.filter(filter.contains))
    }

    private static func text(_ identifiers: [KeyIdentifier]) -> [UInt8] {
        Array("[\(identifiers.map { "\"\($0)\"" }.joined(separator: ","))]".utf8)
    }

    private func body(_ keyring: Keyring) -> [UInt8] {
        let (identifiers, version) = keyring.listing
        if let known = made.withLock({ $0.version == version ? $0.body : nil }) { return known }
        let body = Self.text(identifiers)
        made.withLock { $0 = Made(version: version, body: body) }
        return body
    }
}

extension KeyFilter {
    fileprivate func contains(_ identifier: KeyIdentifier) -> Bool {
        identifier.publicKey.map { contains($0) } ?? false
    }
}
