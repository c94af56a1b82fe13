// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import BLS
import Concurrency
import Encoding
import HTTPServer
import Signer
import SignerAPI
import Telemetry
import Testing

/// What the gate notices of canaries.
@Suite struct CanaryWatchTests {
    private struct Noticed {
        var count = 0
        var told: [String] = []
        var audited: [AuditEvent] = []
    }

    private static let canary = PublicKey(Bytes([UInt8](repeating: 0xab, count: 48))!)
    private static let other = PublicKey(Bytes([UInt8](repeating: 0xcd, count: 48))!)

    private func router(_ noticed: Lock<Noticed>, mode: AccessMode) -> HTTPRouter<Scope, Access> {
        let gate = AccessGate(
            authorizer: Authorizer(mode: mode, now: { 100 }),
            canaries: CanaryWatch(
                [Self.canary],
                count: { noticed.withLock { $0.count += 1 } },
                tell: { key, caller in noticed.withLock { $0.told.append("\(key) \(caller)") } }
            ),
            tell: { event in noticed.withLock { $0.audited.append(event) } },
            count: { _ in }
        )
        return HTTPRouter(routes: SignerServices.sample().signingRoutes, gate: gate.decide)
    }

    private func ask(_ router: HTTPRouter<Scope, Access>, _ identifier: String) async -> Response {
        await router.answer(
            .post,
            "/api/v1/eth2/sign/\(identifier)",
            peer: .ipv4(0x0a00_0001, port: 1),
            credential: .none
        )
    }

    @Test func `a thousand guesses all count, and are told in few lines`() async {
        let noticed = Lock(Noticed())
        let router = router(noticed, mode: .enforced)
        for _ in 0..<1000 {
            let answer = await ask(router, "\(Self.canary)")
            #expect(answer.status == 401 || answer.status == 429)
        }
        let seen = noticed.withLock { $0 }
        #expect(seen.count == 1000)
        #expect((1..<100).contains(seen.told.count))
        #expect(seen.audited.allSatisfy { $0.isCanary && $0.key == Self.canary.bytes })
    }

    @Test func `every spelling of the key is the key, and others are not`() async {
        let noticed = Lock(Noticed())
        let router = router(noticed, mode: .open)
        let digits = String("\(Self.canary)".dropFirst(2))
        for spelling in ["0x" + digits, digits, digits.uppercased(), "0x" + digits.uppercased()] {
            _ = await ask(router, spelling)
        }
        #expect(noticed.withLock { $0.count } == 4)
        for spelling in ["\(Self.other)", "0x", "0x" + digits + "00", "nonsense"] { _ = await ask(router, spelling) }
        #expect(noticed.withLock { $0.count } == 4)
        #expect(noticed.withLock { $0.told.count } == 4)
    }
}
