// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Configuration

/// What the sandbox is made from.
@Suite struct SandboxSettingTests {
    @Test(arguments: [
        ("true", Configuration.Sandbox.Mode.bestEffort), ("false", .off), ("off", .off),
        ("best_effort", .bestEffort), ("required", .required),
    ])
    func `a mode is a word, or true or false as elsewhere`(text: String, mode: Configuration.Sandbox.Mode) throws {
        let configuration = try load("server: {seccomp: \(text), landlock: \(text)}")
        #expect(configuration.sandbox.systemCalls == mode && configuration.sandbox.files == mode)
    }

    @Test func `both are off unless they are switched on`() throws {
        let configuration = try load()
        #expect(configuration.sandbox.systemCalls == .off && configuration.sandbox.files == .off)
    }

    @Test func `other words are refused, and so are paths that nothing reads`() {
        #expect(problems("server: {seccomp: maybe}").map(\.key) == ["server.seccomp"])
        #expect(problems("server: {landlock_read_paths: [/srv]}").map(\.key) == ["server.landlock_read_paths"])
        #expect(problems("server: {landlock_read_paths: [/srv], landlock: true}").isEmpty)
    }

    /// A new setting with a path would be denied to the signer that has it: it fails here first.
    @Test func `every path that a setting names can be reached in the sandbox`() throws {
        for setting in Configuration.schema.settings where setting.isPath || setting.isSecret {
            var configuration = Configuration()
            configuration.antiSlashing.floor.isEnabled = true
            let folder = "/sandbox/\(setting.key)"
            let path = setting.isSecret ? "file:\(folder)/file" : "\(folder)/file"
            let failures = setting.read(setting.isList ? .list([path]) : .text(path), &configuration)
            try #require(failures.isEmpty)
            let reached = configuration.readFolders + configuration.writtenFolders
            #expect(reached.contains { $0 == folder || $0 == "\(folder)/file" }, "\(setting.key)")
        }
    }

    /// Their ports are listed in SandboxRules.swift, which tests of this target do not see.
    @Test func `every port and server that a setting names is known to the sandbox`() {
        let known: Set = [
            "server.listen_port", "tls.listen_port", "metrics.listen_port", "anti_slashing.url",
            "anti_slashing.endpoint", "signer_state.url", "signer_state.endpoint", "kms.endpoints",
            "key_sources.postgres.url", "key_sources.dynamodb.endpoint",
            "tracing.otlp_endpoint",
        ]
        let named = Configuration.schema.settings.map(\.key).filter { key in
            ["listen_port", "url", "endpoint", "endpoints"].contains { key.hasSuffix($0) }
        }
        #expect(Set(named) == known, "add its port to SandboxRules.swift, then its key here")
    }

    @Test(arguments: [("a/b/c", "a/b"), ("c", "."), ("/c", "/"), ("./c", "."), ("/a/b/", "/a/b")])
    func `the folder of a path`(path: String, folder: String) {
        #expect(Configuration.folder(of: path) == folder)
    }
}
