// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Consensus
internal import Glibc
internal import SQLite

/// The files of a record and who may touch them: the database with its log, the lock beside it, and the marker that
/// says that a sync failed.
struct SQLiteFile: Sendable {
    let path: String
    /// Another layer of file operations, for tests that inject faults.
    let vfs: String?

    var lockPath: String { path + ".lock" }
    /// Stands while the content of the database file cannot be trusted to be on the disk.
    var markerPath: String { path + ".sync-failed" }
    var rewrittenPath: String { path + ".rewritten" }
    private var logPath: String { path + "-wal" }
    private var failedPath: String { path + ".failed" }

    var exists: Bool { unsafe access(path, F_OK) == 0 }
    var isMarked: Bool { unsafe access(markerPath, F_OK) == 0 }

    /// Makes an empty file that only its owner can read; never touches one that is there.
    func createEmpty() throws(StoreError) {
        let descriptor = unsafe chamber_open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw .alreadyExists(path: path) }
            throw .storage(reason: "the slashing record \(path) cannot be created: \(systemError())")
        }
        close(descriptor)
    }

    /// Opens the database and checks that it is a record of this version, pinned to `root`.
    func open(pinnedTo root: Root) throws(StoreError) -> SQLiteRecord {
        let record: SQLiteRecord
        do throws(SQLiteError) {
            let connection = try Connection(path: path, mode: .readWrite, vfs: vfs)
            try connection.execute(SQLiteSchema.connectionSettings)
            record = try SQLiteFile.checked(connection, path: path)
        } catch {
            throw StoreError(error, path: path)
        }
        let pinned: Root?
        do throws(SQLiteError) { pinned = try record.pinnedRoot() } catch { throw StoreError(error, path: path) }
        guard let pinned else { throw .storage(reason: "the slashing record \(path) is not pinned to a network") }
        guard pinned == root else { throw .otherNetwork(path: path, pinned: pinned, configured: root) }
        return record
    }

    private static func checked(
        _ connection: consuming Connection, path: String
    ) throws(SQLiteError) -> SQLiteRecord {
        // Preparing the statements fails on any other schema.
        try SQLiteRecord(connection: connection)
    }

    // MARK: The rewrite after a failed sync

    /// Leaves word for the next start. Best effort: the disk is the thing that has just failed.
    func mark() {
        let descriptor = unsafe chamber_open(markerPath, O_WRONLY | O_CREAT, 0o600)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
        syncFolder()
    }

    /// Puts the rewritten and verified file in the place of the one whose sync failed. The order matters: the old log
    /// must never lie beside the new file, or SQLite would replay it; and at no moment may the record be gone without
    /// the marker that says where it is.
    func replaceWithRewritten() throws(StoreError) {
        if exists {
            try move(path, failedPath)
        }
        if unsafe access(logPath, F_OK) == 0 { try move(logPath, failedPath + "-wal") }
        try move(rewrittenPath, path)
        guard syncFolder() else {
            throw .storage(reason: "the folder of \(path) cannot be synced: \(systemError())")
        }
        unsafe _ = unlink(markerPath)
        _ = syncFolder()
    }

    /// Ends a replacement that a crash has cut in half. True when the record must still be rewritten.
    func finishInterruptedReplacement() throws(StoreError) -> Bool {
        guard isMarked else { return false }
        if !exists, unsafe access(rewrittenPath, F_OK) == 0 {
            try replaceWithRewritten()
            return false
        }
        return exists
    }

    func removeRewritten() {
        unsafe _ = unlink(rewrittenPath)
        unsafe _ = unlink(rewrittenPath + "-journal")
    }

    private func move(_ from: String, _ to: String) throws(StoreError) {
        guard unsafe rename(from, to) == 0 else {
            throw .storage(reason: "\(from) cannot be renamed to \(to): \(systemError())")
        }
    }

    @discardableResult
    func syncFolder() -> Bool {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = unsafe chamber_open(folder, O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}

/// Holds `PATH.lock` for as long as it lives, so that no second process opens the record. A lock of its own: the locks
/// that SQLite takes vanish when any descriptor of the same file is closed in the process.
final class RecordLock: Sendable {
    private let descriptor: Int32

    init(_ file: SQLiteFile) throws(StoreError) {
        let descriptor = unsafe chamber_open(file.lockPath, O_RDWR | O_CREAT, 0o600)
        guard descriptor >= 0 else {
            throw .storage(reason: "the lock file \(file.lockPath) cannot be opened: \(systemError())")
        }
        guard chamber_try_lock_file(descriptor) == 0 else {
            Glibc.close(descriptor)
            throw .inUse(path: file.path)
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}

/// What the last system call said.
func systemError() -> String { unsafe String(cString: strerror(errno)) }

extension StoreError {
    /// An error of SQLite in the words of this module.
    init(_ error: SQLiteError, path: String) {
        self =
            switch error.kind {
            case .busy: .inUse(path: path)
            case .corrupt:
                .storage(
                    reason: "the slashing record \(path) is damaged or not a database; restore it from a backup taken "
                        + "after the last signature, or start a new one and wait (\(error.message))")
            default: .storage(reason: "the slashing record \(path): \(error)")
            }
    }
}
