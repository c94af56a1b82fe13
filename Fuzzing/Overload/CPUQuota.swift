// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A share of one processor for a program and its threads: a control group of its own, so that the program is slow and
/// whoever loads it is not. Only root can have one, and only where the control groups can be written.
final class CPUQuota {
    private static let prefix = "chamber-overload-"
    private let folder: String
    /// Who writes a process's number into it is bound by the quota.
    let members: String

    /// Nil where the machine allows none.
    ///
    /// - Parameters:
    ///   - percent: of one processor.
    ///   - period: microseconds. When its part of one is used up the program stands still until the next: so long at most does
    ///     the quota alone delay an answer.
    init?(percent: Int, period: Int) {
        let first = URL(filePath: "/sys/fs/cgroup/cpu")
        let isFirst = FileManager.default.fileExists(atPath: first.path)
        let parent = isFirst ? first : URL(filePath: "/sys/fs/cgroup")
        folder = parent.appending(path: "\(Self.prefix)\(ProcessInfo.processInfo.processIdentifier)").path
        members = folder + "/cgroup.procs"
        Self.removeLeft(in: parent.path)
        guard unsafe mkdir(folder, 0o755) == 0 else { return nil }
        let quota = period * percent / 100
        // Version 1 of the kernel's interface, and version 2.
        let isSet =
            isFirst
            ? Self.put("\(period)", folder + "/cpu.cfs_period_us") && Self.put("\(quota)", folder + "/cpu.cfs_quota_us")
            : Self.put("\(quota) \(period)", folder + "/cpu.max")
        if !isSet {
            unsafe rmdir(folder)
            return nil
        }
    }

    /// When its members have ended.
    func remove() { unsafe rmdir(folder) }

    /// Those of earlier runs that were ended from outside; one that has members stays.
    private static func removeLeft(in parent: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        for name in names where name.hasPrefix(prefix) { unsafe rmdir(parent + "/" + name) }
    }

    private static func put(_ text: String, _ path: String) -> Bool {
        guard let file = FileHandle(forWritingAtPath: path) else { return false }
        return (try? file.write(contentsOf: Data(text.utf8))) != nil
    }
}
