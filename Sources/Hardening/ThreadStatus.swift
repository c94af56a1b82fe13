// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials

/// The rows of a `status` file of `/proc` (proc(5)). Privileges belong to threads, so each thread has its own.
struct ThreadStatus {
    private let rows: [Substring]

    /// That of the calling thread; nil without `/proc`.
    static var current: Self? { Self(path: "/proc/thread-self/status") }

    /// Those of all threads; a thread that has just ended is left out.
    static var all: [Self] {
        let folder = "/proc/self/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.compactMap { Self(path: "\(folder)/\($0)/status") }
    }

    private init?(path: String) {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        rows = text.split(separator: "\n")
    }

    /// The value of a row.
    subscript(_ name: String) -> String? {
        guard let row = rows.first(where: { $0.hasPrefix(name + ":") }) else { return nil }
        return row.dropFirst(name.utf8.count + 1).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
