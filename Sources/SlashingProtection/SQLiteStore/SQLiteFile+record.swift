// SPDX-License-Identifier: Apache-2.0
internal import Consensus
internal import SQLite

extension SQLiteFile {
    /// Makes a record where there is none.
    func create(pinnedTo root: Root) throws(StoreError) {
        try create { connection throws(SQLiteError) in try SQLiteSchema.fill(connection, pinnedTo: root) }
    }

    /// Opens the database and checks that it is a record of this version, pinned to `root`.
    func open(pinnedTo root: Root) throws(StoreError) -> SQLiteRecord {
        let connection = try openConnection()
        // Preparing the statements fails on any other schema.
        let record = try record(connection)
        let pinned = try translated { () throws(SQLiteError) in try record.pinnedRoot() }
        guard let pinned else { throw .storage(reason: "the slashing record \(path) is not pinned to a network") }
        guard pinned == root else { throw .otherNetwork(path: path, pinned: pinned, configured: root) }
        return record
    }

    private func record(_ connection: consuming Connection) throws(StoreError) -> SQLiteRecord {
        do throws(SQLiteError) {
            // Records of earlier versions have no list of instances.
            try connection.execute(SQLiteSchema.instances + SQLiteSchema.firstRecovery)
            return try SQLiteRecord(connection: connection)
        } catch {
            throw StoreError(error, path: path)
        }
    }
}
