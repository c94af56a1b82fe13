// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc
import TestSupport

/// A program that runs on as the server's user, and its children.
final class ServerProcess: Sendable {
    private struct State {
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state: Lock<State>
    let identifier: pid_t

    /// Starts; output goes to the end of `log`.
    init(_ program: String, _ arguments: [String], log: String, in folder: String) throws {
        let command = Programs.asServerUser(program, arguments)
        let process = Process()
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
        process.executableURL = URL(filePath: command.program)
        process.arguments = command.arguments
        process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardInput = FileHandle.nullDevice
        let state = Lock(State())
        process.terminationHandler = { process in
            let waiting = state.withLock { state in
                state.hasEnded = true
                defer { state.waiting = [] }
                return state.waiting
            }
            ServerWatchdog.shared.forget(process.processIdentifier)
            for continuation in waiting { continuation.resume() }
        }
        try Spawning.alone {
            let output = try FileHandle(forWritingTo: URL(filePath: log))
            defer { try? output.close() }
            try output.seekToEnd()
            process.standardOutput = output
            process.standardError = output
            try process.run()
        }
        self.state = state
        identifier = process.processIdentifier
        ServerWatchdog.shared.watch(identifier)
        // One that has ended by now was forgotten before it was known.
        if !isRunning { ServerWatchdog.shared.forget(identifier) }
    }

    deinit { killAll() }

    var isRunning: Bool { state.withLock { !$0.hasEnded } }

    func signal(_ number: Int32) { if isRunning { Glibc.kill(identifier, number) } }

    /// Waits for the end of the program itself.
    func end() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiting.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    /// SIGKILL for the program and its children, which it cannot replace meanwhile.
    @discardableResult func killAll() -> [pid_t] {
        signal(SIGSTOP)
        let children = self.children
        for child in children { Glibc.kill(child, SIGKILL) }
        signal(SIGKILL)
        return children
    }

    /// The children, from `/proc`; none once the program has ended.
    var children: [pid_t] {
        guard isRunning else { return [] }
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { pid_t($0) }.filter { Self.parent(of: $0) == identifier }
    }

    private static func parent(of process: pid_t) -> pid_t? {
        fields(process).flatMap { $0.count > 1 ? pid_t($0[1]) : nil }
    }

    /// Whether a process is no more, or only waits to be counted.
    static func isGone(_ process: pid_t) -> Bool { fields(process).map { $0.first == "Z" } ?? true }

    /// What stands behind the name in `/proc/N/stat`: state, parent and more.
    private static func fields(_ process: pid_t) -> [Substring]? {
        guard let data = try? FileHandle(forReadingAtPath: "/proc/\(process)/stat")?.readToEnd() else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        return text.lastIndex(of: ")").map { text[text.index(after: $0)...].split(separator: " ") }
    }
}
