// SPDX-License-Identifier: Apache-2.0
import Testing

/// What a validator client sees when all is well.
@Suite(.sharedSigner(), .timeLimit(.minutes(8)))
struct SigningTests {
    @Test func `an attestation is signed`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let answer = try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: key)
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
        #expect((answer.object["signature"] as? String)?.count == 194)
        #expect(answer.object.count == 1)
    }

    @Test func `another vote for the same target is refused`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let first = try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: key)
        #expect(first.status == 200)
        let twin = try await signer.sign(SigningBody.attestation(source: 1, target: 2, block: "0x02"), with: key)
        #expect(twin.status == 412)
        #expect(twin.errorCode == "slashable_attestation")
    }

    @Test func `votes around each other are refused`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        #expect(try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: key).status == 200)
        #expect(try await signer.sign(SigningBody.attestation(source: 3, target: 6), with: key).status == 200)
        let inside = try await signer.sign(SigningBody.attestation(source: 4, target: 5), with: key)
        #expect(inside.status == 412)
        #expect(inside.errorCode == "slashable_attestation")
        let around = try await signer.sign(SigningBody.attestation(source: 2, target: 7), with: key)
        #expect(around.status == 412)
        #expect(around.errorCode == "slashable_attestation")
    }

    @Test func `the same message is signed again, with the same signature`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        for body in [SigningBody.attestation(source: 1, target: 2), SigningBody.block(slot: 64)] {
            let first = try await signer.sign(body, with: key)
            let second = try await signer.sign(body, with: key)
            #expect(first.status == 200)
            #expect(second == HTTPAnswer(status: 200, headers: second.headers, body: first.body))
        }
    }

    @Test func `another block at the same slot is refused`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        #expect(try await signer.sign(SigningBody.block(slot: 65), with: key).status == 200)
        let twin = try await signer.sign(SigningBody.block(slot: 65, body: "0x02"), with: key)
        #expect(twin.status == 412)
        #expect(twin.errorCode == "slashable_block")
    }

    @Test func `a slot below the first block is refused`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        #expect(try await signer.sign(SigningBody.block(slot: 70), with: key).status == 200)
        let older = try await signer.sign(SigningBody.block(slot: 69), with: key)
        #expect(older.status == 412)
        #expect(older.errorCode == "below_low_watermark")
        let older2 = try await signer.sign(SigningBody.block(slot: 72), with: key)
        #expect(older2.status == 200)
        let between = try await signer.sign(SigningBody.block(slot: 71), with: key)
        #expect(between.status == 200, "an unused slot above the low watermark may be signed")
    }

    @Test func `twenty clients with the same duty get the same signature`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let answers = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
            for _ in 0..<20 {
                group.addTask { try await signer.sign(SigningBody.attestation(source: 1, target: 2), with: key) }
            }
            return try await group.reduce(into: [HTTPAnswer]()) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0.status == 200 })
        #expect(Set(answers.map(\.body)).count == 1)
    }

    @Test func `of twenty clients with conflicting votes exactly one is served`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...20 {
                let body = SigningBody.attestation(source: 1, target: 2, block: "0x\(9 + number)")
                group.addTask { try await signer.sign(body, with: key).status }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 200 } == 1)
        #expect(statuses.count { $0 == 412 } == 19)
    }

    @Test(arguments: [
        ("application/json", true), ("*/*", true), ("text/plain, */*;q=0.1", true), ("text/plain", false),
        ("application/octet-stream", false), (nil, false),
    ])
    func `the form of a signature follows Accept`(accept: String?, isJSON: Bool) async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let answer = try await signer.sign(SigningBody.randaoReveal(epoch: 3), with: key.publicKey, accept: accept)
        #expect(answer.status == 200)
        if isJSON {
            #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
            #expect(answer.body.hasPrefix(#"{"signature":"0x"#) && answer.body.hasSuffix(#""}"#))
        } else {
            #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
            #expect(answer.body.hasPrefix("0x") && answer.body.utf8.count == 194)
        }
    }

    @Test func `a key can be named in upper case and without 0x`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let body = SigningBody.randaoReveal(epoch: 4)
        let digits = String(key.publicKey.dropFirst(2))
        let usual = try await signer.sign(body, with: key)
        #expect(usual.status == 200)
        for name in [digits, digits.uppercased(), "0x" + digits.uppercased(), "0X" + digits] {
            #expect(try await signer.sign(body, with: name).body == usual.body, "\(name.prefix(6))…")
        }
    }

    @Test func `several requests share a connection`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let port = signer.port
        let statuses = try await onThread {
            let connection = try HTTPConnection(port: port)
            return try (1...5).map { (epoch: UInt64) in
                let body = SigningBody.randaoReveal(epoch: epoch)
                return try connection.exchange("POST", "/api/v1/eth2/sign/\(key.publicKey)", body: body).status
            }
        }
        #expect(statuses == Array(repeating: 200, count: 5))
    }

    @Test func `the loaded keys are listed`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        #expect(try await signer.publicKeys().contains(key.publicKey))
        let answer = try await signer.get("/api/v1/eth2/publicKeys", ["Accept:"])
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
    }

    @Test func `no high watermark is set at first`() async throws {
        let answer = try await SharedSigner.current().get("/api/v1/eth2/highWatermark")
        #expect(answer.status == 200)
        #expect(answer.body == "{}")
    }

    @Test func `upcheck says OK`() async throws {
        let answer = try await SharedSigner.current().get("/upcheck")
        #expect(answer.status == 200)
        #expect(answer.body == "OK")
        #expect(answer.headers["content-type"]?.hasPrefix("text/plain") == true)
    }
}
