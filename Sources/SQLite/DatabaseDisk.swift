// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What the owner of a database does to its files besides what SQLite does to them. A protocol, so that tests can put a
/// disk below both that fails, or loses power, at any step.
package protocol DatabaseDisk: Sendable {
    /// SQLite's layer of file operations over the same files; nil is the system's own.
    var vfs: String? { get }
    func exists(_ path: String) -> Bool
    /// Makes an empty file that only its owner can read; fails where there is one.
    func create(_ path: String) throws(DiskFailure)
    /// Renames a file, in the place of another where there is one.
    func move(_ from: String, to target: String) throws(DiskFailure)
    /// Removes a file; one that is not there is no failure.
    func remove(_ path: String) throws(DiskFailure)
    /// Makes what was created, moved and removed in the folder of `path` durable.
    func syncFolder(of path: String) throws(DiskFailure)
}

/// A system call that did not succeed, in words.
package struct DiskFailure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// The files of this machine.
package struct SystemDisk: DatabaseDisk {
    package init() {}

    package var vfs: String? { nil }

    package func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    package func create(_ path: String) throws(DiskFailure) {
        let descriptor = unsafe chamber_open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw DiskFailure("\(path) cannot be created: \(systemError())") }
        close(descriptor)
    }

    package func move(_ from: String, to target: String) throws(DiskFailure) {
        guard unsafe rename(from, target) == 0 else {
            throw DiskFailure("\(from) cannot be renamed to \(target): \(systemError())")
        }
    }

    package func remove(_ path: String) throws(DiskFailure) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw DiskFailure("\(path) cannot be removed: \(systemError())")
        }
    }

    package func syncFolder(of path: String) throws(DiskFailure) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = unsafe chamber_open(folder, O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { throw DiskFailure("the folder \(folder) cannot be opened: \(systemError())") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw DiskFailure("the folder \(folder) cannot be synced: \(systemError())")
        }
    }
}

/// Whether a path is a symbolic link. SQLite keeps the log beside what a link leads to, and a rename replaces the link
/// itself: the two must not be mixed.
package func isSymbolicLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}

/// Holds a lock on a file beside a database for as long as it lives, so that no second process opens the database. A lock
/// of its own: the locks that SQLite takes vanish when any descriptor of the same file is closed in the process.
package final class DatabaseLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock; nil where another process or another owner holds it and does not let go within a second, as one
    /// would that is just ending.
    package init?(path: String) throws(DiskFailure) {
        let descriptor = unsafe chamber_open(path, O_RDWR | O_CREAT, 0o600)
        guard descriptor >= 0 else { throw DiskFailure("the lock file \(path) cannot be opened: \(systemError())") }
        for _ in 0..<Self.attempts {
            if chamber_try_lock_file(descriptor) == 0 {
                self.descriptor = descriptor
                return
            }
            usleep(Self.pause)
        }
        close(descriptor)
        return nil
    }

    private static let attempts = 100
    /// Microseconds.
    private static let pause: UInt32 = 10_000

    /// Unlocks before it closes: a child that has not begun its own program yet still has the descriptor, and with it a
    /// lock that was only closed here.
    deinit {
        chamber_unlock_file(descriptor)
        close(descriptor)
    }
}

/// What the last system call said.
private func systemError() -> String { unsafe String(cString: strerror(errno)) }
