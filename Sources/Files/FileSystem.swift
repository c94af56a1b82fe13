// SPDX-License-Identifier: Apache-2.0

/// What a program that keeps a log of its own asks of the file system. A protocol, so that tests can put a disk below it
/// that is full, broken or read-only.
package protocol FileSystem: Sendable {
    /// Opens a file that is only ever written at its end, and may be read. Symbolic links are refused: who may write the
    /// folder could lead the lines elsewhere.
    ///
    /// - Parameter isNew: makes the file, mode 0600, and fails where there is one; otherwise it must be there.
    func openForAppending(_ path: String, isNew: Bool) throws(FileProblem) -> any AppendingFile
    /// Opens a file to be read from front to back.
    func openForReading(_ path: String) throws(FileProblem) -> any ReadableFile
    /// Which file stands at a path; nil where there is none. Symbolic links are not followed.
    func mark(of path: String) throws(FileProblem) -> FileMark?
    /// Gives a file another name, where nothing has that name yet.
    func move(_ from: String, to target: String) throws(FileProblem)
    /// Gives a file the name of another, which goes: whoever looks sees the one or the other, whole.
    func replace(_ path: String, with new: String) throws(FileProblem)
    /// Removes a file; one that is not there is no failure.
    func remove(_ path: String) throws(FileProblem)
    /// The names in a folder, in no order.
    func names(in folder: String) throws(FileProblem) -> [String]
    /// Makes what was created, moved and removed in the folder of `path` durable.
    func syncFolder(of path: String) throws(FileProblem)
    /// Takes a lock for as long as the result lives; nil where another process or another owner holds it.
    func lock(_ path: String) throws(FileProblem) -> (any FileLock)?
}

/// A file that is read.
package protocol ReadableFile: AnyObject, Sendable {
    /// Up to `count` bytes from a place; none at the end.
    func read(at offset: Int, count: Int) throws(FileProblem) -> [UInt8]
    /// As it is now.
    var status: FileStatus { get throws(FileProblem) }
}

/// A file that grows at its end.
package protocol AppendingFile: ReadableFile {
    /// Writes some of `bytes` from `start` on (write(2) once); how many were taken. They are with the kernel then, not
    /// yet on the disk.
    func append(_ bytes: [UInt8], from start: Int) throws(FileProblem) -> Int
    /// Makes everything durable (fsync). May take long. What failed once must not be tried again on the same file: the
    /// kernel forgets what it could not write.
    func sync() throws(FileProblem)
    /// Cuts the end off.
    func cut(to size: Int) throws(FileProblem)
}

/// Held for as long as it lives.
package protocol FileLock: AnyObject, Sendable {}

/// Which file it is, whatever it is called.
package struct FileMark: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

package struct FileStatus: Hashable, Sendable {
    package let mark: FileMark
    /// Bytes.
    package let size: Int
    /// Whether somebody else than its owner may write it.
    package let isWritableByOthers: Bool
    package init(mark: FileMark, size: Int, isWritableByOthers: Bool) {
        self.mark = mark
        self.size = size
        self.isWritableByOthers = isWritableByOthers
    }
}

/// What the file system refused: what was tried, on which path, and its answer.
package struct FileProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Cause: Hashable, Sendable {
        case notFound, exists, symbolicLink, notAFile, full
        /// A number of errno(3).
        case system(Int32)
    }
    package let path: String
    /// After "cannot be": `written`, `opened`.
    package let attempt: String
    package let cause: Cause
    /// In words.
    package let reason: String

    package init(_ path: String, _ attempt: String, _ cause: Cause, _ reason: String) {
        self.path = path
        self.attempt = attempt
        self.cause = cause
        self.reason = reason
    }

    package var description: String { "\(path) cannot be \(attempt): \(reason)" }
}

extension String {
    /// The folder of a path.
    package var folder: String { lastIndex(of: "/").map { $0 == startIndex ? "/" : String(self[..<$0]) } ?? "." }
    /// What stands behind the last `/`.
    package var lastName: String { lastIndex(of: "/").map { String(self[index(after: $0)...]) } ?? self }
}
