// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Crypto
import Encoding
import Foundation
import Sealing
import Secrets
import TestSupport

/// The signer's side of a quorum with one operator, alice, as far as her commands see it: what she sends is checked, and the
/// test says what else happens. For what a signer of ours would not say.
final class ScriptedQuorum: Sendable {
    struct State: Sendable {
        var credentials: [OperatorCredential] = []
        /// Of the paths that were asked for.
        var paths: [String] = []
        /// What alice brought, and whether it was her share.
        var returned: [Bool] = []
        var approvals: [String] = []
        /// Whether the next request for a box finds its challenge too old.
        var isExpired = false
        /// Of every hint, before it is shown.
        var tamper: @Sendable (inout OperatorCredential.Hint) -> Void = { _ in }
        var document = #"{"kind":"kms","summary":"two keys"}"#
        /// How many looks at the status find the proposal without its approvals.
        var looks = 2
        /// What the status says of the seal.
        var seal = "unsealed"
    }

    static let token = "cc-enrol-" + String(repeating: "5a", count: 32)
    static let proposal = "00112233445566778899aabbccddeeff"
    private static let chamber = ChamberIdentifier(Bytes<16>(repeatElement(1, count: 16)) ?? Bytes())
    private static let ceremony = CeremonyIdentifier(Bytes<16>(repeatElement(2, count: 16)) ?? Bytes())
    private static let resting = CeremonyIdentifier(Bytes<16>(repeatElement(3, count: 16)) ?? Bytes())
    private static let challenge = [UInt8](repeating: 4, count: 56)

    let state: Lock<State>
    private let secret = Random.bytes(32)
    private let share = Random.bytes(50)

    init(_ credentials: [OperatorCredential] = []) { state = Lock(State(credentials: credentials)) }

    func server() throws -> ScriptedServer {
        try ScriptedServer { [self] _, request in
            let parts = request.split(separator: " ", maxSplits: 2)
            let path = parts.count > 1 ? String(parts[1]) : "?"
            let body = request.firstRange(of: "\r\n\r\n").map { String(request[$0.upperBound...]) } ?? ""
            state.withLock { $0.paths.append(path) }
            do { return try answer(path, Data(body.utf8)) } catch {
                return .answer(status: 400, body: #"{"error":{"code":"invalid_request","message":"\#(error)"}}"#)
            }
        }
    }

    var paths: [String] { state.withLock { $0.paths.map { $0.replacing("/api/v1/chamber/", with: "") } } }

    // MARK: Answers

    private struct Wrong: Error, CustomStringConvertible {
        let description: String
    }

    private func answer(_ path: String, _ body: Data) throws -> ScriptedServer.Reply {
        switch path {
        case "/api/v1/chamber/register": try register(body)
        case "/api/v1/chamber/challenge": try invite(body)
        case "/api/v1/chamber/unseal/box": try box(body)
        case "/api/v1/chamber/unseal/share": try take(body)
        case "/api/v1/chamber/approve": try approve(body)
        case "/api/v1/chamber/rotate": try rotate(body)
        case "/api/v1/chamber/status": try status()
        case "/healthcheck": .answer(status: 200, body: "{}")
        default: .answer(status: 404, body: "{}")
        }
    }

    private func refused(_ status: Int, _ code: String) -> ScriptedServer.Reply {
        .answer(status: status, body: #"{"error":{"code":"\#(code)","message":"refused: \#(code)"}}"#)
    }

    private func register(_ body: Data) throws -> ScriptedServer.Reply {
        struct Order: Decodable {
            struct Proof: Decodable { let proof: String }
            let token: String
            let credentials: [OperatorCredential.Document]
        }
        struct Proofs: Decodable { let credentials: [Order.Proof] }
        let order = try JSONDecoder().decode(Order.self, from: body)
        let proofs = try JSONDecoder().decode(Proofs.self, from: body).credentials
        guard order.token == Self.token else { return refused(403, "unknown_registration_token") }
        let token = Array(order.token.utf8)
        let hash = try Digest.sha256(token.span)
        for (document, proof) in zip(order.credentials, proofs) {
            let credential = try OperatorCredential(document)
            try check(proof.proof, QuorumMessage.registration(tokenHash: hash, credential), credential)
            state.withLock { $0.credentials.append(credential) }
        }
        return .answer(
            status: 200,
            body:
                #"{"seal":{"status":"awaiting_registration"},"registration":{"kind":"init","expires_at":"2030-01-01T00:00:00Z","operators":[{"name":"alice","registered":true},{"name":"bob","registered":false}]}}"#
        )
    }

    private func invite(_ body: Data) throws -> ScriptedServer.Reply {
        struct Order: Decodable {
            let `operator`: String
            let proposal: String?
        }
        struct Answer: Encodable {
            let chamber, ceremony, server_key, challenge: String
            let expires_in_seconds = 300
            let credentials: [OperatorCredential.Hint]
            let proposal: Proposal?
        }
        let order = try JSONDecoder().decode(Order.self, from: body)
        guard order.operator == "alice" else { return refused(404, "unknown_operator") }
        let key = try serverKey
        let (hints, proposal) = state.withLock { state in
            let hints = state.credentials.map { credential in
                var hint = credential.hint
                state.tamper(&hint)
                return hint
            }
            return (hints, Proposal(state))
        }
        let answer = Answer(
            chamber: Self.chamber.description,
            ceremony: Self.ceremony.description,
            server_key: Hex.encode(key.span, prefix: false),
            challenge: Hex.encode(Self.challenge, prefix: false),
            credentials: hints,
            proposal: order.proposal == Self.proposal ? proposal : nil
        )
        return try json(answer)
    }

    private func box(_ body: Data) throws -> ScriptedServer.Reply {
        struct Order: Decodable { let credential, signature, challenge: String }
        let order = try JSONDecoder().decode(Order.self, from: body)
        let isExpired = state.withLock { state in
            defer { state.isExpired = false }
            return state.isExpired
        }
        if isExpired { return refused(409, "challenge_expired") }
        let credential = try credential(order.credential)
        let message = QuorumMessage.challenge(
            Self.challenge,
            chamber: Self.chamber,
            ceremony: Self.ceremony,
            serverKey: try serverKey,
            operator: "alice",
            credential: order.credential
        )
        do { try check(order.signature, message, credential) } catch { return refused(403, "bad_signature") }
        let context = QuorumMessage.restingShare(
            chamber: Self.chamber,
            ceremony: Self.resting,
            operator: "alice",
            credential: order.credential
        )
        let share = share
        let box = try ShareBox.seal(share.span, to: credential.exchangeKey, context: context)
        return try json(["boxes": [["ceremony": Self.resting.description, "box": Data(box).base64EncodedString()]]])
    }

    private func take(_ body: Data) throws -> ScriptedServer.Reply {
        struct Order: Decodable {
            struct Share: Decodable { let ceremony, box: String }
            let credential: String
            let shares: [Share]
        }
        let order = try JSONDecoder().decode(Order.self, from: body)
        let context = QuorumMessage.returnedShare(
            challenge: Self.challenge,
            chamber: Self.chamber,
            ceremony: Self.ceremony,
            operator: "alice",
            credential: order.credential
        )
        let (secret, share) = (secret, share)
        for one in order.shares {
            let opened = try ShareBox.open(
                Array(Data(base64Encoded: one.box) ?? Data()),
                with: secret.span,
                context: context
            )
            let isRight = ConstantTime.areEqual(opened.span, share.span) && one.ceremony == Self.resting.description
            state.withLock { $0.returned.append(isRight) }
        }
        return .answer(
            status: 200,
            body:
                #"{"seal":{"status":"kms_unsealed"},"unseal":{"have":1,"need":2,"operators":["alice"],"expires_at":"2030-01-01T00:00:00Z"}}"#
        )
    }

    // MARK: Proposals

    private struct Proposal: Codable {
        let id, kind, summary, document: String
        let approvals: [String]
        let needed: Int
        let expires_at: String

        init(_ state: State) {
            id = ScriptedQuorum.proposal
            kind = "kms"
            summary = "two keys"
            document = state.document
            approvals = state.approvals
            needed = 2
            expires_at = Date(timeIntervalSinceNow: 600).formatted(.iso8601)
        }
    }

    private func approve(_ body: Data) throws -> ScriptedServer.Reply {
        struct Order: Decodable { let proposal, credential, signature: String }
        let order = try JSONDecoder().decode(Order.self, from: body)
        let document = state.withLock { $0.document }
        let message = QuorumMessage.approval(
            document: Array(document.utf8),
            operator: "alice",
            credential: order.credential
        )
        do { try check(order.signature, message, try credential(order.credential)) } catch {
            return refused(403, "bad_signature")
        }
        let proposal = state.withLock { state in
            state.approvals = ["bob", "alice"]
            return Proposal(state)
        }
        return try json(["proposal": proposal])
    }

    private func rotate(_ body: Data) throws -> ScriptedServer.Reply {
        struct Order: Decodable { let proposal: String? }
        if try JSONDecoder().decode(Order.self, from: body).proposal == Self.proposal {
            return .answer(
                status: 200,
                body:
                    #"{"seal":{"status":"unsealed"},"registrations":[{"operator":"dave","token":"\#(Self.token)"}]}"#
            )
        }
        return try json(["proposal": state.withLock { Proposal($0) }], status: 202)
    }

    private func status() throws -> ScriptedServer.Reply {
        struct Answer: Encodable {
            let seal: [String: String]
            let proposals: [Proposal]
        }
        let proposal = state.withLock { state in
            state.looks -= 1
            if state.looks == 0 { state.approvals = ["alice", "bob"] }
            return Proposal(state)
        }
        let seal = state.withLock { $0.seal }
        return try json(Answer(seal: ["status": seal], proposals: [proposal]))
    }

    // MARK: Words

    private var serverKey: Bytes<32> {
        get throws {
            let secret = secret
            return try X25519.publicKey(of: secret.span)
        }
    }

    private func credential(_ identifier: String) throws -> OperatorCredential {
        let found = state.withLock { $0.credentials.first { $0.identifier == identifier } }
        guard let found else { throw Wrong(description: "no credential \(identifier)") }
        return found
    }

    private func check(_ text: String, _ message: [UInt8], _ credential: OperatorCredential) throws {
        let signature: Bytes<64> = try Hex.decode(text)
        let isValid = try Ed25519.isValid(signature, of: message.span, by: credential.signingKey)
        guard isValid else { throw Wrong(description: "a signature is wrong") }
    }

    private func json(_ value: some Encodable, status: Int = 200) throws -> ScriptedServer.Reply {
        .answer(status: status, body: String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
    }
}
