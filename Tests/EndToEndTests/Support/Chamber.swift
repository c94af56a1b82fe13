// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import TestSupport

/// What a command left behind.
struct CommandResult: Sendable, CustomStringConvertible {
    let exitCode: Int32
    let output: String
    let errors: String

    var description: String { "exit code \(exitCode)\nstdout:\n\(output)\nstderr:\n\(errors)" }

    /// Standard output as JSON.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(output.utf8))
    }
}

/// The built program, run as a user runs it.
enum Chamber {
    /// `containment-chamber` beside the bundle with these tests, or the one that `CHAMBER_BINARY` names.
    static let binary: URL = {
        if let path = ProcessInfo.processInfo.environment["CHAMBER_BINARY"] { return URL(filePath: path) }
        let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appending(path: "containment-chamber")
    }()

    /// No variable of the surroundings reaches the program, except where it finds libraries.
    static func environment(_ own: [String: String] = [:]) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment.filter { ["PATH", "LD_LIBRARY_PATH"].contains($0.key) }
        // The sanitized build must not take the place of the exit code.
        environment.merge(own) { _, own in own }
        return environment
    }

    /// The program to start and its arguments, where another is to become ours.
    static func command(_ arguments: [String], through wrapper: [String]) -> (URL, [String]) {
        guard let first = wrapper.first else { return (binary, arguments) }
        return (URL(filePath: first), wrapper.dropFirst() + [binary.path] + arguments)
    }

    /// Runs a command to its end.
    static func run(
        _ arguments: [String],
        through wrapper: [String] = [],
        environment own: [String: String] = [:],
        in folder: String? = nil
    ) async throws -> CommandResult {
        let folder = folder ?? NSTemporaryDirectory()
        let (program, arguments) = command(arguments, through: wrapper)
        return try await places.whileHolding {
            let child = try ChildProcess(program, arguments, environment: environment(own), in: folder)
            let code = await child.exitCode
            return CommandResult(exitCode: code, output: try child.output(), errors: try child.errors())
        }
    }

    /// Runs another program to its end; its exit code.
    static func exitCode(of program: String, _ arguments: [String]) async throws -> Int32 {
        let child = try ChildProcess(
            URL(filePath: program),
            arguments,
            environment: environment(),
            in: NSTemporaryDirectory()
        )
        return await child.exitCode
    }

    /// How many programs run at the same time: on two cores more of them only make each slower.
    static let places = Places(4)
}

/// Lets a few in at a time.
final class Places: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state: Lock<State>

    init(_ count: Int) { state = Lock(State(free: count)) }

    func whileHolding<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        await take()
        defer { giveBack() }
        return try await body()
    }

    /// Waits for a place. `giveBack` must follow.
    func take() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func giveBack() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
