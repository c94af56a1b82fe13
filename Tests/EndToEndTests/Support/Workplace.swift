// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A folder with a configuration, key files and room for a record: what a user has before the first command.
final class Workplace: Sendable {
    let folder: TemporaryFolder
    var configuration: String { folder.file("config.yaml") }
    var record: String { folder.file("record.sqlite") }
    var keys: String { folder.file("keys") }

    /// - Parameters:
    ///   - keys: written as descriptors of type `file-raw`.
    ///   - network: the lines that choose it.
    ///   - settings: further lines of the configuration, whole sections.
    init(keys: [TestKey] = [], network: String = "network: hoodi", settings: String = "") throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("keys"),
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        for key in keys { try write(key) }
        let text = """
            \(network)
            key_sources:
              filesystem:
                paths: ["\(self.keys)"]
            anti_slashing:
              path: "\(record)"
            logging:
              format: json
            \(settings)
            """
        try write(text, to: "config.yaml")
    }

    /// The environment of every command here: free ports.
    static let environment = ["CONTAINMENT_SERVER__LISTEN_PORT": "0", "CONTAINMENT_METRICS__LISTEN_PORT": "0"]

    func write(_ text: String, to name: String, mode: Int = 0o600) throws {
        try folder.write(Data(text.utf8), to: name)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.file(name))
    }

    func write(_ key: TestKey) throws { try write(key.descriptor, to: "keys/\(key.publicKey).yaml") }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: folder.file(name)) }

    /// Runs a command with the configuration of this folder.
    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> CommandResult {
        try await run(arguments, environment: environment)
    }

    /// - Parameter wrapper: a program with its arguments that becomes the command.
    func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        through wrapper: [String] = []
    ) async throws -> CommandResult {
        try await Chamber.run(
            arguments + ["-c", configuration],
            through: wrapper,
            environment: Self.environment.merging(environment) { _, own in own },
            in: folder.path
        )
    }

    /// Makes the record and says so if that does not work.
    func makeRecord() async throws {
        let made = try await run("anti-slashing", "init")
        try #require(made.exitCode == 0, "\(made)")
    }
}
