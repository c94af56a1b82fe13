// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc
import TestSupport

/// A program that runs beside the tests. Its output goes to files, so that nothing has to read along.
final class ChildProcess: Sendable {
    private struct State {
        var exitCode: Int32?
        var waiting: [CheckedContinuation<Int32, Never>] = []
    }
    private let state: Lock<State>
    private let outputPath: String
    private let errorsPath: String
    let identifier: pid_t

    /// - Parameter onExit: called once, when it has ended by whatever cause.
    init(
        _ program: URL,
        _ arguments: [String],
        environment: [String: String],
        in folder: String,
        onExit: @escaping @Sendable () -> Void = {}
    ) throws {
        let name = folder + "/" + UUID().uuidString.prefix(8)
        outputPath = name + ".stdout"
        errorsPath = name + ".stderr"
        for path in [outputPath, errorsPath] { try Data().write(to: URL(filePath: path)) }
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardInput = FileHandle.nullDevice
        let state = Lock(State())
        process.terminationHandler = { process in
            // A signal counts as a shell counts it.
            let code = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
            let waiting = state.withLock { state in
                state.exitCode = code
                defer { state.waiting = [] }
                return state.waiting
            }
            Watchdog.shared?.forget(process.processIdentifier)
            onExit()
            for continuation in waiting { continuation.resume(returning: code) }
        }
        let (outputPath, errorsPath) = (outputPath, errorsPath)
        try Spawning.alone {
            let files = try [outputPath, errorsPath].map { try FileHandle(forWritingTo: URL(filePath: $0)) }
            // Foundation's process is never freed, and would keep them for ever. With more than some thousand open
            // descriptors its next start reads beyond the list of them.
            defer { for file in files { try? file.close() } }
            (process.standardOutput, process.standardError) = (files[0], files[1])
            try process.run()
        }
        self.state = state
        identifier = process.processIdentifier
        // One that has ended by now was forgotten before it was known; then it is forgotten here.
        Watchdog.shared?.watch(identifier)
        if !isRunning { Watchdog.shared?.forget(identifier) }
    }

    deinit {
        if isRunning { kill(identifier, SIGKILL) }
        for path in [outputPath, errorsPath] { try? FileManager.default.removeItem(atPath: path) }
    }

    var isRunning: Bool { state.withLock { $0.exitCode == nil } }

    /// Waits for the end.
    var exitCode: Int32 {
        get async {
            await withCheckedContinuation { continuation in
                let code = state.withLock { state in
                    if state.exitCode == nil { state.waiting.append(continuation) }
                    return state.exitCode
                }
                if let code { continuation.resume(returning: code) }
            }
        }
    }

    func signal(_ number: Int32) { if isRunning { kill(identifier, number) } }

    /// What it has said so far.
    func output() throws -> String { try String(contentsOfFile: outputPath, encoding: .utf8) }
    func errors() throws -> String { try String(contentsOfFile: errorsPath, encoding: .utf8) }
}

struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Asks until there is an answer; an error after `limit`.
func eventually<Value>(
    _ what: String,
    within limit: Duration = .seconds(30),
    _ ask: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while true {
        if let value = try await ask() { return value }
        guard ContinuousClock.now < end else { throw TimedOut(description: "waited in vain: \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
