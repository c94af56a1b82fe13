// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import BLS
internal import Encoding
internal import HTTPServer
internal import Secrets
internal import SignerAPI
internal import TestSupport

/// Whether refusals tell by their duration what was nearly right: Welch's t between two classes of requests that must not
/// be told apart, measured in this process, where far less noise covers a difference than on a network.
struct Timing {
    private static let samples = 1_000_000
    private let reader: TokenReader
    private let authorizer = Authorizer(mode: .enforced, now: { 1000 })
    /// The text of the token that is known.
    private let known: [UInt8]
    private let digest: TokenDigest

    init() throws(BenchmarkFailure) {
        reader = TokenReader(TokenKey(SecretBytes(random: 32)))
        let secret = TokenSecret()
        digest = reader.digest(of: secret)
        known = secret.withText { text in text.indices.map { text[$0] } }
    }

    func measure(_ report: inout Report) throws(BenchmarkFailure) {
        report.note("|t| over \(Self.samples) samples of each class, above 4.5 one can be told from the other")
        try measureTokens(&report)
        try measureKeys(&report)
    }

    /// Unknown tokens: all but the last four digits right, against all wrong.
    private func measureTokens(_ report: inout Report) throws(BenchmarkFailure) {
        let name = try policyName()
        let (digest, reader) = (digest, reader)
        authorizer.update { directory in
            directory.put(Policy(name: name, rules: [Rule(.allow)]), version: 1)
            let token = Token(digest: digest, name: name, policies: [name], created: 0, expires: nil)
            directory.put(token, version: 1)
        }
        func ask(_ field: [UInt8]) -> Bool {
            guard case .token(let digest) = reader.read(field.span) else { return false }
            return (try? authorizer.authenticate(.token(digest), from: nil)) != nil
        }
        let bearer = Array("Bearer ".utf8)
        guard ask(bearer + known) else { throw BenchmarkFailure("the token that is known is refused") }
        // As many different ones of each class, so that neither lies warmer in the caches.
        let near = (0..<4096).map { _ in bearer + known.dropLast(4) + Self.digits(4) }
        let random = (0..<4096).map { _ in bearer + Array(TokenSecret.Prefix.token.rawValue.utf8) + Self.digits(64) }
        let times = WelchTest.run(Self.samples) { isFirst, place in
            (isFirst ? near : random)[place % near.count].map { $0 }
        } measured: { field in
            ask(field)
        }
        report.add("an unknown token: nearly right or random, |t|", times, "", digits: 2, atMost: Welch.limit)
    }

    /// Forbidden keys: one that somebody else may use, against one that nobody has heard of.
    private func measureKeys(_ report: inout Report) throws(BenchmarkFailure) {
        let (name, other) = (try policyName(), try policyName("other"))
        let keys = (0..<4096).map { _ in "0x" + String(decoding: Self.digits(96), as: UTF8.self) }
        let strangers = (0..<4096).map { _ in "0x" + String(decoding: Self.digits(96), as: UTF8.self) }
        let theirs = keys.compactMap { try? PublicKey(hex: $0) }
        let (digest, second) = (digest, reader.digest(of: TokenSecret()))
        authorizer.update { directory in
            let own = (try? PublicKey(hex: "0x" + String(repeating: "7", count: 96))).map { Set([$0]) }
            directory.put(Policy(name: name, rules: [Rule(.allow, scopes: [.sign], keys: own)]), version: 2)
            directory.put(Policy(name: other, rules: [Rule(.allow, scopes: [.sign], keys: Set(theirs))]), version: 1)
            let token = Token(digest: second, name: other, policies: [other], created: 0, expires: nil)
            directory.put(token, version: 1)
        }
        let gate = AccessGate(authorizer: authorizer, tell: { _ in }, count: { _ in })
        let routes = [Route<Scope, Access>(.post, "/sign/:identifier", scope: .sign) { _, _, _ in .text("") }]
        let router = HTTPRouter(routes: routes, gate: gate.decide)
        func head(_ key: String) -> RequestHead {
            RequestHead(
                .post,
                "/sign/\(key)",
                headers: [(name: "Host", value: "localhost")],
                credential: .digest(digest.bytes)
            )
        }
        func ask(_ head: RequestHead) -> Bool {
            router.admit(head).answer(to: head)?.status == 403
        }
        guard ask(head(keys[0])), ask(head(strangers[0])) else {
            throw BenchmarkFailure("a forbidden key is not refused with 403")
        }
        let times = WelchTest.run(Self.samples) { isFirst, place in
            head((isFirst ? keys : strangers)[place % keys.count])
        } measured: { head in
            ask(head)
        }
        report.add("a forbidden key: somebody else's or nobody's, |t|", times, "", digits: 2, atMost: Welch.limit)
    }

    private func policyName(_ text: String = "own") throws(BenchmarkFailure) -> PolicyName {
        guard let name = PolicyName(text) else { throw BenchmarkFailure("\(text) is no name") }
        return name
    }

    private static func digits(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in Array("0123456789abcdef".utf8)[Int.random(in: 0..<16)] }
    }
}

/// Welch's t-test over durations of two classes that are measured in random turns.
enum WelchTest {
    /// |t|. The slowest hundredth of all samples is left out: interrupts and other processes fall on both classes.
    ///
    /// - Parameter prepare: makes an input afresh, outside of what is measured, so that those of one class lie no
    ///   better in memory than those of the other.
    static func run<Input>(
        _ samples: Int,
        prepare: (_ isFirst: Bool, _ place: Int) -> Input,
        measured body: (Input) -> Bool
    ) -> Double {
        var times: [[UInt32]] = [[], []]
        times[0].reserveCapacity(samples)
        times[1].reserveCapacity(samples)
        var place = 0
        var sink = false
        while times[0].count < samples || times[1].count < samples {
            let side = times[0].count == samples ? 1 : times[1].count == samples ? 0 : Int.random(in: 0...1)
            place &+= 1
            let input = prepare(side == 0, place)
            let began = Clock.monotonic
            let answer = body(input)
            let ended = Clock.monotonic
            sink = sink != answer
            times[side].append(UInt32(clamping: ended &- began))
        }
        withExtendedLifetime(sink) {}
        return Welch.t(times[0], times[1])
    }
}
