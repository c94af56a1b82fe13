// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(8)))
struct TelemetryTests {
    /// Served once, so that every counter has something to show.
    private func exercised(
        _ workplace: Workplace,
        key: TestKey,
        environment: [String: String] = [:]
    ) async throws -> RunningSigner {
        let signer = try await RunningSigner.start(in: workplace, environment: environment)
        for (body, status) in [
            (SigningBody.attestation(source: 1, target: 2), 200),
            (SigningBody.attestation(source: 1, target: 2, block: "0x09"), 412),
            (SigningBody.block(slot: 64), 200), ("{}", 400),
            (SigningBody.randaoReveal(epoch: 1, network: SigningBody.mainnet), 403),
        ] {
            #expect(try await signer.sign(body, with: key).status == status)
        }
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: RefusalTests.unknownKey).status == 404)
        return signer
    }

    @Test func `metrics count what happened, under the names of dashboards`() async throws {
        let key = try TestKey(1)
        let signer = try await exercised(Workplace(keys: [key]), key: key)
        let text = try await signer.metrics()
        let values = Self.values(in: text)
        for (name, value) in [
            (#"containment_signing_requests_total{status="200",operation="ATTESTATION"}"#, 1.0),
            (#"containment_signing_requests_total{status="412",operation="ATTESTATION"}"#, 1),
            (#"containment_signing_requests_total{status="400",operation="UNREADABLE"}"#, 1),
            (#"containment_refusals_total{code="slashable_attestation"}"#, 1),
            (#"containment_refusals_total{code="wrong_network"}"#, 1),
            (#"containment_refusals_total{code="key_not_found"}"#, 1),
            ("containment_slashing_rejections_total", 1), (#"containment_keys_active{source="filesystem"}"#, 1),
            ("containment_healthy", 1), ("containment_signing_duration_seconds_count", 6),
            ("containment_canary_signing_total", 0), ("containment_auth_rejections_total", 0),
            ("signing_signers_loaded_count", 1), ("signing_bls_signing_duration_count", 2),
            ("signing_bls_missing_identifier_count_total", 1), ("http_bls_malformed_request_count_total", 1),
            ("eth2_slashingprotection_permitted_signings_total", 2),
            ("eth2_slashingprotection_prevented_signings_total", 1),
        ] {
            #expect(values[name] == value, "\(name)")
        }
        for name in [
            "containment_signing_concurrency_limit", "containment_signing_semaphore_available",
            "containment_key_loading_duration_seconds", "process_cpu_seconds_total",
        ] {
            #expect((values[name] ?? 0) > 0, "\(name)")
        }
        #expect(await signer.stop() == 0)
        try signer.expectNoSecret(of: [key])
        #expect(!text.contains(key.secret))
    }

    /// Every sample: name with labels, value.
    private static func values(in text: String) -> [String: Double] {
        text.split(separator: "\n").filter { !$0.hasPrefix("#") }.reduce(into: [:]) { values, line in
            guard let blank = line.lastIndex(of: " ") else { return }
            values[String(line[..<blank])] = Double(line[line.index(after: blank)...])
        }
    }

    private static let promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    @Test(.enabled(if: promtool != nil, "promtool is not installed"))
    func `promtool has nothing to say about the metrics that are ours`() async throws {
        let key = try TestKey(1)
        let signer = try await exercised(Workplace(keys: [key]), key: key)
        let own = try await signer.metrics().split(separator: "\n").filter { $0.contains("containment_") }
        #expect(own.count > 20)
        try signer.workplace.write(own.joined(separator: "\n") + "\n", to: "metrics.txt")
        let tool = try ChildProcess(
            URL(filePath: "/bin/sh"),
            ["-c", "exec \"$0\" check metrics < metrics.txt", Self.promtool ?? ""],
            environment: [:],
            in: signer.workplace.folder.path
        )
        let (code, said) = (await tool.exitCode, try tool.output() + tool.errors())
        #expect(code == 0, "\(said)")
        #expect(await signer.stop() == 0)
    }

    @Test func `only the audit log is written where only it is asked for`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace(keys: [key])
        try await workplace.makeRecord()
        let signer = try await exercisedInSilence(workplace, key)
        let text = try signer.output()
        let lines = LogLine.all(in: text)
        #expect(lines.count == 2 && text.split(separator: "\n").count == 2)
        #expect(lines.allSatisfy { $0.target == "audit" })
        #expect(lines.map { $0["outcome"] } == ["done", "refused"])
        #expect(lines[0]["operation"] == "ATTESTATION" && lines[0]["key"] == key.publicKey)
        #expect(lines[0]["source_epoch"] == "1" && lines[0]["target_epoch"] == "2")
        #expect(lines[0]["signing_root"]?.hasPrefix("0x") == true && lines[0]["peer"]?.hasPrefix("127.0.0.1") == true)
        #expect(lines[1]["reason"] == "slashable_attestation" && lines[1].level == "WARN")
    }

    /// Without a log there is no line that tells the port: it is taken from the system and given back first.
    private func exercisedInSilence(_ workplace: Workplace, _ key: TestKey) async throws -> ChildProcess {
        let port = try await freePort()
        let process = try ChildProcess(
            Chamber.binary,
            ["server", "-c", workplace.configuration, "--server-listen-port", "\(port)"],
            environment: Chamber.environment(["RUST_LOG": "off,audit=info", "CONTAINMENT_METRICS__ENABLED": "false"]),
            in: workplace.folder.path
        )
        let target = "/api/v1/eth2/sign/\(key.publicKey)"
        let statuses = try await eventually("a signer that answers") {
            do {
                return try await onThread {
                    let connection = try HTTPConnection(port: port)
                    return try ["0x01", "0x02"].map { block in
                        let body = SigningBody.attestation(source: 1, target: 2, block: block)
                        return try connection.exchange("POST", target, body: body).status
                    }
                }
            } catch is HTTPConnection.Failure { return nil }
        }
        #expect(statuses == [200, 412])
        process.signal(15)
        #expect(await process.exitCode == 0)
        return process
    }

    private func freePort() async throws -> UInt16 {
        let signer = try await RunningSigner.start(in: Workplace())
        await signer.stop()
        return signer.port
    }

    @Test func `every line of a JSON log is an object with time, level, target and message`() async throws {
        let key = try TestKey(1)
        let signer = try await exercised(Workplace(keys: [key]), key: key, environment: ["RUST_LOG": "trace"])
        #expect(await signer.stop() == 0)
        let text = try signer.process.output()
        let lines = LogLine.all(in: text)
        #expect(lines.count == text.split(separator: "\n").count)
        for line in lines {
            #expect(line["timestamp"]?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil)
            #expect(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(line.level))
            #expect(line.target == "audit" || line.target.hasPrefix("containment_chamber"))
            #expect(!line.message.isEmpty)
        }
        #expect(lines.filter { $0.target == "audit" }.count == 6, "one line for each attempt")
        #expect(try signer.process.errors().isEmpty)
        try signer.expectNoSecret(of: [key])
    }
}
