// SPDX-License-Identifier: Apache-2.0
import Authorization
import Concurrency
import Crypto
import Encoding
import HTTPServer
import Sealing
import Secrets
import SignerAPI
import TestSupport
import Testing

/// Who guesses at an operator's credential, and who is right meanwhile.
@Suite(.timeLimit(.minutes(2))) struct OperatorLimitTests {
    private static let here = PeerAddress.ipv4(0xC000_0201, port: 4000)
    private static let elsewhere = PeerAddress.ipv4(0xC633_6401, port: 4000)

    @Test func `a guess is not looked at while its address has to wait, not even the right one`() async throws {
        let desk = try await Desk(registered: 3)
        for _ in 0..<10 {
            let answer = try await desk.box(0, isRight: false, from: Self.here)
            #expect(answer.status == 403 && answer.text.contains("bad_signature"), "\(answer.text)")
        }
        for isRight in [false, true, true] {
            let answer = try await desk.box(0, isRight: isRight, from: Self.here)
            #expect(answer.status == 429 && answer.text.contains("too_many_attempts"), "\(answer.text)")
            #expect(answer.headers.first { $0.name == "Retry-After" }?.value == "5")
        }
        // Neither the operator elsewhere nor another operator here pays for it.
        #expect(try await desk.box(0, isRight: true, from: Self.elsewhere).status == 200)
        #expect(try await desk.box(1, isRight: true, from: Self.here).status == 200)
        desk.pass(5)
        #expect(try await desk.box(0, isRight: true, from: Self.here).status == 200)
    }

    @Test func `who is right is never counted`() async throws {
        let desk = try await Desk(registered: 3)
        for _ in 0..<30 { #expect(try await desk.box(0, isRight: true, from: Self.here).status == 200) }
        #expect(try await desk.box(0, isRight: false, from: Self.here).status == 403)
    }

    @Test func `registering and approving have the same limit`() async throws {
        let desk = try await Desk(registered: 2)
        let strange = try TokenText(SecretBox(SecretBytes(random: 32)))
        for _ in 0..<10 { #expect(await desk.register(2, with: strange, from: Self.here).status == 403) }
        #expect(await desk.register(2, with: desk.tokens[2], from: Self.here).status == 429)
        #expect(await desk.register(2, with: desk.tokens[2], from: Self.elsewhere).status == 200)

        desk.pass(100)
        for one in 0..<2 { try await desk.share(one) }
        let proposal = try await desk.proposal()
        for _ in 0..<10 {
            #expect(try await desk.approve(proposal, 0, isRight: false, from: Self.here).status == 403)
        }
        #expect(try await desk.approve(proposal, 0, isRight: true, from: Self.here).status == 429)
        #expect(try await desk.approve(proposal, 1, isRight: true, from: Self.here).status == 200)
        #expect(try await desk.approve(proposal, 0, isRight: true, from: Self.elsewhere).status == 200)
    }
}

/// A registration token as its text, as it stands in a body.
private struct TokenText {
    let box: SecretBox
    let text: String

    init(_ box: SecretBox) throws {
        text = Hex.encode(box.bytes.withSpan { span in span.indices.map { span[$0] } }, prefix: false)
        let bytes = Array(text.utf8)
        self.box = SecretBox(SecretBytes(copying: bytes.span))
    }
}

/// The operators' routes of a chamber with three operators, two of whom open it; its clock is the test's.
private final class Desk: Sendable {
    private static let names = ["alice", "bob", "carol"]
    let tokens: [TokenText]
    private let instance: ChamberRig.Instance
    private let rig: ChamberRig
    private let router: HTTPRouter<Scope, Access>
    private let clock: Lock<Int64>

    init(registered count: Int) async throws {
        rig = try await ChamberRig()
        tokens = try Self.names.map { _ in try TokenText(SecretBox(SecretBytes(random: 32))) }
        instance = try await rig.beginning(Self.names.compactMap { OperatorName($0) }, tokens: tokens.map(\.box))
        let clock = Lock<Int64>(1000)
        self.clock = clock
        let routes = ChamberRoutes(instance.chamber, audit: FakeTrail()) { clock.withLock { $0 } }.routes
        router = HTTPRouter(routes: routes) { _, head, _ in .allow(.open(head)) }
        for one in 0..<count {
            let offer = try Self.offer(of: one, for: tokens[one])
            try await instance.chamber.register(tokens[one].box.bytes, offering: [offer])
        }
    }

    func pass(_ seconds: Int64) { clock.withLock { $0 += seconds } }

    func register(_ one: Int, with token: TokenText, from peer: PeerAddress) async -> Response {
        guard let offer = try? Self.offer(of: one, for: token) else { return Response(status: 599) }
        let body = """
            {"token":"\(token.text)","credentials":[{"id":"\(offer.credential.identifier)","label":"key",\
            "kind":"yubikey","slot":2,"challenge":"\(Self.hex(Self.challenge(one).array))",\
            "exchange_key":"\(Self.hex(offer.credential.exchangeKey.array))",\
            "signing_key":"\(Self.hex(offer.credential.signingKey.array))",\
            "blind":"\(offer.credential.document.blind ?? "")","proof":"\(Self.hex(offer.proof.array))"}]}
            """
        return await router.answer(.post, "/api/v1/chamber/register", body: body, peer: peer)
    }

    func box(_ one: Int, isRight: Bool, from peer: PeerAddress) async throws -> Response {
        let (shown, message, _) = try question(one)
        let signature = try Self.keys(isRight ? one : 8).sign(message)
        let body = """
            {"operator":"\(shown.name)","credential":"\(shown.credential)","challenge":"\(Self.hex(shown.challenge))",\
            "signature":"\(Self.hex(signature.array))"}
            """
        return await router.answer(.post, "/api/v1/chamber/unseal/box", body: body, peer: peer)
    }

    /// Opens one's own share and gives it.
    func share(_ one: Int) async throws {
        let (shown, message, invitation) = try question(one)
        let boxes = try instance.chamber.boxes(for: shown, signature: try Self.keys(one).sign(message))
        guard let question = invitation.ceremony else { throw QuorumRefusal.challengeExpired }
        let returned = try boxes.map { box in
            let resting = QuorumMessage.restingShare(
                chamber: invitation.chamber,
                ceremony: box.ceremony,
                operator: shown.name,
                credential: shown.credential
            )
            let returning = QuorumMessage.returnedShare(
                challenge: shown.challenge,
                chamber: invitation.chamber,
                ceremony: question.ceremony,
                operator: shown.name,
                credential: shown.credential
            )
            let share = try Self.keys(one).open(box.bytes, context: resting)
            let closed = try share.withSpan { try ShareBox.seal($0, to: question.serverKey, context: returning) }
            return UnsealCeremony.Box(ceremony: box.ceremony, bytes: closed)
        }
        try await instance.chamber.give(returned, from: shown)
    }

    func proposal() async throws -> Proposal {
        guard case .proposed(let proposal) = try await instance.chamber.change(.masterKey, by: .local) else {
            throw QuorumRefusal.unknownProposal
        }
        return proposal
    }

    func approve(_ proposal: Proposal, _ one: Int, isRight: Bool, from peer: PeerAddress) async throws -> Response {
        let credential = Self.identifier(one)
        let message = QuorumMessage.approval(
            document: Array(proposal.document.utf8),
            operator: Self.names[one],
            credential: credential
        )
        let signature = try Self.keys(isRight ? one : 8).sign(message)
        let body = """
            {"proposal":"\(proposal.identifier)","operator":"\(Self.names[one])","credential":"\(credential)",\
            "signature":"\(Self.hex(signature.array))"}
            """
        return await router.answer(.post, "/api/v1/chamber/approve", body: body, peer: peer)
    }

    // MARK: Credentials

    private static func hex(_ bytes: [UInt8]) -> String { Hex.encode(bytes, prefix: false) }

    private static func identifier(_ one: Int) -> String { hex([UInt8](repeating: UInt8(one + 1), count: 8)) }

    private static func challenge(_ one: Int) -> Bytes<32> {
        Bytes<32>(copying: [UInt8](repeating: UInt8(one + 1), count: 32).span)
    }

    private static func keys(_ one: Int) throws -> CredentialKeys {
        let response = [UInt8](repeating: UInt8(one + 1), count: 20)
        return try CredentialKeys(response: SecretBytes(copying: response.span), challenge: challenge(one))
    }

    private static func offer(of one: Int, for token: TokenText) throws -> RegistrationStage.Offer {
        let credential = try keys(one).credential(
            identifier: identifier(one),
            label: "key",
            method: .yubiKey(slot: 2, challenge: challenge(one)),
            blind: OperatorCredential.newBlind()
        )
        let text = Array(token.text.utf8)
        let hash = try Digest.sha256(text.span)
        return .init(
            credential: credential,
            proof: try keys(one).sign(QuorumMessage.registration(tokenHash: hash, credential))
        )
    }

    private func question(_ one: Int) throws -> (UnsealCeremony.Credentials, [UInt8], Chamber.Invitation) {
        let invitation = try instance.chamber.invite(Self.names[one], to: nil)
        guard let question = invitation.ceremony else { throw QuorumRefusal.challengeExpired }
        let shown = UnsealCeremony.Credentials(
            name: Self.names[one],
            credential: Self.identifier(one),
            challenge: question.challenge
        )
        let message = QuorumMessage.challenge(
            shown.challenge,
            chamber: invitation.chamber,
            ceremony: question.ceremony,
            serverKey: question.serverKey,
            operator: shown.name,
            credential: shown.credential
        )
        return (shown, message, invitation)
    }
}
