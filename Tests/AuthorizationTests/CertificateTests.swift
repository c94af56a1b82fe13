// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import Concurrency
import Consensus
import Encoding
import JSON
import SignerState
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct CertificateTests {
    private static func digest(_ number: UInt8) -> Bytes<32> { Bytes([UInt8](repeating: number, count: 32))! }
    private static let signing = policy([Rule(.allow, scopes: [.sign])], name: "signing")
    private static let reloading = policy([Rule(.allow, scopes: [.reload])], name: "reloading")
    private static let noReload = policy([Rule(.deny, scopes: [.reload])], name: "no-reload")

    /// Fingerprint 1, of the authority 9, called vc-1.
    private static let client = ClientCertificate(
        fingerprint: digest(1),
        authorities: [digest(9)],
        names: ["DNS:vc-1.example", "URI:spiffe://example/vc-1"]
    )

    private static func binding(
        _ name: String,
        _ subject: CertificateBinding.Subject,
        _ policies: [String] = ["signing"]
    ) -> CertificateBinding {
        CertificateBinding(
            name: PolicyName(name)!,
            subject: subject,
            policies: policies.map { PolicyName($0)! },
            created: 0
        )
    }

    private static func authorizer(_ bindings: [CertificateBinding], _ mode: AccessMode = .enforced) -> Authorizer {
        let authorizer = Authorizer(mode: mode, now: { 100 })
        authorizer.update { directory in
            for policy in [signing, reloading, noReload] { directory.put(policy, version: 1) }
            for binding in bindings { directory.put(binding, version: 1) }
        }
        return authorizer
    }

    private static func refusal(
        _ authorizer: Authorizer,
        _ scope: Scope = .sign,
        _ certificate: ClientCertificate = client
    ) -> AccessRefusal? {
        do throws(AccessRefusal) {
            let grant = try authorizer.authenticate(.certificate(certificate), from: nil)
            try grant.check(scope, key: scope == .sign ? key(1) : nil, operation: scope == .sign ? .attestation : nil)
            return nil
        } catch { return error }
    }

    @Test func `a certificate without a binding is nobody, and no more than that where the door is open`() {
        #expect(Self.refusal(Self.authorizer([])) == .unboundCertificate)
        let open = Self.authorizer([], .open)
        #expect(Self.refusal(open) == nil)
        #expect(Self.refusal(open, .authWrite) == .missingToken)
    }

    @Test(arguments: AccessMode.allCases)
    func `a bound certificate is held to its policies, whatever the mode`(mode: AccessMode) {
        let authorizer = Self.authorizer([Self.binding("vc-1", .fingerprint(Self.digest(1)))], mode)
        #expect(Self.refusal(authorizer) == nil)
        #expect(Self.refusal(authorizer, .reload) == .forbidden)
    }

    @Test func `a name counts only from its authority`() {
        let authorizer = Self.authorizer([Self.binding("vc-1", .name("DNS:vc-1.example", authority: Self.digest(9)))])
        func refusal(_ names: [String], _ authorities: [UInt8]) -> AccessRefusal? {
            let certificate = ClientCertificate(
                fingerprint: Self.digest(1),
                authorities: authorities.map(Self.digest),
                names: names
            )
            return Self.refusal(authorizer, .sign, certificate)
        }
        #expect(refusal(["DNS:vc-1.example"], [9]) == nil)
        #expect(refusal(["DNS:other", "DNS:vc-1.example"], [8, 9]) == nil)
        for (names, authorities) in [
            (["DNS:vc-1.example"], [8]), (["DNS:vc-1.example"], []), (["DNS:vc-2.example"], [9]),
            (["URI:vc-1.example"], [9]), (["DNS:VC-1.example"], [9]), (["DNS:*.example"], [9]), ([], [9]),
        ] as [([String], [UInt8])] {
            #expect(refusal(names, authorities) == .unboundCertificate, "\(names) \(authorities)")
        }
    }

    @Test func `all bindings of a certificate count together, and a denial of one wins`() throws {
        let bindings = [
            Self.binding("one", .fingerprint(Self.digest(1))),
            Self.binding("two", .name("DNS:vc-1.example", authority: Self.digest(9)), ["reloading"]),
        ]
        let both = Self.authorizer(bindings)
        #expect(Self.refusal(both) == nil && Self.refusal(both, .reload) == nil)
        #expect(
            try both.authenticate(.certificate(Self.client), from: nil).holder
                == .certificate([PolicyName("one")!, PolicyName("two")!])
        )
        let third = Self.binding(
            "three",
            .name("URI:spiffe://example/vc-1", authority: Self.digest(9)),
            ["no-reload"]
        )
        #expect(Self.refusal(Self.authorizer(bindings + [third]), .reload) == .forbidden)
        // A policy that is gone: what it would have denied is not known.
        let lost = Self.binding("three", .name("URI:spiffe://example/vc-1", authority: Self.digest(9)), ["gone"])
        #expect(Self.refusal(Self.authorizer(bindings + [lost])) == .forbidden)
    }

    @Test func `what is taken away holds for a grant that was given before`() throws {
        let authorizer = Self.authorizer([Self.binding("vc-1", .fingerprint(Self.digest(1)))])
        let grant = try authorizer.authenticate(.certificate(Self.client), from: nil)
        authorizer.update { $0.remove(certificate: PolicyName("vc-1")!) }
        #expect(throws: AccessRefusal.unboundCertificate) {
            try grant.check(.sign, key: key(1), operation: .attestation)
        }
    }

    @Test func `certificates are not believed for ever without the state either`() {
        let authorizer = Self.authorizer([Self.binding("vc-1", .fingerprint(Self.digest(1)))])
        authorizer.setBelieved(false)
        #expect(Self.refusal(authorizer) == .stale)
    }

    // MARK: The register

    @Test func `a binding is kept, followed and deleted like a token`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteState(path: folder.path + "/state.sqlite")
        func instance() async throws -> (AccessRegister, Authorizer, Lock<Int>) {
            let authorizer = Authorizer(mode: .enforced, now: { 100 })
            let withdrawals = Lock(0)
            let register = AccessRegister(store: store, authorizer: authorizer, now: { 100 }) {
                withdrawals.withLock { $0 += 1 }
            }
            _ = try await register.start()
            return (register, authorizer, withdrawals)
        }
        let (one, first, _) = try await instance()
        let (two, second, withdrawals) = try await instance()
        try await one.create(Self.signing)
        let own = CertificateRequest(
            name: PolicyName("own")!,
            subject: .fingerprint(Self.digest(1)),
            policies: [Self.signing.name]
        )
        let named = CertificateRequest(
            name: PolicyName("named")!,
            subject: .name("DNS:vc-1.example", authority: Self.digest(9)),
            policies: [Self.signing.name]
        )
        try await one.create(own)
        try await one.create(named)
        #expect(Self.refusal(first) == nil)
        #expect(Self.refusal(second) == .unboundCertificate)
        try await two.refresh()
        #expect(Self.refusal(second) == nil)
        #expect(two.certificates.map(\.value) == one.certificates.map(\.value))
        // The same name, and the same certificate under another.
        for (name, subject) in [("own", CertificateBinding.Subject.fingerprint(Self.digest(2))), ("x", own.subject)] {
            await #expect(throws: AccessChangeError.alreadyBound(own.name)) {
                try await one.create(
                    CertificateRequest(name: PolicyName(name)!, subject: subject, policies: [Self.signing.name])
                )
            }
        }
        await #expect(throws: AccessChangeError.unknownPolicies([Self.reloading.name])) {
            try await one.create(
                CertificateRequest(
                    name: PolicyName("y")!,
                    subject: .fingerprint(Self.digest(3)),
                    policies: [Self.reloading.name]
                )
            )
        }
        await #expect(throws: AccessChangeError.inUse(Self.signing.name, tokens: 0, certificates: 2)) {
            try await one.delete(Self.signing.name)
        }
        try await one.delete(certificate: own.name)
        try await one.delete(certificate: named.name)
        #expect(Self.refusal(first) == .unboundCertificate)
        let before = withdrawals.withLock { $0 }
        try await two.refresh()
        #expect(withdrawals.withLock { $0 } > before)
        #expect(Self.refusal(second) == .unboundCertificate)
        await #expect(throws: AccessChangeError.notFound("certificate own")) {
            try await one.delete(certificate: own.name)
        }
        await store.close()
        withExtendedLifetime(folder) {}
    }

    // MARK: The document

    private static let hex = String(repeating: "AB:", count: 31) + "AB"

    private static func read(_ text: String) throws -> CertificateRequest {
        try CertificateRequest(try JSONDocument(Array(text.utf8)).root)
    }

    @Test func `both ways of naming a certificate are read`() throws {
        let own = try Self.read(#"{"name":"a","policies":["p"],"fingerprint":"\#(Self.hex)"}"#)
        #expect(own.subject == .fingerprint(Self.digest(0xab)))
        for (written, read) in [
            ("DNS:VC-1.Example", "DNS:vc-1.example"), ("IP:2001:DB8::0:1", "IP:2001:db8::1"),
            ("URI:spiffe://a/B", "URI:spiffe://a/B"), ("email:a@b", "email:a@b"),
        ] {
            let named = try Self.read(
                #"{"name":"a","policies":["p"],"ca_fingerprint":"\#(Self.hex.lowercased())","san":"\#(written)"}"#
            )
            #expect(named.subject == .name(read, authority: Self.digest(0xab)))
        }
    }

    @Test(arguments: [
        #""fingerprint":"ab""#, #""fingerprint":"0x\#(String(repeating: "ab", count: 32))""#, #""fingerprint":null"#,
        #""san":"DNS:a""#, #""ca_fingerprint":"\#(hex)""#, #""ca_fingerprint":"\#(hex)","san":"a""#,
        #""ca_fingerprint":"\#(hex)","san":"CN:a""#, #""ca_fingerprint":"\#(hex)","san":"DNS:*.a""#,
        #""ca_fingerprint":"\#(hex)","san":"DNS:""#, #""ca_fingerprint":"\#(hex)","san":"IP:x""#,
        #""ca_fingerprint":"\#(hex)","san":"DNS:a b""#, #""fingerprint":"\#(hex)","san":"DNS:a""#,
        #""fingerprint":"\#(hex)","ca_fingerprint":"\#(hex)""#, #""fingerprint":"\#(hex)","cn":"a""#, "",
    ])
    func `anything else is refused, a name without its authority above all`(fields: String) {
        let comma = fields.isEmpty ? "" : ","
        #expect(throws: PolicyError.self) { try Self.read(#"{"name":"a","policies":["p"]\#(comma)\#(fields)}"#) }
    }
}
