// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import BLS
import Concurrency
import Encoding
import HTTPServer
import SignerAPI
import Telemetry
import Testing

/// How many a line stands for.
private func told(_ event: AuditEvent) -> Int {
    guard case .refused(_, let detail) = event.outcome, let detail else { return 1 }
    return Int(detail.prefix { $0.isNumber }) ?? 1
}

@Suite struct RepeatedEventsTests {
    private func event(_ detail: String? = nil) -> AuditEvent {
        AuditEvent(.access(method: "GET", path: "/"), .refused(code: "forbidden", detail: detail))
    }

    @Test func `the first is told at once, and what follows once a second with its count`() {
        var events = RepeatedEvents<Int>()
        #expect(events.note(event(), as: 1, at: 10).map(told) == 1)
        for _ in 0..<999 { #expect(events.note(event(), as: 1, at: 10) == nil) }
        #expect(events.note(event(), as: 2, at: 10).map(told) == 1)
        #expect(events.due(at: 10).isEmpty)
        #expect(events.note(event(), as: 1, at: 11).map(told) == 1000)
        #expect(events.due(at: 12).isEmpty)
        for _ in 0..<5 { _ = events.note(event(), as: 1, at: 12) }
        #expect(events.due(at: 13).map(told) == [4])
    }

    @Test func `whoever goes quiet is told of, and at the end all are`() {
        var events = RepeatedEvents<Int>()
        for _ in 0..<3 { _ = events.note(event("why"), as: 1, at: 10) }
        #expect(events.due(at: 10).isEmpty)
        let last = events.due(at: 10, all: true)
        #expect(last.map(told) == [2])
        if case .refused(_, let detail) = last[0].outcome { #expect(detail?.hasSuffix(": why") == true) }
    }

    @Test func `more than are told apart share one line, and all are counted`() {
        var events = RepeatedEvents<Int>(most: 10)
        let lines = (0..<1000).compactMap { events.note(event(), as: $0, at: 10) } + events.due(at: 11)
        #expect(lines.count == 12 && lines.map(told).reduce(0, +) == 1000)
        #expect(events.note(event(), as: 5000, at: 12).map(told) == 1)
    }
}

/// What the gate and the server refuse leaves few lines, and none of it is lost.
@Suite struct RefusalFloodTests {
    private static let canary = PublicKey(Bytes([UInt8](repeating: 0xab, count: 48))!)
    private static let digest = TokenDigest(Bytes([UInt8](repeating: 7, count: 32))!)
    private static let name = PolicyName("p")!

    private struct Heard {
        var events: [AuditEvent] = []
        var counted: [String: Int] = [:]
        var canaries = 0
    }

    private func gate(_ heard: Lock<Heard>) -> AccessGate {
        let authorizer = Authorizer(mode: .enforced, now: { 100 })
        authorizer.update { directory in
            directory.put(
                Token(digest: Self.digest, name: Self.name, policies: [], created: 0, expires: nil),
                version: 1
            )
        }
        return AccessGate(
            authorizer: authorizer,
            canaries: CanaryWatch([Self.canary], count: { heard.withLock { $0.canaries += 1 } }),
            tell: { event in heard.withLock { $0.events.append(event) } },
            count: { code in heard.withLock { $0.counted[code, default: 0] += 1 } }
        )
    }

    private func head(_ path: String, host: String = "localhost") -> RequestHead {
        RequestHead(
            .post,
            path,
            headers: [(name: "Host", value: host)],
            peer: .ipv4(0x0a00_0001, port: 1),
            credential: .digest(Self.digest.bytes)
        )
    }

    @Test func `a good token that asks for what it may not floods nothing`() {
        let heard = Lock(Heard())
        let gate = gate(heard)
        let router = HTTPRouter(routes: SignerServices.sample().signingRoutes, gate: gate.decide)
        let keys = (1...8).map { PublicKey(Bytes([UInt8](repeating: UInt8($0), count: 48))!) }
        for number in 0..<10_000 {
            let head = head("/api/v1/eth2/sign/\(keys[number % 8])")
            #expect(router.admit(head).answer(to: head)?.status == 403)
        }
        gate.tellDue(all: true)
        let seen = heard.withLock { $0 }
        #expect(seen.events.count < 100 && seen.events.map(told).reduce(0, +) == 10_000)
        #expect(seen.counted == ["forbidden": 10_000])
        #expect(seen.events.allSatisfy { $0.caller?.hasPrefix("token:") == true })
    }

    @Test func `a canary is not lost among other refusals`() {
        let heard = Lock(Heard())
        let gate = gate(heard)
        let router = HTTPRouter(routes: SignerServices.sample().signingRoutes, gate: gate.decide)
        let other = PublicKey(Bytes([UInt8](repeating: 1, count: 48))!)
        for key in [other, other, Self.canary, other] { _ = router.admit(head("/api/v1/eth2/sign/\(key)")) }
        let seen = heard.withLock { $0 }
        #expect(seen.canaries == 1 && seen.events.count { $0.isCanary && $0.key == Self.canary.bytes } == 1)
    }

    @Test func `what the server refuses is told by reason, with its count`() {
        let heard = Lock(Heard())
        let gate = gate(heard)
        for _ in 0..<500 {
            gate.refused(RefusedRequest(.malformed("Host is given twice"), peer: .ipv4(1, port: 2), head: nil))
            gate.refused(RefusedRequest(.notFound, peer: .ipv4(1, port: 2), head: head("/nothing")))
        }
        gate.tellDue(all: true)
        let seen = heard.withLock { $0 }
        #expect(seen.events.count < 100 && seen.events.map(told).reduce(0, +) == 1000)
        #expect(seen.counted == ["malformed_request": 500, "not_found": 500])
    }

    @Test func `a canary is noticed where the gate is not asked, and only once where it was`() {
        let heard = Lock(Heard())
        let gate = gate(heard)
        let path = "/api/v1/eth2/sign/\(Self.canary)"
        let peer = PeerAddress.ipv4(1, port: 2)
        gate.refused(RefusedRequest(.hostNotAuthorized, peer: peer, head: head(path, host: "evil.example")))
        gate.refused(RefusedRequest(.tlsRequired("there"), peer: peer, head: head(path)))
        gate.refused(RefusedRequest(.malformed("two readings"), peer: peer, head: nil, path: path))
        #expect(heard.withLock { $0.canaries } == 3)
        gate.refused(RefusedRequest(.bodyTooLarge(limit: 1), peer: peer, head: head(path)))
        #expect(heard.withLock { $0.canaries } == 3)
        #expect(heard.withLock { $0.events.count { $0.isCanary } } == 3)
    }
}
