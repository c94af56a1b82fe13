// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// This machine, as names of instances and of files tell it.
enum Machine {
    /// Read where the kernel tells it: Foundation's asks name servers.
    static var name: String {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8)
        return text.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? "unknown"
    }
}
