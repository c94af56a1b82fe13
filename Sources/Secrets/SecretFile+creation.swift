// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Files that hold a secret.
package enum SecretFile {
    /// Makes a file, mode 0600, and returns when its content and its name are durable. What stands at the path already is
    /// left alone; what could not be made whole is removed.
    package static func create(_ path: String, _ contents: Span<UInt8>) throws(FileFailure) {
        // With O_EXCL a link is something that stands there already.
        let descriptor = unsafe chamber_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0o600)
        guard descriptor >= 0 else { throw errno == EEXIST ? .exists : .notWritten(code: errno) }
        defer { close(descriptor) }
        do throws(FileFailure) {
            // The mode that was asked for is what the umask leaves of it.
            guard fchmod(descriptor, 0o600) == 0 else { throw .notWritten(code: errno) }
            try write(contents, to: descriptor)
            guard fsync(descriptor) == 0 else { throw .notWritten(code: errno) }
            try syncFolder(of: path)
        } catch {
            unsafe unlink(path)
            throw error
        }
    }

    private static func write(_ contents: Span<UInt8>, to descriptor: Int32) throws(FileFailure) {
        var taken = 0
        while taken < contents.count {
            let written = unsafe contents.extracting(taken...).withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            }
            guard written >= 0 || errno == EINTR else { throw .notWritten(code: errno) }
            taken += max(written, 0)
        }
    }

    private static func syncFolder(of path: String) throws(FileFailure) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = unsafe chamber_open(folder, O_RDONLY | O_DIRECTORY, 0)
        guard descriptor >= 0 else { throw .notWritten(code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .notWritten(code: errno) }
    }
}
