// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import TestSupport

/// A program of the server's that did not do its work.
package struct ServerFailure: Error, CustomStringConvertible {
    package let description: String
}

/// The programs of the distribution's server and the user they run as.
enum Programs {
    /// The newest of `/usr/lib/postgresql/*/bin`.
    static let folder: String = {
        let parent = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        let newest = versions.compactMap { Int($0) }.max().map(String.init) ?? "no-version-is-installed"
        return "\(parent)/\(newest)/bin"
    }()

    static func path(_ name: String) -> String { folder + "/" + name }

    /// Numbers of the user and group that the server runs as where the tests run as root, as which it refuses to.
    static let otherUser: (user: String, group: String)? = {
        guard NSUserName() == "root" else { return nil }
        let text = (try? String(contentsOfFile: "/etc/passwd", encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
        let line = lines.first { $0[0] == "postgres" } ?? lines.first { $0[0] == "nobody" }
        return line.map { (String($0[2]), String($0[3])) }
    }()

    /// The command line that runs a program as the server's user; `setpriv` becomes the program, so that its process is
    /// the program's.
    static func asServerUser(_ program: String, _ arguments: [String]) -> (program: String, arguments: [String]) {
        guard let (user, group) = otherUser else { return (program, arguments) }
        return ("/usr/bin/setpriv", ["--reuid=\(user)", "--regid=\(group)", "--clear-groups", program] + arguments)
    }

    /// Runs to the end as the server's user, without holding a thread of the pool; what it printed.
    @discardableResult
    static func run(
        _ program: String,
        _ arguments: [String],
        input: String = "",
        in folder: String
    ) async throws
        -> String
    {
        let command = asServerUser(program, arguments)
        return try await run(command.program, command.arguments, input: input, folder: folder)
    }

    /// Runs to the end as the user of the tests.
    @discardableResult
    static func run(_ program: String, _ arguments: [String], input: String = "", folder: String) async throws -> String
    {
        let result = await Blocking.run(name: "program") { () -> Result<String, any Error> in
            Result { try complete(program, arguments, input: input, folder: folder) }
        }
        return try result.get()
    }

    private static func complete(
        _ program: String,
        _ arguments: [String],
        input: String,
        folder: String
    ) throws -> String {
        let process = Process()
        let ended = Condition(false)
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": folder]
        process.currentDirectoryURL = URL(filePath: folder)
        process.terminationHandler = { _ in ended.withLock { $0 = true } }
        let (standardInput, output) = try Spawning.alone {
            let (standardInput, output) = (Pipe(), Pipe())
            process.standardInput = standardInput
            process.standardOutput = output
            process.standardError = output
            try process.run()
            return (standardInput, output)
        }
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        // Foundation's process is never freed, and would keep it open.
        try output.fileHandleForReading.close()
        _ = ended.wait { $0 ? true : nil }
        guard process.terminationStatus == 0 else {
            throw ServerFailure(description: "\(program) \(arguments.joined(separator: " ")): \(text)")
        }
        return text
    }
}
