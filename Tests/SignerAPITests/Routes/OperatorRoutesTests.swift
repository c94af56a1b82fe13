// SPDX-License-Identifier: Apache-2.0
import Authorization
import Foundation
import HTTPServer
import Sealing
import SignerAPI
import Telemetry
import TestSupport
import Testing

/// What strangers can try at the routes of operators.
@Suite(.timeLimit(.minutes(2))) struct OperatorRoutesTests {
    private static let zeros = String(repeating: "0", count: 128)

    private static func answer(_ name: String) -> String {
        #"{"operator":"\#(name)","credential":"0011223344556677","challenge":"00","signature":"\#(zeros)"}"#
    }

    @Test func `who guesses is slowed down, and fills no audit file`() async throws {
        let instance = try await ChamberRig().start()
        let trail = FakeTrail()
        let router = HTTPRouter(routes: ChamberRoutes(instance.chamber, audit: trail).routes) { _, _, _ in
            .allow(.local)
        }
        var statuses: [Int: Int] = [:]
        for number in 0..<200 {
            let body = Self.answer("mallory-\(number)")
            let answer = await router.answer(.post, "/api/v1/chamber/unseal/box", body: body)
            statuses[answer.status, default: 0] += 1
        }
        #expect(statuses[409, default: 0] >= 10 && statuses[429, default: 0] > 150, "\(statuses)")
        #expect(trail.events.count < 30)
        #expect(trail.events.allSatisfy { $0.isRefusal })
    }

    @Test func `what cannot be told of is not done`() async throws {
        let instance = try await ChamberRig().start()
        let trail = FakeTrail(room: 0)
        let router = HTTPRouter(routes: ChamberRoutes(instance.chamber, audit: trail).routes) { _, _, _ in
            .allow(.local)
        }
        let answer = await router.answer(.post, "/api/v1/chamber/unseal/box", body: Self.answer("mallory"))
        #expect(answer.status == 503 && answer.text.contains("audit_unavailable"))
    }

    @Test(arguments: [
        ("register", #"{"token":"x"}"#), ("register", #"{"token":"x","credentials":[{}]}"#), ("challenge", "{}"),
        ("unseal/box", #"{"operator":"a","credential":"b","challenge":"zz","signature":""}"#),
        ("unseal/share", #"{"operator":"a","credential":"b","challenge":"00","shares":[{"ceremony":"00","box":"!"}]}"#),
        ("approve", #"{"proposal":1,"operator":"a","credential":"b","signature":"00"}"#),
        ("rotate", #"{"kind":"kms","operators":["a","b"]}"#), ("rotate", #"{"kind":"mode","to":"none"}"#),
        ("rotate", #"{"proposal":"x","kind":"kms"}"#), ("rotate", #"{"kind":"master_key","to":"kms"}"#),
        ("rotate", #"{"kind":"quorum","operators":["Alice","bob"],"operator_threshold":2}"#), ("rotate", "[]"),
    ])
    func `a body that is not what it should be is refused`(_ path: String, _ body: String) async throws {
        let instance = try await ChamberRig().start()
        let router = HTTPRouter(routes: ChamberRoutes(instance.chamber, audit: FakeTrail()).routes) { _, _, _ in
            .allow(.local)
        }
        let answer = await router.answer(.post, "/api/v1/chamber/" + path, body: body)
        #expect(answer.status == 400 && answer.text.contains("invalid_request"), "\(answer.text)")
        #expect(instance.chamber.status.record?.sequence == 1)
    }
}

extension AuditEvent {
    fileprivate var isRefusal: Bool { if case .refused = outcome { true } else { false } }
}
