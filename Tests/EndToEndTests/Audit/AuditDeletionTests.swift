// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Audit files that are deleted beside the real program: no anchoring and no restart makes what is left the measure.
@Suite(.timeLimit(.minutes(8))) struct AuditDeletionTests {
    private func expectBroken(_ trail: Trail, _ text: String) async throws {
        let result = try await trail.verify()
        #expect(result.exitCode == 1 && result.output.contains(text), "\(result)")
    }

    /// Nobody signs after the deletion: the signer looks by itself.
    @Test func `a deleted file is missed, while the signer runs, idle or not, and after a restart`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key])
        let signer = try await RunningSigner.start(in: trail.workplace)
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key).status == 200)
        try FileManager.default.removeItem(atPath: trail.folder.file("audit.log"))
        _ = try await eventually("the next file is begun, and the line of the missing one is anchored") { () -> Bool? in
            guard try signer.log().contains(where: { $0.message.contains("audit files were moved away or deleted") })
            else { return nil }
            return try await trail.verify().exitCode == 1 ? true : nil
        }
        try await expectBroken(trail, "put it back under this name")
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 2), with: key).status == 200)
        #expect(await signer.stop() == 0)
        try await expectBroken(trail, "lines 1 to ")
        let again = try await RunningSigner.start(in: trail.workplace)
        #expect(try await again.sign(SigningBody.randaoReveal(epoch: 3), with: key).status == 200)
        #expect(await again.stop() == 0)
        try await expectBroken(trail, "lines 1 to ")
    }

    @Test func `a file that was moved and put back under its number is no gap`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key])
        let signer = try await RunningSigner.start(in: trail.workplace)
        let path = trail.folder.file("audit.log")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".aside")
        _ = try await eventually("the next file is begun") { () -> Bool? in
            FileManager.default.fileExists(atPath: path) ? true : nil
        }
        try FileManager.default.moveItem(atPath: path + ".aside", toPath: path + ".000001")
        #expect(try await signer.sign(SigningBody.randaoReveal(epoch: 1), with: key).status == 200)
        #expect(await signer.stop() == 0)
        let result = try await trail.verify()
        #expect(result.exitCode == 0 && result.output.contains("2 files"), "\(result)")
    }

    @Test func `deleted earlier files are missed after a restart too`() async throws {
        let key = try TestKey(1)
        let trail = try Trail(keys: [key], audit: "max_bytes: 65536")
        let signer = try await RunningSigner.start(in: trail.workplace)
        let port = signer.port
        try await onThread {
            let connection = try HTTPConnection(port: port)
            for epoch in UInt64(0)..<700 {
                let target = "/api/v1/eth2/sign/\(key.publicKey)"
                let answer = try connection.exchange("POST", target, body: SigningBody.randaoReveal(epoch: epoch))
                #expect(answer.status == 200)
            }
        }
        #expect(await signer.stop() == 0)
        #expect(try await trail.verify().exitCode == 0)
        for number in 1...2 {
            try FileManager.default.removeItem(atPath: trail.folder.file("audit.log.00000\(number)"))
        }
        try await expectBroken(trail, "missing: ")
        let again = try await RunningSigner.start(in: trail.workplace)
        #expect(try await again.sign(SigningBody.randaoReveal(epoch: 9000), with: key).status == 200)
        #expect(await again.stop() == 0)
        try await expectBroken(trail, "audit.log.000001 to ")
        #expect(try trail.lines().contains { $0["event"] == "audit_missing" })
    }
}
