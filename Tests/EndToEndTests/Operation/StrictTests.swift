// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Hardening
import TestSupport
import Testing

/// `server.strict` and `doctor` on this host.
@Suite(.timeLimit(.minutes(8)))
struct StrictTests {
    @Test func `strict names all that is missing at once, with what mends it`() async throws {
        let workplace = try Workplace(keys: [TestKey(1)])
        try workplace.write("{}", to: "keys/open.json", mode: 0o644)
        let text = String(decoding: try workplace.folder.contents("config.yaml"), as: UTF8.self)
        try workplace.write(text, to: "config.yaml", mode: 0o640)
        try await workplace.makeRecord()
        let result = try await workplace.run("server", "--server-strict")
        #expect(result.exitCode == 1 && result.output.isEmpty, "\(result)")
        for part in [
            "server.strict", "open.json: mode 644", "chmod 600", "config.yaml: mode 640", "seccomp: off",
            "set server.seccomp: required", "landlock: off",
        ] { #expect(result.errors.contains(part), "\(part) in \(result.errors)") }
        if geteuid() == 0 { #expect(result.errors.contains("user: root")) }
    }

    @Test func `strict and the doctor name folders and trust files that others can write, through links too`()
        async throws
    {
        let workplace = try Workplace(
            keys: [TestKey(1)],
            settings: "signer_state: {path: open/far/state}\naudit: {path: link/audit.log}"
        )
        let files = FileManager.default
        let place = workplace.folder.path
        try files.createDirectory(atPath: place + "/open/far", withIntermediateDirectories: true)
        try files.createDirectory(atPath: place + "/there", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: place + "/link", withDestinationPath: "there")
        for folder in ["open", "there"] {
            try files.setAttributes([.posixPermissions: 0o777], ofItemAtPath: "\(place)/\(folder)")
        }
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place + "/open/far")
        let doctor = try await workplace.run("doctor")
        for folder in ["open", "there"] {
            #expect(doctor.output.contains("BAD     folder: \(place)/\(folder): mode 777"), "\(doctor.output)")
            #expect(doctor.output.contains("fix: chmod go-w \(place)/\(folder)"))
        }
        #expect(!doctor.output.contains("folder: \(place)/open/far") && !doctor.output.contains("folder: /tmp:"))
        try await workplace.makeRecord()
        let strict = try await workplace.run("server", "--server-strict")
        #expect(strict.exitCode == 1 && strict.errors.contains("folder: \(place)/open: mode 777"), "\(strict)")
    }

    static var canRun: Bool {
        geteuid() == 0 && Landlock.version >= 4 && Hardening.hasSecretMemory
            && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
    }

    /// As a service manager starts it: a user of its own, no capability but that to lock memory.
    @Test(.enabled(if: canRun, "only root can start it as a service manager does"))
    func `strict starts where nothing is missing, and signs`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace(keys: [key], settings: "server: {strict: true, seccomp: true, landlock: true}")
        try await workplace.makeRecord()
        let hand = try await Chamber.exitCode(of: "/usr/bin/chown", ["-R", "65534:65534", workplace.folder.path])
        try #require(hand == 0)
        let signer = try await RunningSigner.start(
            in: workplace,
            makesRecord: false,
            through: [
                "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+ipc_lock",
                "--ambient-caps=+ipc_lock", "--bounding-set=-all,+ipc_lock",
            ]
        )
        #expect(try await signer.sign(SigningBody.block(slot: 64), with: key).status == 200)
        let lines = try signer.log().map(\.message).filter { $0.hasPrefix("hardening: ") }
        #expect(lines.count == 2 && lines.allSatisfy { !$0.contains("NOT ") }, "\(lines)")

        let doctor = try await workplace.run("doctor", "--json")
        let findings = try doctor.decode([Row].self)
        for name in ["capabilities", "new privileges", "seccomp", "landlock", "secret memory", "memory lock"] {
            #expect(findings.first { $0.name == name }?.state == "ok", "\(name): \(doctor)")
        }
        #expect(findings.first { $0.name == "canaries" }?.state == "warn")
        #expect(findings.allSatisfy { ($0.fix == nil) == ($0.state == "ok") })
        #expect(await signer.stop() == 0)
    }

    private struct Row: Decodable {
        let name: String
        let state: String
        let fix: String?
    }

    @Test func `the doctor says what must not stay so, and ends with 2`() async throws {
        let workplace = try Workplace(settings: "server: {listen_address: 0.0.0.0}\nauth: {mode: open}")
        let result = try await workplace.run("doctor")
        #expect(result.exitCode == 2, "\(result)")
        #expect(result.output.contains("BAD     signing port: 0.0.0.0"))
        #expect(result.output.contains("BAD     tokens: auth.mode is open on a public address"))
        #expect(result.output.contains("fix: set auth.mode: enforced"))
        #expect(result.output.contains("UNKNOWN running signer: none answers"))
        #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 200 })
    }
}
