// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The files and TCP ports that a process may reach (landlock(7)), whoever it runs as.
///
/// Rules are for folders: a file that is replaced by renaming is another file to the kernel, and keys, certificates and
/// databases are replaced so. What does not exist when the rules are applied cannot be allowed later.
package struct Landlock: Sendable, Equatable {
    /// Files and folders that are read, with all below them.
    package var readable: [String] = []
    /// Folders in which files are made, written, renamed and removed.
    package var writable: [String] = []
    /// The TCP ports that are listened on; 0 stands for one that the system chooses.
    package var bound: [UInt16] = []
    /// The TCP ports of the servers that are called; nil lets it call any.
    package var called: [UInt16]?

    package init() {}

    /// Which version the kernel offers; 0 where there is none.
    package static var version: Int { max(0, Int(chamber_landlock_version())) }

    /// Holds this thread, and all that it starts, to the rules, for ever. Call it on the main thread before any other.
    package func apply() -> HardeningReport.State {
        let version = Self.version
        guard version > 0 else {
            return .missing("this kernel has no Landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK, lsm=landlock,…)")
        }
        let handled = Rights.handled(version)
        let calls = called == nil ? 0 : Rights.connect
        let ruleset = chamber_landlock_ruleset(
            handled,
            version >= 4 ? Rights.bind | calls : 0,
            version >= 6 ? Rights.signals | Rights.abstractSockets : 0,
            Int32(version)
        )
        guard ruleset >= 0 else { return .missing("the rules could not be made (error \(errno))") }
        defer { close(ruleset) }
        for path in readable { if let failure = allow(path, Rights.read, in: ruleset) { return failure } }
        for path in writable { if let failure = allow(path, Rights.write & handled, in: ruleset) { return failure } }
        if version >= 4 {
            for (ports, right) in [(bound, Rights.bind), (called ?? [], Rights.connect)] {
                for port in Set(ports) where chamber_landlock_allow_port(ruleset, port, right) != 0 {
                    return .missing("port \(port) could not be allowed (error \(errno))")
                }
            }
        }
        guard chamber_landlock_restrict(ruleset) == 0 else {
            return .missing("the kernel did not take the rules (error \(errno))")
        }
        guard version >= 4 else {
            return .partial("only files are restricted, TCP ports are not (this kernel has version \(version) of 4)")
        }
        return .holds("only the configured files and ports")
    }

    /// What is not there is left out: who needs it says so when he does not find it.
    private func allow(_ path: String, _ rights: UInt64, in ruleset: Int32) -> HardeningReport.State? {
        let code = unsafe path.withCString { unsafe chamber_landlock_allow_path(ruleset, $0, rights) }
        guard code != 0, ![ENOENT, ENOTDIR, EACCES].contains(errno) else { return nil }
        return .missing("\(path) could not be allowed (error \(errno))")
    }

    /// Bits of `linux/landlock.h`.
    private enum Rights {
        static let bind: UInt64 = 1 << 0
        static let connect: UInt64 = 1 << 1
        static let abstractSockets: UInt64 = 1 << 0
        static let signals: UInt64 = 1 << 1

        /// READ_FILE, READ_DIR.
        static let read: UInt64 = 1 << 2 | 1 << 3
        /// And WRITE_FILE, REMOVE_FILE, MAKE_REG, MAKE_SOCK, TRUNCATE. Never EXECUTE.
        static let write: UInt64 = read | 1 << 1 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 14

        /// Everything that a version knows is refused unless a rule allows it: 13 rights in the first, REFER, TRUNCATE,
        /// IOCTL_DEV later.
        static func handled(_ version: Int) -> UInt64 {
            switch version {
            case 1: 1 << 13 - 1
            case 2: 1 << 14 - 1
            case 3, 4: 1 << 15 - 1
            default: 1 << 16 - 1
            }
        }
    }
}
