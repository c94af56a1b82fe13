// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The files of this machine.
package struct SystemFiles: FileSystem {
    package init() {}

    package func openForAppending(_ path: String, isNew: Bool) throws(FileProblem) -> any AppendingFile {
        let flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (isNew ? O_CREAT | O_EXCL : 0)
        return OpenFile(path, try OpenFile.open(path, flags, isNew ? "created" : "opened"))
    }

    package func openForReading(_ path: String) throws(FileProblem) -> any ReadableFile {
        OpenFile(path, try OpenFile.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, "read"))
    }

    package func mark(of path: String) throws(FileProblem) -> FileMark? {
        var status = stat()
        guard unsafe lstat(path, &status) != 0 else { return FileMark(status) }
        let code = errno
        guard code != ENOENT else { return nil }
        throw FileProblem(path, "looked at", code)
    }

    package func move(_ from: String, to target: String) throws(FileProblem) {
        // Only the holder of the lock moves these files, so looking first is enough.
        guard try mark(of: target) == nil else {
            throw FileProblem(from, "renamed to \(target)", .exists, "a file of that name is there")
        }
        guard unsafe rename(from, target) == 0 else { throw FileProblem(from, "renamed to \(target)", errno) }
    }

    package func replace(_ path: String, with new: String) throws(FileProblem) {
        guard unsafe rename(new, path) == 0 else { throw FileProblem(new, "renamed to \(path)", errno) }
    }

    package func remove(_ path: String) throws(FileProblem) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw FileProblem(path, "removed", errno) }
    }

    package func names(in folder: String) throws(FileProblem) -> [String] {
        guard let directory = unsafe opendir(folder) else { throw FileProblem(folder, "listed", errno) }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package func syncFolder(of path: String) throws(FileProblem) {
        let descriptor = try OpenFile.open(path.folder, O_RDONLY | O_DIRECTORY, "opened")
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileProblem(path.folder, "synced", errno) }
    }

    package func lock(_ path: String) throws(FileProblem) -> (any FileLock)? {
        let descriptor = try OpenFile.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, "opened")
        // One that is just ending lets go within a second.
        for _ in 0..<100 {
            if chamber_try_lock_file(descriptor) == 0 { return HeldLock(descriptor) }
            usleep(10_000)
        }
        close(descriptor)
        return nil
    }
}

/// A descriptor with its path.
private final class OpenFile: AppendingFile {
    private let path: String
    private let descriptor: Int32

    init(_ path: String, _ descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    static func open(_ path: String, _ flags: Int32, _ attempt: String) throws(FileProblem) -> Int32 {
        let descriptor = unsafe chamber_open(path, flags, 0o600)
        guard descriptor >= 0 else { throw FileProblem(path, attempt, errno) }
        guard flags & O_DIRECTORY == 0 else { return descriptor }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FileProblem(path, attempt, .notAFile, "it is not a regular file")
        }
        return descriptor
    }

    func read(at offset: Int, count: Int) throws(FileProblem) -> [UInt8] {
        var code: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, taken in
            while true {
                let got = unsafe pread(descriptor, buffer.baseAddress, count, offset)
                if got >= 0 {
                    taken = got
                    return
                }
                guard errno == EINTR else {
                    code = errno
                    return
                }
            }
        }
        guard code == 0 else { throw FileProblem(path, "read", code) }
        return bytes
    }

    var status: FileStatus {
        get throws(FileProblem) {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { throw FileProblem(path, "looked at", errno) }
            return FileStatus(
                mark: FileMark(status),
                size: Int(status.st_size),
                isWritableByOthers: status.st_mode & 0o022 != 0
            )
        }
    }

    func append(_ bytes: [UInt8], from start: Int) throws(FileProblem) -> Int {
        while true {
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(descriptor, buffer.baseAddress.map { unsafe $0 + start }, bytes.count - start)
            }
            if written >= 0 { return written }
            guard errno == EINTR else { throw FileProblem(path, "written", errno) }
        }
    }

    func sync() throws(FileProblem) {
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw FileProblem(path, "synced", errno) }
        }
    }

    func cut(to size: Int) throws(FileProblem) {
        guard ftruncate(descriptor, size) == 0 else { throw FileProblem(path, "cut", errno) }
    }
}

private final class HeldLock: FileLock {
    private let descriptor: Int32
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Unlocks before it closes: a child that has not begun its own program yet still has the descriptor.
    deinit {
        chamber_unlock_file(descriptor)
        close(descriptor)
    }
}

extension FileMark {
    fileprivate init(_ status: stat) { self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) }
}

extension FileProblem {
    /// The one place where a number of errno(3) becomes words.
    fileprivate init(_ path: String, _ attempt: String, _ code: Int32) {
        let cause: Cause =
            switch code {
            case ENOENT: .notFound
            case EEXIST: .exists
            case ELOOP: .symbolicLink
            case EISDIR: .notAFile
            case ENOSPC, EDQUOT, EFBIG: .full
            default: .system(code)
            }
        let reason = code == ELOOP ? "it is a symbolic link" : unsafe String(cString: strerror(code))
        self.init(path, attempt, cause, reason)
    }
}
