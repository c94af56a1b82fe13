// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What the file system says about a file: enough to notice that it was changed or replaced, and who may read it.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    /// Bytes.
    package let size: Int
    /// Last change of the content, nanoseconds since 1970.
    package let modified: Int64
    /// Last change of content, owner or mode, nanoseconds since 1970. Nobody can set it back, as `cp -p` does `modified`.
    package let changed: Int64
    /// Type and permission bits, `st_mode`.
    package let mode: UInt32
    /// Whether the user that this process runs as owns it.
    package let isOwn: Bool

    /// Whether anyone but the owner can read or write it.
    package var isOpenToOthers: Bool { mode & 0o066 != 0 }

    /// Looks at what a path leads to, symbolic links followed.
    package init(path: String) throws(FileFailure) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw FileFailure(errno) }
        self.init(status)
    }

    fileprivate init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
        changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
        mode = status.st_mode
        isOwn = status.st_uid == geteuid()
    }
}

/// Why a file could not be read, or made.
package enum FileFailure: Error, Hashable, CustomStringConvertible {
    case notFound
    case permissionDenied
    /// A directory, a pipe or a device stands where a file should.
    case notAFile
    /// A link stands where only the file itself is taken.
    case symbolicLink
    /// Something stands already where a file was to be made.
    case exists
    case tooLarge(bytes: Int, limit: Int)
    /// It shrank or grew between looking at it and reading it; reading again will help.
    case changedWhileRead
    /// Anything else, by its number in errno(3).
    case system(code: Int32)
    /// It could not be made durable, or at all, by the number in errno(3).
    case notWritten(code: Int32)

    init(_ code: Int32) {
        switch code {
        case ENOENT, ENOTDIR: self = .notFound
        case EACCES, EPERM: self = .permissionDenied
        case EISDIR: self = .notAFile
        default: self = .system(code: code)
        }
    }

    package var description: String {
        switch self {
        case .notFound: "does not exist"
        case .permissionDenied: "may not be read by this user"
        case .notAFile: "is not a regular file"
        case .symbolicLink: "is a symbolic link"
        case .exists: "exists already"
        case .tooLarge(let bytes, let limit): "has \(bytes) bytes where at most \(limit) are read"
        case .changedWhileRead: "changed while it was read; try again"
        case .system(let code): "could not be read: \(unsafe String(cString: strerror(code)))"
        case .notWritten(let code): "could not be written: \(unsafe String(cString: strerror(code)))"
        }
    }
}

/// Reads files straight into secret memory, one after another into the same locked pages: a file that holds a key or a
/// passphrase never passes through a `String` or a `Data` of ours. (The page cache of the kernel holds it either way.)
package struct SecretFileReader: ~Copyable {
    private var memory: SecretBytes
    private var length = 0

    /// `capacity` bytes to begin with; a larger file makes it grow.
    package init(capacity: Int = 4096) { memory = SecretBytes(count: capacity) { _ in } }

    /// What was read last.
    package var contents: Span<UInt8> {
        @_lifetime(borrow self) get { memory.span.extracting(0..<length) }
    }

    /// Reads a whole regular file of at most `limit` bytes; what was read before is overwritten. Returns what the file was
    /// before the first byte was read, so that a later change shows as a different identity.
    ///
    /// - Parameter followsLink: whether the path itself may be a symbolic link.
    @discardableResult
    package mutating func read(
        _ path: String,
        limit: Int,
        followsLink: Bool = true
    ) throws(FileFailure) -> FileIdentity {
        wipe()
        // O_NONBLOCK: a pipe with nobody at its other end must not hold us; regular files do not care.
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (followsLink ? 0 : O_NOFOLLOW)
        let descriptor = unsafe chamber_open(path, flags, 0)
        guard descriptor >= 0 else { throw !followsLink && errno == ELOOP ? .symbolicLink : FileFailure(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw FileFailure(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        let identity = FileIdentity(status)
        guard identity.size <= limit else { throw .tooLarge(bytes: identity.size, limit: limit) }
        if identity.size >= memory.count { memory = SecretBytes(count: identity.size + 1) { _ in } }
        length = try fill(from: descriptor)
        guard length == identity.size else {
            wipe()
            throw .changedWhileRead
        }
        return identity
    }

    /// Forgets what was read.
    package mutating func wipe() {
        if length > 0 { memory.wipe() }
        length = 0
    }

    /// Reads to the end or until the memory is full. There is one byte more than the file had, so that growth shows.
    private mutating func fill(from descriptor: Int32) throws(FileFailure) -> Int {
        var taken = 0
        while taken < memory.count {
            let got = memory.withMutableBytes { target in
                unsafe target.withUnsafeMutableBytes { target in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[taken...])
                    return unsafe Glibc.read(descriptor, rest.baseAddress, rest.count)
                }
            }
            if got == 0 { break }
            if got > 0 {
                taken += got
            } else if errno != EINTR {
                memory.wipe()
                throw FileFailure(errno)
            }
        }
        return taken
    }
}
