// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What only a system call tells about a host.
extension Hardening {
    /// Whether the kernel's clock is kept in step with a time server; nil where that cannot be asked.
    package static var clockIsSynchronized: Bool? {
        let answer = chamber_clock_is_synchronized()
        return answer < 0 ? nil : answer == 1
    }

    /// Whether the kernel gives memory that it cannot read itself (memfd_secret(2)).
    package static var hasSecretMemory: Bool {
        let descriptor = chamber_memfd_secret()
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }

    /// The process that listens at a Unix socket.
    package static func listener(at path: String) -> Int32? {
        let identifier = unsafe path.withCString { unsafe chamber_socket_owner($0) }
        return identifier > 0 ? identifier : nil
    }
}
