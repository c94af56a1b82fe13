// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// What there is to compute with.
enum Machine {
    /// Processors that this process may use.
    static let processors = max(1, ProcessInfo.processInfo.activeProcessorCount)

    /// Bytes for key derivation: a quarter of the memory, 2 GiB at most.
    static let derivationBudget = min(memory / 4, 2 << 30)

    /// Physical memory, or what the control group (a container's limit) leaves of it.
    private static var memory: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        guard let data = FileManager.default.contents(atPath: "/sys/fs/cgroup/memory.max"),
            let limit = Int(String(decoding: data, as: UTF8.self).split(separator: "\n").first ?? "")
        else { return physical }
        return min(physical, limit)
    }
}
