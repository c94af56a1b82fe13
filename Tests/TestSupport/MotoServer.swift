// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation
internal import HTTPClient

/// A server that answers as DynamoDB and KMS do (moto), on a free port of this machine. It ends with the test process, in
/// whatever way that ends.
package final class MotoServer: Sendable {
    /// `scripts/bootstrap --test` puts it there.
    private static var folder: URL { Vectors.packageRoot.appending(path: ".build/deps/moto") }

    /// Suites over it report themselves as skipped where it is absent.
    package static var isPresent: Bool { FileManager.default.fileExists(atPath: folder.path) }

    /// One for the whole process: it takes seconds to start. Tests keep apart by the names of their tables.
    package static var shared: MotoServer { get async throws { try await starting.value } }
    private static let starting = Task { try await MotoServer() }

    /// `http://127.0.0.1:PORT`.
    package let endpoint: String
    /// Of the server, to measure it.
    package let processIdentifier: Int32
    private let temporary: TemporaryFolder
    /// The shell waits for the end of this pipe and takes the server with it.
    private let lifeline: Lock<FileHandle>

    private init() async throws {
        temporary = try TemporaryFolder()
        let log = temporary.file("log")
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.environment = ["PYTHONPATH": Self.folder.path, "PATH": "/usr/bin:/bin"]
        process.currentDirectoryURL = URL(filePath: temporary.path)
        process.arguments = [
            "-c",
            """
            trap '' INT TERM HUP
            "$1" >"$0" 2>&1 </dev/null &
            echo $! >"$0.pid"
            read -r _
            kill -KILL $!
            """,
            log, Vectors.packageRoot.appending(path: "scripts/moto-server").path,
        ]
        let input = try Spawning.alone {
            let input = Pipe()
            process.standardInput = input
            try process.run()
            return input
        }
        lifeline = Lock(input.fileHandleForWriting)
        endpoint = try await Self.endpoint(in: log)
        let number = try String(contentsOfFile: log + ".pid", encoding: .utf8)
        processIdentifier = Int32(number.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    /// What no client of DynamoDB could do with a table; `scripts/moto-server` says what there is.
    package func travel(_ action: String, _ table: String, _ copy: String = "-") async throws {
        let target = "\(endpoint)/chamber/\(action)/\(table)/\(copy)"
        let answer = await withCheckedContinuation { continuation in
            _ = Concurrency.Thread(name: "travel") {
                continuation.resume(returning: try? HTTPClient().send("POST", target, body: []))
            }
        }
        guard answer?.status == 200 else { throw MotoFailure(description: "\(action) of table \(table) failed") }
    }

    /// Lets a key of KMS go wrong, or work again; `scripts/moto-server` says what there is.
    package func trouble(_ action: String, key arn: String) async throws {
        let parts = arn.split(separator: "/", maxSplits: 1).map(String.init)
        try await travel(action, parts[0], parts[1])
    }

    /// Waits for the line that names the port.
    private static func endpoint(in log: String) async throws -> String {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            if let line = text.split(separator: "\n").first(where: { $0.contains("Running on http://") }) {
                return String(line[(line.range(of: "http://")?.lowerBound ?? line.startIndex)...])
                    .trimmingCharacters(in: .whitespaces)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw MotoFailure(description: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "moto did not start")
    }
}

private struct MotoFailure: Error, CustomStringConvertible { let description: String }
