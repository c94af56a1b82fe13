// SPDX-License-Identifier: Apache-2.0
import Concurrency
import SignerState

/// A state whose row of the order says another version than it had, to whoever reads and to whoever writes.
final class SetBackState: StateStore {
    let versions = Lock<UInt64>(0)
    private let state: any StateStore

    init(_ state: any StateStore) { self.state = state }

    func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        let back = versions.withLock { $0 }
        let reading = try await state.rows(after: 0)
        let rows = reading.rows.filter { $0.revision > revision || $0.name.name == "SEAL" }.map { row in
            guard row.name.name == "SEAL", back > 0 else { return row }
            return StateRow(name: row.name, version: row.version - back, revision: row.revision, body: row.body)
        }
        return StateReading(revision: reading.revision + back, rows: rows)
    }

    func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let back = versions.withLock { $0 }
        return try await state.apply(
            changes.map { change in
                guard change.name.name == "SEAL", back > 0 else { return change }
                return StateChange(change.name, expecting: change.expected + back, body: change.body)
            }
        )
    }

    func close() async { await state.close() }
}
