// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import BLS
import Concurrency
import Consensus
import Encoding
import HTTPServer
import SignerAPI
import Telemetry
import Testing

/// Every route with every scope, key and address, through the gate: what comes through is held against a table that
/// knows nothing of the code under test.
@Suite struct AccessMatrixTests {
    private static let keys = (1...2).map { PublicKey(Bytes([UInt8](repeating: UInt8($0), count: 48))!) }
    private static let digest = TokenDigest(Bytes([UInt8](repeating: 7, count: 32))!)
    private static let credential = Credential.digest(digest.bytes)
    private static let name = PolicyName("p")!

    private static func authorizer(_ rules: [Rule], mode: AccessMode = .enforced) -> Authorizer {
        let authorizer = Authorizer(mode: mode, now: { 100 })
        authorizer.update { directory in
            directory.put(Policy(name: name, rules: rules), version: 1)
            directory.put(
                Token(digest: digest, name: name, policies: [name], created: 0, expires: nil),
                version: 1
            )
        }
        return authorizer
    }

    /// All routes of the signing port behind a gate.
    private static func router(
        _ authorizer: Authorizer,
        tell: @escaping @Sendable (AuditEvent) -> Void = { _ in }
    ) async throws -> HTTPRouter<Scope, Access> {
        let gate = AccessGate(authorizer: authorizer, tell: tell, count: { _ in })
        let access = try await AccessRoutes.sample()
        return HTTPRouter(routes: routes(access), gate: gate.decide)
    }

    private static func routes(_ access: AccessRoutes) -> [Route<Scope, Access>] {
        let document = DocumentRoutes(describing: [], version: "1", compatibility: Compatibility())
        return SignerServices.sample(hasKeyManager: true).signingRoutes + access.routes + document.routes
    }

    /// Which keys, only the body tells.
    private static let managing: Set<Scope> = [.listKeys, .importKeystores, .deleteKeys]

    private static let paths: [(Method, String, Scope, PublicKey?)] = {
        var paths: [(Method, String, Scope, PublicKey?)] = [
            (.get, "/upcheck", .health, nil), (.get, "/healthcheck", .health, nil),
            (.get, "/openapi.json", .apiDocument, nil), (.get, "/docs", .apiDocument, nil),
            (.get, "/api/v1/eth2/publicKeys", .publicKeys, nil),
            (.get, "/api/v1/eth2/highWatermark", .highWatermark, nil), (.post, "/reload", .reload, nil),
            (.get, "/reload", .reload, nil), (.get, "/eth/v1/keystores", .listKeys, nil),
            (.post, "/eth/v1/keystores", .importKeystores, nil), (.delete, "/eth/v1/keystores", .deleteKeys, nil),
            (.get, "/api/v1/auth/policies", .authRead, nil),
            (.post, "/api/v1/auth/policies", .authWrite, nil), (.get, "/api/v1/auth/policies/p", .authRead, nil),
            (.put, "/api/v1/auth/policies/p", .authWrite, nil), (.delete, "/api/v1/auth/policies/p", .authWrite, nil),
            (.get, "/api/v1/auth/tokens", .authRead, nil), (.post, "/api/v1/auth/tokens", .authWrite, nil),
            (.get, "/api/v1/auth/tokens/0011223344556677", .authRead, nil),
            (.put, "/api/v1/auth/tokens/0011223344556677", .authWrite, nil),
            (.delete, "/api/v1/auth/tokens/0011223344556677", .authWrite, nil),
            (.post, "/api/v1/auth/tokens/0011223344556677/revoke", .authWrite, nil),
            (.get, "/api/v1/auth/certificates", .authRead, nil), (.post, "/api/v1/auth/certificates", .authWrite, nil),
            (.get, "/api/v1/auth/certificates/c", .authRead, nil),
            (.delete, "/api/v1/auth/certificates/c", .authWrite, nil),
        ]
        for key in keys { paths.append((.post, "/api/v1/eth2/sign/\(key)", .sign, key)) }
        return paths
    }()

    @Test func `every route is in the matrix`() async throws {
        let access = try await AccessRoutes.sample()
        let routes = Self.routes(access)
        #expect(Set(routes.map { "\($0.method) \($0.scope)" }) == Set(Self.paths.map { "\($0.0) \($0.2)" }))
        #expect(routes.count == Self.paths.count - 1)
    }

    @Test(arguments: Scope.grantable.map { [$0] } + [Scope.grantable, []])
    func `a token passes where its scope, keys and addresses let it, and nowhere else`(scopes: [Scope]) async throws {
        for (allowed, ranges) in [
            (nil, nil), ([Self.keys[0]], nil), (nil, ["10.0.0.0/8"]), ([Self.keys[1]], ["10.0.0.0/8"]),
        ] as [([PublicKey]?, [String]?)] {
            // A scope that nothing needs stands for none.
            let rule = Rule(
                .allow,
                scopes: Set(scopes.isEmpty ? [.metrics] : scopes),
                keys: allowed.map { Set($0) },
                sourceRanges: try ranges?.map { try AddressRange($0) }
            )
            let router = try await Self.router(Self.authorizer([rule]))
            for (method, path, scope, key) in Self.paths {
                for (bits, isInside) in [(UInt32(0x0a00_0001), true), (0xc000_0201, false)] {
                    let namesKeys = scope == .sign || scope == .publicKeys || Self.managing.contains(scope)
                    let mayPass =
                        scope == .health || scope == .apiDocument
                        || scopes.contains(scope) && (ranges == nil || isInside)
                            && (allowed == nil || namesKeys && (key == nil || allowed!.contains(key!)))
                    let answer = await router.answer(
                        method,
                        path,
                        peer: .ipv4(bits, port: 1),
                        credential: Self.credential
                    )
                    let passed = answer.status != 401 && answer.status != 403
                    if passed != mayPass { Issue.record("\(scopes) \(method) \(path): \(answer.status)") }
                }
            }
        }
    }

    @Test func `whoever shows nothing, or nothing good, is asked who he is, on every route but health`() async throws {
        let router = try await Self.router(Self.authorizer([Rule(.allow)]))
        let strangers: [(Credential, String)] = [
            (.none, "missing_token"), (.unreadable, "invalid_token"),
            (.digest(Bytes([UInt8](repeating: 8, count: 32))!), "invalid_token"),
        ]
        for (number, (credential, code)) in strangers.enumerated() {
            for (place, (method, path, scope, _)) in Self.paths.enumerated()
            where scope != .health && scope != .apiDocument {
                // From many addresses, since one is soon told to wait.
                let peer = PeerAddress.ipv4(UInt32(number * 1000 + place), port: 1)
                let answer = await router.answer(
                    method,
                    path,
                    accept: "application/json",
                    peer: peer,
                    credential: credential
                )
                #expect(answer.status == 401, "\(method) \(path)")
                #expect(answer.text.contains(code))
                #expect(answer.headers.contains { $0.name == "WWW-Authenticate" })
            }
        }
    }

    @Test func `a key of somebody else and one that nobody has are refused alike, a key of one's own is looked for`()
        async throws
    {
        let rule = Rule(.allow, scopes: [.sign], keys: [Self.keys[0]])
        let router = try await Self.router(Self.authorizer([rule]))
        var answers: [Response] = []
        for name in ["\(Self.keys[1])", "0x" + String(repeating: "f", count: 96), "junk", "0x", "../x"] {
            answers.append(
                await router.answer(
                    .post,
                    "/api/v1/eth2/sign/\(name.replacing("/", with: "%2F"))",
                    accept: "application/json",
                    credential: Self.credential
                )
            )
        }
        for answer in answers where answer.status != 404 {
            #expect(answer.status == 403 && answer.body == answers[0].body)
        }
        #expect(answers[..<4].allSatisfy { $0.status == 403 })
    }

    @Test func `a refusal is told with who, from where, and what, and never with what was shown`() async throws {
        let told = Lock<[AuditEvent]>([])
        let router = try await Self.router(Self.authorizer([Rule(.allow, scopes: [.reload])])) { event in
            told.withLock { $0.append(event) }
        }
        let peer = PeerAddress.ipv4(0xc000_0201, port: 1)
        _ = await router.answer(.get, "/reload", peer: peer, credential: Self.credential)
        #expect(told.withLock { $0 }.isEmpty)
        _ = await router.answer(.get, "/api/v1/eth2/publicKeys", peer: peer, credential: Self.credential)
        _ = await router.answer(.get, "/reload", peer: peer)
        let events = told.withLock { $0 }
        #expect(events.map(\.caller) == ["token:0707070707070707", "anonymous"])
        #expect(events.map(\.peer) == ["192.0.2.1", "192.0.2.1"])
    }
}
