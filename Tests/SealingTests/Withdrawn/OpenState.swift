// SPDX-License-Identifier: Apache-2.0
import Concurrency
import SignerState

/// A signer state in memory that somebody can write past the signers.
final class OpenState: StateStore {
    struct Content: Sendable {
        var revision: UInt64 = 0
        var rows: [StateRowName: StateRow] = [:]
    }
    private let content = Lock(Content())
    private let beforeNext = Lock<(@Sendable () async throws -> Void)?>(nil)

    /// What stands there, for keeping and putting back.
    var copy: Content {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }

    /// - Parameter body: once, before the next change.
    func beforeNextChange(_ body: @escaping @Sendable () async throws -> Void) { beforeNext.withLock { $0 = body } }

    /// How many changes there were.
    var revision: UInt64 { copy.revision }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        let content = copy
        let rows = content.rows.values.filter { $0.revision > revision }.sorted { $0.name < $1.name }
        return StateReading(revision: content.revision, rows: rows)
    }

    @discardableResult
    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let body = beforeNext.withLock { next in
            defer { next = nil }
            return next
        }
        do { try await body?() } catch { throw .unavailable(reason: "\(error)") }
        precondition(changes.count <= StateChange.most)
        return try content.withLock { (content) throws(StateError) in
            for change in changes {
                let standing = content.rows[change.name]
                guard change.expected == (standing?.body == nil ? 0 : standing?.version ?? 0) else {
                    throw .conflict(change.name)
                }
            }
            content.revision += 1
            for change in changes {
                content.rows[change.name] = StateRow(
                    name: change.name,
                    version: (content.rows[change.name]?.version ?? 0) + 1,
                    revision: content.revision,
                    body: change.body
                )
            }
            return content.revision
        }
    }

    func close() async {}

    // MARK: Past the signers

    func row(_ shard: String) -> StateRow? { copy.rows[StateRowName("keys", "WITHDRAWN-\(shard)")] }

    /// A body under the row's own version and revision.
    func put(_ shard: String, _ body: [UInt8]?) {
        let name = StateRowName("keys", "WITHDRAWN-\(shard)")
        content.withLock { content in
            let standing = content.rows[name]
            content.rows[name] = StateRow(
                name: name,
                version: standing?.version ?? 1,
                revision: standing?.revision ?? 1,
                body: body
            )
        }
    }

    func erase(_ shard: String) {
        content.withLock { $0.rows[StateRowName("keys", "WITHDRAWN-\(shard)")] = nil }
    }
}
