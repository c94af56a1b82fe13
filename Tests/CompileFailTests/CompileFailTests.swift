// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// Promises 1 and 2 as the compiler keeps them: what must not be done does not compile.
@Suite(
    .enabled(if: Compiler.isAvailable, "there is no swiftc, or no modules beside the tests"),
    .timeLimit(.minutes(5))
)
struct CompileFailTests {
    struct Snippet: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let body: String
        /// Part of the diagnostic; nil where it must compile.
        let diagnostic: String?
    }

    static let snippets: [Snippet] =
        [
            Snippet(
                testDescription: "a permit is consumed once, a secret is read in place",
                body: """
                    func use(_ permits: consuming SigningPermits) {}
                    func ask(_ protection: SlashingProtection, _ batch: DutyBatch) async {
                        let decision = await protection.record(batch, generation: AuthorityGeneration(1))
                        use(decision.takePermits())
                    }
                    func look(_ secret: borrowing SecretBytes) -> Int { secret.withBytes { $0.byteCount } }
                    func look(_ slot: borrowing SecretSlot) -> Int { slot.withBytes { $0.byteCount } }
                    """,
                diagnostic: nil
            ),
            Snippet(
                testDescription: "forging a permit",
                body: """
                    func forge(_ root: SigningRoot) -> SigningPermits {
                        SigningPermits(signingRoot: root, generation: AuthorityGeneration(1), records: [])
                    }
                    """,
                diagnostic: "initializer is inaccessible due to 'fileprivate' protection level"
            ),
            Snippet(
                testDescription: "forging a decision",
                body: """
                    func forge(_ permits: consuming SigningPermits) -> ProtectionDecision {
                        ProtectionDecision(verdicts: [], permits: permits)
                    }
                    """,
                diagnostic: "initializer is inaccessible due to 'fileprivate' protection level"
            ),
            Snippet(
                testDescription: "using a permit twice",
                body: """
                    func use(_ permits: consuming SigningPermits) {}
                    func twice(_ permits: consuming SigningPermits) {
                        use(permits)
                        use(permits)
                    }
                    """,
                diagnostic: "'permits' consumed more than once"
            ),
            Snippet(
                testDescription: "taking the permits of a decision twice",
                body: """
                    func use(_ permits: consuming SigningPermits) {}
                    func twice(_ decision: consuming ProtectionDecision) {
                        use(decision.takePermits())
                        use(decision.takePermits())
                    }
                    """,
                diagnostic: "'decision' consumed more than once"
            ),
            Snippet(
                testDescription: "copying a permit",
                body: """
                    func double(_ permits: borrowing SigningPermits) -> SigningPermits { copy permits }
                    """,
                diagnostic: "'copy' cannot be applied to noncopyable types"
            ),
            Snippet(
                testDescription: "keeping a borrowed permit",
                body: """
                    func keep(_ permits: borrowing SigningPermits) -> SigningPermits { permits }
                    """,
                diagnostic: "'permits' is borrowed and cannot be consumed"
            ),
            Snippet(
                testDescription: "changing the root of a permit",
                body: """
                    func turn(_ permits: inout SigningPermits, _ root: SigningRoot) { permits.signingRoot = root }
                    """,
                diagnostic: "'signingRoot' is a 'let' constant"
            ),
            Snippet(
                testDescription: "decoding a permit",
                body: """
                    func read(_ data: Data) throws -> SigningPermits {
                        try JSONDecoder().decode(SigningPermits.self, from: data)
                    }
                    """,
                diagnostic: "requires that 'SigningPermits' conform to"
            ),
        ]
        + ["SecretBytes", "SecretSlot"].flatMap { type in
            [
                Snippet(
                    testDescription: "a \(type) in a string",
                    body: "func text(_ secret: borrowing \(type)) -> String { \"\\(secret)\" }",
                    diagnostic: "conform to 'Copyable'"
                ),
                Snippet(
                    testDescription: "a \(type) printed",
                    body: "func show(_ secret: consuming \(type)) { print(secret) }",
                    diagnostic: "does not conform to expected type 'Copyable'"
                ),
                Snippet(
                    testDescription: "a \(type) described",
                    body: "func text(_ secret: borrowing \(type)) -> String { String(describing: secret) }",
                    diagnostic: "conform to 'Copyable'"
                ),
                Snippet(
                    testDescription: "a \(type) in JSON",
                    body: "func json(_ secret: borrowing \(type)) throws -> Data { try JSONEncoder().encode(secret) }",
                    diagnostic: "conform to 'Encodable'"
                ),
                Snippet(
                    testDescription: "a \(type) in an array",
                    body: "func list(_ secret: consuming \(type)) -> Int { [secret].count }",
                    diagnostic: "conform to 'Copyable'"
                ),
                Snippet(
                    testDescription: "the bytes of a \(type) beyond their reading",
                    body: """
                        func leak(_ secret: borrowing \(type)) -> RawSpan? {
                            var leaked: RawSpan?
                            secret.withBytes { leaked = $0 }
                            return leaked
                        }
                        """,
                    diagnostic: "lifetime-dependent"
                ),
            ]
        } + [
            Snippet(
                testDescription: "a span that outlives its secret",
                body: """
                    @_lifetime(immortal) func leak() -> Span<UInt8> {
                        let secret = SecretBytes(random: 32)
                        return secret.span
                    }
                    """,
                diagnostic: "lifetime-dependent value escapes its scope"
            )
        ]

    @Test(arguments: snippets) func `the compiler keeps the promise`(snippet: Snippet) throws {
        let compiler = try #require(Compiler())
        let source = """
            package import Consensus
            package import Foundation
            package import Secrets
            package import SlashingProtection
            \(snippet.body.replacing("func ", with: "package func "))
            """
        let answer = try compiler.compile(source)
        if let diagnostic = snippet.diagnostic {
            #expect(!answer.succeeded, "this must not compile: \(snippet.body)")
            #expect(answer.output.contains(diagnostic), "\(answer.output)")
        } else {
            #expect(answer.succeeded, "\(answer.output)")
        }
    }
}
