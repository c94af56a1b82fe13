// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import FoundationEssentials

/// The `process_*` metrics that every Prometheus client has, from `/proc/self`; read at each scrape.
enum ProcessMetrics {
    static func register(in registry: MetricRegistry) {
        let cpu = registry.measuredCounter(
            "process_cpu_seconds_total",
            "Processor time used, user and system, in seconds."
        )[]
        let start = registry.gauge("process_start_time_seconds", "Start of the process, in seconds since 1970.")[]
        let resident = registry.gauge("process_resident_memory_bytes", "Resident memory.")[]
        let virtual = registry.gauge("process_virtual_memory_bytes", "Virtual memory.")[]
        let open = registry.gauge("process_open_fds", "Open file descriptors.")[]
        let most = registry.gauge("process_max_fds", "The limit on open file descriptors.")[]
        let threads = registry.gauge("process_threads", "Threads of the process.")[]
        registry.collect {
            cpu.set(Double(ProcessClock.cpuNanoseconds) / 1e9)
            if let status = ProcessStatus.read() {
                start.set(status.startTime)
                resident.set(status.residentBytes)
                virtual.set(status.virtualBytes)
                threads.set(status.threads)
            }
            if let count = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
                // Without the descriptor that listed them.
                open.set(count - 1)
            }
            if let limits = try? String(contentsOfFile: "/proc/self/limits", encoding: .utf8),
                let limit = openFilesLimit(limits)
            {
                most.set(limit)
            }
        }
    }

    /// The soft limit in the row `Max open files` of `/proc/self/limits`.
    static func openFilesLimit(_ limits: String) -> Double? {
        guard let row = limits.split(separator: "\n").first(where: { $0.hasPrefix("Max open files") }) else {
            return nil
        }
        let fields = row.dropFirst("Max open files".count).split(separator: " ")
        guard let soft = fields.first else { return nil }
        return soft == "unlimited" ? .infinity : Double(soft)
    }
}

/// What `/proc/self/stat` says (proc(5)).
struct ProcessStatus {
    let startTime: Double
    let residentBytes: Double
    let virtualBytes: Double
    let threads: Int

    static func read() -> Self? {
        guard
            let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let system = try? String(contentsOfFile: "/proc/stat", encoding: .utf8)
        else { return nil }
        return Self(stat: stat, system: system)
    }

    /// Nil when the texts are not what proc(5) says.
    init?(stat: String, system: String) {
        // The second field is the name of the program in parentheses and may hold anything; the third follows the last
        // parenthesis. Field n of the manual is at n - 3 here.
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard
            fields.count > 21, let threads = Int(fields[17]), let startTicks = Double(fields[19]),
            let virtual = Double(fields[20]), let pages = Double(fields[21]),
            let boot = system.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let bootTime = Double(boot.dropFirst(6))
        else { return nil }
        self.threads = threads
        startTime = bootTime + startTicks / Double(ProcessClock.ticksPerSecond)
        virtualBytes = virtual
        residentBytes = pages * Double(ProcessClock.pageSize)
    }
}
