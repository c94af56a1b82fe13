// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Times in nanoseconds.
enum Clock {
    static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }

    /// CPU time of the calling thread: waiting for a processor does not count.
    static var thread: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// CPU time of all threads of another process, those that have ended included (`clock_getcpuclockid`).
    static func process(_ identifier: pid_t) -> UInt64 {
        var clock = clockid_t()
        guard unsafe clock_getcpuclockid(identifier, &clock) == 0 else { return 0 }
        return read(clock)
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// Figures over many samples.
extension [Double] {
    /// The smallest value that is not below this share of them all; 0 for none.
    func quantile(_ share: Double) -> Double {
        guard !isEmpty else { return 0 }
        let rank = Int((share * Double(count)).rounded(.up))
        return sorted()[Swift.min(Swift.max(rank, 1), count) - 1]
    }

    var median: Double { quantile(0.5) }

    var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }
}

/// What else the machine is doing.
enum MachineLoad {
    /// The first field of `/proc/loadavg`: runnable tasks, averaged over a minute.
    static var average: String {
        guard let file = unsafe fopen("/proc/loadavg", "r") else { return "unknown" }
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard unsafe fgets(&line, 64, file) != nil else { return "unknown" }
        return String(decoding: line.prefix { $0 > 0x20 }.map { UInt8($0) }, as: UTF8.self)
    }
}
