// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import SQLite

/// The state of a chamber of one instance, in an SQLite file: mode 0600, one process at a time, a sync with every change.
package final class SQLiteState: StateStore {
    private let tables: Lock<SQLiteStateTables?>
    private let lock: Lock<DatabaseLock?>

    /// Opens the file, or makes it: a chamber without tokens is closed, so an empty state gives nothing away.
    ///
    /// - Parameter disk: where the files are; tests put one here that fails.
    package init(path: String, disk: any DatabaseDisk = SystemDisk()) throws(StateError) {
        guard !isSymbolicLink(path) else {
            throw .unusable(reason: "\(path) is a symbolic link; name the file that it leads to")
        }
        let lock: DatabaseLock?
        do throws(DiskFailure) { lock = try DatabaseLock(path: path + ".lock") } catch {
            throw .unusable(reason: "\(error)")
        }
        guard let lock else {
            throw .unusable(reason: "another process holds \(path); instances share a state in PostgreSQL or DynamoDB")
        }
        self.lock = Lock(lock)
        do throws(DiskFailure) {
            if !disk.exists(path) {
                try disk.create(path)
                try disk.syncFolder(of: path)
            }
        } catch {
            throw .unusable(reason: "\(error)")
        }
        do throws(SQLiteError) { tables = Lock(try SQLiteStateTables(path: path, disk: disk)) } catch {
            throw StateError(error, path)
        }
        self.path = path
    }

    private let path: String

    package func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        try await perform { tables throws(StateFailure) in
            do throws(SQLiteError) { return try tables.rows(after: revision) } catch { throw .sqlite(error) }
        }
    }

    @discardableResult
    package func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        try await perform { tables throws(StateFailure) in try tables.apply(changes) }
    }

    /// On a thread that may wait for the disk.
    private func perform<Value: Sendable>(
        _ work: @escaping @Sendable (SQLiteStateTables) throws(StateFailure) -> Value
    ) async throws(StateError) -> Value {
        let result = await Blocking.run(name: "signer-state") { [self] () -> Result<Value, StateError> in
            tables.withLock { (tables) -> Result<Value, StateError> in
                guard let tables = tables else { return .failure(.unavailable(reason: "\(path) is closed")) }
                do throws(StateFailure) { return .success(try work(tables)) } catch {
                    return .failure(StateError(error, path))
                }
            }
        }
        return try result.get()
    }

    package func close() async {
        await Blocking.run(name: "signer-state") { [self] in
            tables.withLock { $0 = nil }
            lock.withLock { $0 = nil }
        }
    }
}

enum StateFailure: Error {
    case conflict(StateRowName)
    case exhausted(StateRowName)
    case sqlite(SQLiteError)
}

extension StateError {
    init(_ failure: StateFailure, _ path: String) {
        switch failure {
        case .conflict(let name): self = .conflict(name)
        case .exhausted(let name): self = .exhausted(name)
        case .sqlite(let error): self.init(error, path)
        }
    }

    init(_ error: SQLiteError, _ path: String) {
        switch error.kind {
        case .corrupt: self = .unusable(reason: "\(path) is damaged or not a database (\(error.message))")
        default: self = .unavailable(reason: "\(path): \(error)")
        }
    }
}
