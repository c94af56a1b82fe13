// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Scripts that only run for hours, or only for somebody else, are looked at here.
@Suite(.timeLimit(.minutes(1))) struct ScriptTests {
    /// Paths from the root of the project.
    static let scripts: [String] = {
        let folder = ImportTests.root.appendingPathComponent("scripts").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return (names.map { "scripts/" + $0 } + [".ci/run"]).sorted().filter { path in
            let text = try? String(contentsOf: ImportTests.root.appendingPathComponent(path), encoding: .utf8)
            return text?.prefix { $0 != "\n" }.hasSuffix("bash") == true
        }
    }()

    @Test func `the scripts were found`() {
        #expect(Self.scripts.contains("scripts/soak") && Self.scripts.contains("scripts/test"))
    }

    @Test(arguments: scripts)
    func `a script can be read by its shell`(path: String) throws {
        let read = try run(["bash", "-n", path])
        #expect(read.status == 0, "\(read.output)")
    }

    @Test func `the long campaigns are listed where one is asked for that there is not`() throws {
        let asked = try run(["scripts/soak", "no-such-campaign"])
        #expect(asked.status == 2)
        for name in ["fuzz-requests", "api", "overload", "crashes", "revoke-races", "time-travel", "address-sanitizer"]
        {
            #expect(asked.output.contains(" \(name)"), "\(name) is not in: \(asked.output)")
        }
    }

    @Test func `every fuzz target is a campaign`() throws {
        let refused = try run(["scripts/fuzz"])
        let targets = refused.output.split(separator: ":").last?.split(whereSeparator: \.isWhitespace) ?? []
        #expect(targets.count > 5)
        let campaigns = try run(["scripts/soak", "no-such-campaign"]).output
        for target in targets { #expect(campaigns.contains("fuzz-\(target)"), "\(campaigns)") }
    }

    private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.currentDirectoryURL = ImportTests.root
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
