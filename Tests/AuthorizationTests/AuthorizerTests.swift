// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import BLS
import Consensus
import Encoding
import Testing

struct AuthorizerTests {
    private static func authorizer(
        _ mode: AccessMode = .enforced,
        _ policies: [Policy] = [policy([Rule(.allow, scopes: [.sign])])],
        expires: Int64? = nil,
        now: @escaping @Sendable () -> Int64 = { 100 }
    ) -> Authorizer {
        let authorizer = Authorizer(mode: mode, now: now)
        authorizer.update { $0 = AccessDirectory(policies, expires: expires) }
        return authorizer
    }

    private static func refusal(_ authorizer: Authorizer, _ bearer: Bearer) -> AccessRefusal? {
        do throws(AccessRefusal) {
            _ = try authorizer.authenticate(bearer, from: nil)
            return nil
        } catch { return error }
    }

    private static func refusal(_ grant: Grant, _ scope: Scope = .sign) -> AccessRefusal? {
        do throws(AccessRefusal) {
            try grant.check(scope, key: key(1), operation: .attestation)
            return nil
        } catch { return error }
    }

    @Test func `without a token nobody gets in, unless the door is open`() throws {
        #expect(Self.refusal(Self.authorizer(), .nobody) == .missingToken)
        let open = Self.authorizer(.open)
        let grant = try open.authenticate(.nobody, from: nil)
        for scope in Scope.grantable {
            let manages =
                [.authRead, .authWrite].contains(scope)
                || scope.rawValue.hasPrefix("chamber_") && scope != .chamberStatus
            #expect(grant.admits(scope, key: { key(1) }) == !manages, "\(scope)")
        }
    }

    @Test func `whoever shows a token is held to it, whatever the mode`() throws {
        for mode in AccessMode.allCases {
            let authorizer = Self.authorizer(mode)
            #expect(Self.refusal(authorizer, .token(.numbered(2))) == .invalidToken)
            #expect(Self.refusal(authorizer, .unreadable) == .invalidToken)
            let grant = try authorizer.authenticate(.token(.numbered(1)), from: nil)
            #expect(Self.refusal(grant) == nil)
            #expect(Self.refusal(grant, .reload) == .forbidden)
            #expect(!grant.admits(.reload))
        }
    }

    @Test func `a token ends with its last second`() throws {
        for (now, refusal) in [(149, nil), (150, .invalidToken), (151, .invalidToken)] as [(Int64, AccessRefusal?)] {
            #expect(Self.refusal(Self.authorizer(expires: 150, now: { now }), .token(.numbered(1))) == refusal)
        }
    }

    @Test func `what was taken away meanwhile is noticed when it is asked for again`() throws {
        let changes: [(String, AccessRefusal, @Sendable (inout AccessDirectory) -> Void)] = [
            ("revoked", .invalidToken, { $0.remove(token: TokenDigest.numbered(1).identifier) }),
            ("policy deleted", .forbidden, { $0.remove(policy: .some) }),
            ("policy replaced", .forbidden, { $0.put(policy([Rule(.allow, scopes: [.reload])]), version: 2) }),
        ]
        for (name, refusal, change) in changes {
            let authorizer = Self.authorizer()
            let grant = try authorizer.authenticate(.token(.numbered(1)), from: nil)
            #expect(Self.refusal(grant) == nil)
            authorizer.update(change)
            #expect(Self.refusal(grant) == refusal, "\(name)")
        }
    }

    @Test func `a policy that comes back gives its tokens back what it says`() throws {
        let authorizer = Self.authorizer()
        authorizer.update { $0.remove(policy: .some) }
        let grant = try authorizer.authenticate(.token(.numbered(1)), from: nil)
        #expect(Self.refusal(grant) == .forbidden)
        authorizer.update { $0.put(policy([Rule(.allow)]), version: 3) }
        #expect(Self.refusal(grant) == nil)
    }

    /// A denial in the missing policy is not known: the other policies alone would allow too much.
    @Test func `a token with a policy that is not there has nothing at all`() throws {
        let allowance = policy([Rule(.allow)], name: "all")
        let denial = policy([Rule(.deny, operations: [.voluntaryExit])], name: "no-exits")
        let authorizer = Self.authorizer(.enforced, [allowance, denial])
        let grant = try authorizer.authenticate(.token(.numbered(1)), from: nil)
        #expect(Self.refusal(grant) == nil)
        authorizer.update { $0.remove(policy: denial.name) }
        #expect(Self.refusal(grant) == .forbidden)
    }

    @Test func `what cannot be looked up for too long is not believed`() throws {
        let authorizer = Self.authorizer()
        let grant = try authorizer.authenticate(.token(.numbered(1)), from: nil)
        authorizer.setBelieved(false)
        #expect(Self.refusal(authorizer, .token(.numbered(1))) == .stale)
        #expect(Self.refusal(grant) == .stale)
        authorizer.setBelieved(true)
        #expect(Self.refusal(grant) == nil)
    }

    @Test func `the last use of a token is told once`() throws {
        let authorizer = Self.authorizer()
        _ = try authorizer.authenticate(.token(.numbered(1)), from: nil)
        #expect(authorizer.takeUses() == [TokenDigest.numbered(1).identifier: 100])
        #expect(authorizer.takeUses().isEmpty)
    }

    @Test func `two tokens whose digests begin alike are told apart`() throws {
        var bytes = [UInt8](repeating: 1, count: 32)
        bytes[31] = 9
        let other = TokenDigest(try #require(Bytes(bytes)))
        let authorizer = Self.authorizer()
        #expect(Self.refusal(authorizer, .token(other)) == .invalidToken)
    }
}
