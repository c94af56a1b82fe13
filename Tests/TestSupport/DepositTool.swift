// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// Keystores, keys and mnemonics by other people's code (`scripts/deposit-tool` says what it does), to hold ours against.
package enum DepositTool {
    /// `scripts/bootstrap --test` puts it there.
    private static var folder: URL { Vectors.packageRoot.appending(path: ".build/deps/deposit-tool") }

    /// Tests over it report themselves as skipped where it is absent.
    package static var isPresent: Bool { FileManager.default.fileExists(atPath: folder.path) }

    /// What came of each task, in order. It takes half a second to start, so tasks go together.
    package static func perform(_ tasks: [[String: Any]]) throws -> [Any] {
        let temporary = try TemporaryFolder()
        try temporary.write(JSONSerialization.data(withJSONObject: tasks), to: "tasks")
        for name in ["results", "complaints"] { try temporary.write(Data(), to: name) }
        let process = Process()
        process.executableURL = Vectors.packageRoot.appending(path: "scripts/deposit-tool")
        process.environment = ["PYTHONPATH": folder.path, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"]
        try Spawning.alone {
            process.standardInput = try FileHandle(forReadingFrom: URL(filePath: temporary.file("tasks")))
            process.standardOutput = try FileHandle(forWritingTo: URL(filePath: temporary.file("results")))
            process.standardError = try FileHandle(forWritingTo: URL(filePath: temporary.file("complaints")))
            try process.run()
        }
        process.waitUntilExit()
        let results = try? JSONSerialization.jsonObject(with: temporary.contents("results")) as? [Any]
        guard process.terminationStatus == 0, let results, results.count == tasks.count else {
            throw Failure(description: String(decoding: try temporary.contents("complaints"), as: UTF8.self))
        }
        return results
    }

    private struct Failure: Error, CustomStringConvertible { let description: String }
}
