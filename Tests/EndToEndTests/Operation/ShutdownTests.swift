// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(8)))
struct ShutdownTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func `a request under way is answered before the end`(signal: Int32) async throws {
        let key = try TestKey(1)
        let signer = try await RunningSigner.start(in: Workplace(keys: [key]))
        let body = SigningBody.attestation(source: 1, target: 2)
        let port = signer.port
        let connection = try await onThread {
            let connection = try HTTPConnection(port: port)
            try connection.send(
                """
                POST /api/v1/eth2/sign/\(key.publicKey) HTTP/1.1\r
                Host: localhost\r
                Expect: 100-continue\r
                Content-Length: \(body.utf8.count)\r
                \r

                """
            )
            // The server has taken the head when it asks for the body.
            let answer = try connection.answer()
            guard answer?.status == 100 else { throw TimedOut(description: "no 100 Continue") }
            return Handover(connection)
        }
        signer.process.signal(signal)
        _ = try await eventually("no new connection is taken") {
            do { _ = try await signer.get("/upcheck") } catch is HTTPConnection.Failure { return true }
            return nil
        }
        #expect(signer.process.isRunning, "it waits for the request")
        let answer = try await onThread {
            try connection.value.send(body)
            return try connection.value.answer()
        }
        #expect(answer?.status == 200)
        #expect(await signer.process.exitCode == 0)
        let messages = try signer.log().map(\.message)
        #expect(messages.last == "stopped")
        #expect(messages.contains { $0.hasPrefix("stopping") })
        #expect(try !signer.workplace.folder.names.contains("record.sqlite.admin.sock"))
    }

    @Test func `loading keys can be stopped`() async throws {
        let workplace = try Workplace()
        try await workplace.makeRecord()
        let keystore = try TestKey(1).keystore(password: "slow").replacing(
            /"c"\s*:\s*2\b/,
            with: "\"c\":33000000"
        )
        #expect(keystore.contains("33000000"))
        try workplace.write(keystore, to: "keys/slow.json")
        try workplace.write("slow", to: "password")
        let process = try ChildProcess(
            Chamber.binary,
            [
                "server", "-c", workplace.configuration, "--key-sources-filesystem-keystores-path", workplace.keys,
                "--key-sources-filesystem-keystores-password-file", workplace.folder.file("password"),
            ],
            environment: Chamber.environment(Workplace.environment),
            in: workplace.folder.path
        )
        _ = try await eventually("a signer that has begun") {
            try process.output().contains("keys lie in") ? true : nil
        }
        process.signal(SIGHUP)
        process.signal(SIGTERM)
        #expect(await process.exitCode == 0)
        let messages = LogLine.all(in: try process.output()).map(\.message)
        #expect(messages.contains("stopping: the keys were still being loaded"))
        #expect(messages.last == "stopped")
        #expect(!messages.contains("keys are loaded"))
    }

    @Test func `idle connections do not hold it up`() async throws {
        let signer = try await RunningSigner.start(in: Workplace())
        let port = signer.port
        let idle = try await onThread {
            let connection = try HTTPConnection(port: port)
            _ = try connection.exchange("GET", "/upcheck")
            return Handover(connection)
        }
        #expect(await signer.stop() == 0)
        #expect(try await onThread { try idle.value.answer() } == nil)
    }

    @Test func `what was signed before the end is refused its twin after it`() async throws {
        let key = try TestKey(1)
        let workplace = try Workplace(keys: [key])
        let first = try await RunningSigner.start(in: workplace)
        #expect(try await first.sign(SigningBody.block(slot: 64), with: key).status == 200)
        #expect(await first.stop() == 0)
        let second = try await RunningSigner.start(in: workplace, makesRecord: false)
        #expect(try await second.sign(SigningBody.block(slot: 64, body: "0x02"), with: key).status == 412)
        #expect(try await second.sign(SigningBody.block(slot: 64), with: key).status == 200)
        #expect(await second.stop() == 0)
    }
}

/// A connection that goes from one thread to another; only one touches it at a time.
private struct Handover: @unchecked Sendable {
    let value: HTTPConnection
    init(_ value: HTTPConnection) { self.value = value }
}
