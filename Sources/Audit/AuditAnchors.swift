// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Encoding
package import SignerState

/// Where anchors are kept: a row of the signer state for each chain. Changed by the one process that writes the chain.
package final class AuditAnchors: Sendable {
    package static let kind = "audit_head"

    private let store: any StateStore
    private let tag: AuditAnchor.Tagging
    /// The version of the row as it was last seen; nil where it was not yet.
    private let version = Lock<UInt64?>(nil)

    package init(_ store: any StateStore, tag: @escaping AuditAnchor.Tagging) {
        self.store = store
        self.tag = tag
    }

    package enum Finding: Hashable, Sendable {
        case none
        case anchor(AuditAnchor)
        case unusable(AuditAnchor.Failure)
    }

    /// What is kept for a chain.
    package func find(_ chain: Bytes<16>) async throws(StateError) -> Finding {
        let name = Self.name(of: chain)
        let row = try await store.rows(after: 0).rows.first { $0.name == name }
        version.withLock { $0 = row?.version ?? 0 }
        guard let body = row?.body else { return .none }
        do throws(AuditAnchor.Failure) {
            let anchor = try AuditAnchor.decode(body, tag)
            return anchor.chain == chain ? .anchor(anchor) : .unusable(.forged)
        } catch { return .unusable(error) }
    }

    /// The chains that are kept for a place: of one file, and of those that stood there before it.
    package func chains(at place: String) async throws(StateError) -> Set<Bytes<16>> {
        let rows = try await store.rows(after: 0).rows
        return Set(
            rows.compactMap { row in
                guard row.name.kind == Self.kind, let body = row.body, let anchor = try? AuditAnchor.decode(body, tag),
                    anchor.place == place
                else { return nil }
                return anchor.chain
            }
        )
    }

    /// Takes the place of what was kept for the chain.
    package func put(_ anchor: AuditAnchor) async throws(StateError) {
        let known = version.withLock { $0 }
        if known == nil { _ = try await find(anchor.chain) }
        let expected = version.withLock { $0 } ?? 0
        do throws(StateError) {
            let change = StateChange(Self.name(of: anchor.chain), expecting: expected, body: anchor.encoded(tag))
            try await store.apply([change])
            version.withLock { $0 = expected + 1 }
        } catch {
            // What it came to is looked up the next time.
            version.withLock { $0 = nil }
            throw error
        }
    }

    private static func name(of chain: Bytes<16>) -> StateRowName {
        StateRowName(kind, Hex.encode(chain.span, prefix: false))
    }
}
