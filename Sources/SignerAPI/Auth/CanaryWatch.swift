// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import HTTPServer
package import Signer

/// The keys that nobody should ever ask to sign with. Whoever tries keys that he has found names one sooner or later.
///
/// Noticed at the gate, where every request for a signature passes, with its head alone, and where the server refuses one
/// before the gate: for its `Host`, on the port beside TLS, for a head that has two readings. It counts whether the
/// caller may ask or not, whether the key is loaded or not, and whatever the body turns out to be.
package struct CanaryWatch: Sendable {
    private let keys: Set<PublicKey>
    private let count: @Sendable () -> Void
    private let tell: @Sendable (PublicKey, Caller) -> Void

    /// - Parameters:
    ///   - count: called once for every attempt.
    ///   - tell: hears of attempts; of those that repeat without a valid token only now and then, or whoever reaches
    ///     the port could fill a disk with them.
    package init(
        _ keys: Set<PublicKey> = [],
        count: @escaping @Sendable () -> Void = {},
        tell: @escaping @Sendable (PublicKey, Caller) -> Void = { _, _ in }
    ) {
        self.keys = keys
        self.count = count
        self.tell = tell
    }

    /// The canary that a request names; a key is read only where there are canaries.
    func canary(named identifier: String) -> PublicKey? {
        guard !keys.isEmpty, let key = try? PublicKey(hex: identifier), keys.contains(key) else { return nil }
        return key
    }

    /// The path of a request for a signature.
    static let path: RoutePattern = "/api/v1/eth2/sign/:identifier"

    /// The canary in the path of a request that no route was found for.
    func canary(inPath path: String) -> PublicKey? {
        guard !keys.isEmpty, let parameters = Self.path.parameters(of: path) else { return nil }
        return canary(named: parameters["identifier"])
    }

    func notice(_ key: PublicKey, _ caller: Caller, isTold: Bool) {
        count()
        if isTold { tell(key, caller) }
    }
}
