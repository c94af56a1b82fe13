// SPDX-License-Identifier: Apache-2.0

/// What is known of a token; not its secret.
package struct Token: Hashable, Sendable {
    package let digest: TokenDigest
    /// What whoever made it called it. Several can have the same name, as when one follows another.
    package let name: PolicyName
    package let policies: [PolicyName]
    /// Seconds since 1970, UTC.
    package let created: Int64
    /// From this second on it is no token any more; nil for one that does not expire.
    package let expires: Int64?
    /// The second in which it was revoked; nil while it is good.
    package var revoked: Int64?

    package init(
        digest: TokenDigest,
        name: PolicyName,
        policies: [PolicyName],
        created: Int64,
        expires: Int64?,
        revoked: Int64? = nil
    ) {
        self.digest = digest
        self.name = name
        self.policies = policies
        self.created = created
        self.expires = expires
        self.revoked = revoked
    }

    package var identifier: TokenIdentifier { digest.identifier }

    /// Whether it still is a token: neither revoked nor past its end.
    package func isValid(at now: Int64) -> Bool { revoked == nil && expires.map { now < $0 } ?? true }
}
