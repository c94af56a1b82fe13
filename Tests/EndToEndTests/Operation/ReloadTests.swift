// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import TestSupport
import Testing

/// Keys that come and go while the signer runs.
@Suite(.timeLimit(.minutes(8)))
struct ReloadTests {
    /// `GET /reload`, decoded.
    private struct Status: Decodable {
        let status: String
        let lastOperationTime: String?
        let lastError: String?
    }

    private func status(_ signer: RunningSigner) async throws -> Status {
        let answer = try await signer.get("/reload")
        #expect(answer.status == 200)
        return try JSONDecoder().decode(Status.self, from: Data(answer.body.utf8))
    }

    /// Reloads and waits for the end.
    private func reload(_ signer: RunningSigner) async throws -> Status {
        let accepted = try await signer.send("POST", "/reload")
        #expect(accepted.status == 202)
        #expect(accepted.object["status"] as? String == "accepted")
        return try await ended(signer)
    }

    private func ended(_ signer: RunningSigner) async throws -> Status {
        try await eventually("the end of the reload") {
            let now = try await status(signer)
            return now.status == "running" ? nil : now
        }
    }

    @Test func `new files appear, removed ones vanish`() async throws {
        let keys = try (1...3).map { try TestKey($0) }
        let signer = try await RunningSigner.start(in: Workplace(keys: [keys[0], keys[1]]))
        let first = try await status(signer)
        #expect(first.status == "idle" && first.lastOperationTime == nil && first.lastError == nil)
        #expect(try await signer.publicKeys() == [keys[0].publicKey, keys[1].publicKey])
        #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: keys[0]).status == 200)

        try signer.workplace.write(keys[2])
        try signer.workplace.remove("keys/\(keys[0].publicKey).yaml")
        #expect(try await signer.publicKeys() == [keys[0].publicKey, keys[1].publicKey], "nothing is read unasked")
        let second = try await reload(signer)
        #expect(second.status == "completed")
        #expect(second.lastError == nil)
        let time = try #require(second.lastOperationTime)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) != nil, "\(time)")
        #expect(try await signer.publicKeys() == [keys[1].publicKey, keys[2].publicKey])
        #expect(try await signer.sign(SigningBody.attestation(source: 2, target: 3), with: keys[0]).status == 404)
        #expect(try await signer.sign(SigningBody.attestation(source: 2, target: 3), with: keys[2]).status == 200)

        // The record has forgotten nothing of a key that was away.
        try signer.workplace.write(keys[0])
        #expect(try await reload(signer).status == "completed")
        let twin = try await signer.sign(SigningBody.attestation(source: 1, target: 2, block: "0x09"), with: keys[0])
        #expect(twin.status == 412)
        #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: keys[0]).status == 200)
        #expect(await signer.stop() == 0)
        try signer.expectNoSecret(of: keys)
    }

    @Test func `a second reload is refused while one runs`() async throws {
        let signer = try await RunningSigner.start(in: Workplace())
        let port = signer.port
        // In one piece, so that nothing comes between them however busy this machine is.
        let answers = try await onThread {
            let connection = try HTTPConnection(port: port)
            let lines = " /reload HTTP/1.1\r\nHost: localhost\r\n\r\n"
            try connection.send("POST\(lines)GET\(lines)POST\(lines)")
            return try (0..<3).map { _ in try connection.answer() }
        }
        #expect(answers.map { $0?.status } == [202, 200, 409])
        let running = try #require(answers[1]?.object)
        #expect(running["status"] as? String == "running" && running["lastOperationTime"] != nil)
        #expect(answers[2]?.object["status"] as? String == "error")
        #expect(try await ended(signer).status == "completed")
        #expect(try await signer.send("POST", "/reload").status == 202, "one after the other is fine")
        #expect(try signer.log().contains { $0.level == "WARN" && $0.message.hasPrefix("no key is loaded") })
        #expect(await signer.stop() == 0)
    }

    @Test func `files that cannot be loaded are counted, the others are taken`() async throws {
        let keys = try (1...2).map { try TestKey($0) }
        let signer = try await RunningSigner.start(in: Workplace(keys: [keys[0]]))
        try signer.workplace.write("type: file-raw\nprivateKey: \"0x01zz\"\n", to: "keys/bad.yaml")
        try signer.workplace.write("type: no-such-type\n", to: "keys/worse.yaml")
        try signer.workplace.write(keys[1])
        let bad = try await reload(signer)
        #expect(bad.status == "completed_with_errors")
        #expect(bad.lastError == "Reload completed with 2 signer loading error(s)")
        #expect(try await signer.publicKeys() == Set(keys.map(\.publicKey)))
        let log = try await eventually("both files in the log") { () -> [LogLine]? in
            let lines = try signer.log().filter { $0.level == "ERROR" }
            return lines.count >= 2 ? lines : nil
        }
        #expect(log.contains { $0.message.contains("bad.yaml") } && log.contains { $0.message.contains("worse.yaml") })

        try signer.workplace.remove("keys/bad.yaml")
        try signer.workplace.remove("keys/worse.yaml")
        let good = try await reload(signer)
        #expect(good.status == "completed" && good.lastError == nil)
        #expect(await signer.stop() == 0)
        try signer.expectNoSecret(of: keys)
    }

    @Test func `SIGHUP reads the keys again`() async throws {
        let keys = try (1...2).map { try TestKey($0) }
        let signer = try await RunningSigner.start(in: Workplace(keys: [keys[0]]))
        try signer.workplace.write(keys[1])
        signer.process.signal(SIGHUP)
        _ = try await eventually("the new key") { try await signer.publicKeys().count == 2 ? true : nil }
        #expect(try await ended(signer).status == "completed")
        #expect(await signer.stop() == 0)
    }

    @Test func `signing goes on during reloads, and every answer is the old set's or the new one's`() async throws {
        let keys = try (1...8).map { try TestKey($0) }
        let signer = try await RunningSigner.start(in: Workplace(keys: keys))
        let all = Set(keys.map(\.publicKey))
        try signer.workplace.remove("keys/\(keys[7].publicKey).yaml")
        #expect(try await signer.send("POST", "/reload").status == 202)
        var epoch: UInt64 = 1
        while true {
            let listed = try await signer.publicKeys()
            #expect(listed == all || listed == all.subtracting([keys[7].publicKey]))
            #expect(
                try await signer.sign(SigningBody.attestation(source: epoch, target: epoch + 1), with: keys[0]).status
                    == 200
            )
            epoch += 1
            if try await status(signer).status != "running" { break }
        }
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: keys[7]).status == 404)
        #expect(await signer.stop() == 0)
    }
}
