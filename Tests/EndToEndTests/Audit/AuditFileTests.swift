// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The audit file of the real program: what stands in it, and what `audit verify` says of it.
@Suite(.timeLimit(.minutes(8))) struct AuditFileTests {
    @Test func `every request leaves one line, which outlives the process`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key])
        let signer = try await RunningSigner.start(in: trail.workplace)
        #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: key).status == 200)
        #expect(
            try await signer.sign(SigningBody.attestation(source: 1, target: 2, block: "0x02"), with: key).status == 412
        )
        #expect(try await signer.sign("{", with: key).status == 400)
        // Killed: what was answered stands in the file.
        await signer.kill()
        let lines = try trail.lines().filter { $0["event"] == "signing" }
        #expect(lines.map { $0["outcome"] } == ["done", "refused", "refused"])
        #expect(lines[0]["key"] == key.publicKey && lines[1]["reason"] == "slashable_attestation")
        let again = try await RunningSigner.start(in: trail.workplace)
        #expect(try await again.sign(SigningBody.attestation(source: 2, target: 3), with: key).status == 200)
        let running = try await trail.verify()
        #expect(running.exitCode == 0 && running.output.contains("intact, anchored up to line"), "\(running)")
        #expect(await again.stop() == 0)
        let stopped = try await trail.verify()
        #expect(stopped.exitCode == 0 && stopped.output.contains("intact"), "\(stopped)")
        let sequences = try trail.lines().map { $0["seq"] }
        #expect(sequences == (1...sequences.count).map { "\($0)" })
        #expect(try trail.folder.mode("audit.log") == 0o600)
        try again.expectNoSecret(of: [key])
        #expect(!(try trail.text().contains(key.secret)))
    }

    @Test func `a cut end is missed, also where it is whole lines, and the signer tells of it itself`() async throws {
        let key = try TestKey(1)
        let trail = try await Trail.used(key)
        var lines = try trail.text().split(separator: "\n").map(String.init)
        lines.removeLast(2)
        try trail.workplace.write(lines.joined(separator: "\n") + "\n", to: "audit.log")
        let cut = try await trail.verify("--json")
        #expect(cut.exitCode == 1, "\(cut)")
        let report = try cut.decode(Report.self)
        #expect(report.status == "broken" && report.findings.map(\.kind) == ["truncated"])
        #expect(report.findings[0].line == lines.count)
        // The copy alone does not know.
        let alone = try await Chamber.run(["audit", "verify", "--file", trail.folder.file("audit.log")])
        #expect(alone.exitCode == 3 && alone.output.contains("not proven"), "\(alone)")
        let signer = try await RunningSigner.start(in: trail.workplace)
        #expect(await signer.stop() == 0)
        #expect(try signer.log().contains { $0.level == "ERROR" && $0.message.contains("END OF THE AUDIT FILE") })
        let told = try await trail.verify("--json").decode(Report.self)
        #expect(told.findings.map(\.kind) == ["gap"])
    }

    @Test func `a changed line is pinpointed`() async throws {
        let trail = try await Trail.used(try TestKey(1))
        let text = try trail.text().replacing("\"target_epoch\":3", with: "\"target_epoch\":4", maxReplacements: 1)
        try trail.workplace.write(text, to: "audit.log")
        let line = (text.split(separator: "\n").firstIndex { $0.contains("\"target_epoch\":4") } ?? -2) + 1
        let result = try await trail.verify()
        #expect(result.exitCode == 1 && result.output.contains("changed: \(trail.folder.file("audit.log")):\(line): "))
    }

    @Test func `a file that was exchanged for another chain is noticed`() async throws {
        let trail = try await Trail.used(try TestKey(1))
        let other = try await Trail.used(try TestKey(1))
        try trail.workplace.write(try other.text(), to: "audit.log")
        let result = try await trail.verify("--json")
        #expect(try result.decode(Report.self).findings.map(\.kind) == ["replaced"], "\(result)")
    }

    @Test func `without an audit file there is nothing to verify`() async throws {
        let result = try await Workplace().run("audit", "verify")
        #expect(result.exitCode == 2 && result.errors.contains("keeps no audit file"))
    }

    @Test func `a flood of bad tokens leaves few lines, and all are counted`() async throws {
        let trail = try Trail(keys: [], "auth: {mode: enforced}")
        let signer = try await RunningSigner.start(in: trail.workplace)
        let port = signer.port
        let count = 2000
        try await onThread {
            let connection = try HTTPConnection(port: port)
            for _ in 0..<count {
                let answer = try connection.exchange(
                    "GET",
                    "/api/v1/eth2/publicKeys",
                    ["Authorization: Bearer cc_token_x"]
                )
                #expect(answer.status == 401 || answer.status == 429)
            }
        }
        #expect(await signer.stop() == 0)
        let lines = try trail.lines().filter { $0["event"] == "access" }
        let told = lines.map { $0["detail"].flatMap { Int($0.prefix { $0.isNumber }) } ?? 1 }.reduce(0, +)
        #expect(told == count && lines.count < 200, "\(lines.count) lines tell of \(told)")
    }

    @Test func `under overload requests are refused unread, in few lines, and all are counted`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key], "server: {max_in_flight: 1}")
        let signer = try await RunningSigner.start(in: trail.workplace)
        let (port, clients, each) = (signer.port, 8, 200)
        let overloaded = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<clients {
                group.addTask {
                    try await onThread {
                        let connection = try HTTPConnection(port: port)
                        let body = SigningBody.attestation(source: 1, target: 2)
                        let statuses = try (0..<each).map { _ in
                            try connection.exchange("POST", "/api/v1/eth2/sign/\(key.publicKey)", body: body).status
                        }
                        #expect(statuses.allSatisfy { $0 == 200 || $0 == 503 })
                        return statuses.count { $0 == 503 }
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(await signer.stop() == 0)
        let lines = try trail.lines().filter { $0["event"] == "signing" }
        let unread = lines.filter { $0["operation"] == "UNREAD" }
        let told = unread.compactMap { $0["detail"].flatMap { Int($0.prefix { $0.isNumber }) } }.reduce(0, +)
        #expect(told > 0 && told <= overloaded && unread.count < 60, "\(unread.count) lines tell of \(told)")
        #expect(unread.allSatisfy { $0["outcome"] == "refused" && $0["reason"] == "overloaded" })
        #expect(lines.count - unread.count + told == clients * each)
        #expect(try await trail.verify().exitCode == 0)
    }
}

/// What `audit verify --json` says.
struct Report: Decodable {
    struct Finding: Decodable {
        let kind: String
        let line: Int
    }
    let status: String
    let lines: Int
    let findings: [Finding]
}

/// A workplace with an audit file.
struct Trail: Sendable {
    let workplace: Workplace
    var folder: TemporaryFolder { workplace.folder }

    init(keys: [TestKey], _ settings: String = "", audit: String = "") throws {
        workplace = try Workplace(keys: keys, settings: settings)
        let text = String(decoding: try workplace.folder.contents("config.yaml"), as: UTF8.self)
        let path = workplace.folder.file("audit.log")
        try workplace.write(
            text + "\naudit: {path: \"\(path)\"\(audit.isEmpty ? "" : ", " + audit)}\n",
            to: "config.yaml"
        )
    }

    /// One in which a signer has signed a little, and ended well.
    static func used(_ key: TestKey) async throws -> Trail {
        let trail = try Trail(keys: [key])
        let signer = try await RunningSigner.start(in: trail.workplace)
        for target in UInt64(2)..<5 {
            let body = SigningBody.attestation(source: 1, target: target)
            #expect(try await signer.sign(body, with: key).status == 200)
        }
        #expect(await signer.stop() == 0)
        return trail
    }

    func text() throws -> String { String(decoding: try folder.contents("audit.log"), as: UTF8.self) }
    func lines() throws -> [LogLine] { LogLine.all(in: try text()) }

    func verify(_ options: String...) async throws -> CommandResult {
        try await Chamber.run(
            ["audit", "verify", "-c", workplace.configuration] + options,
            environment: Workplace.environment,
            in: folder.path
        )
    }
}
