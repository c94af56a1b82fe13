// SPDX-License-Identifier: Apache-2.0
import Authorization
import Concurrency
import Consensus
import HTTPServer
import Keystores
import Secrets
import Signer
import SignerAPI
import SignerState
import SlashingProtection
import Telemetry
import TestSupport

extension SignerServices {
    /// The services of a signer without keys, over no record.
    static func sample(
        reload: ReloadStatus = ReloadStatus(),
        health: SignerHealth = SignerHealth(keysLoaded: 0, keyErrors: 0, strictKeys: false, protection: .ready),
        hasRecord: Bool = true,
        hasKeyManager: Bool = false
    ) -> SignerServices {
        let network = KnownNetwork.hoodi.network
        let keyManager = KeyManager(
            keyring: Keyring(),
            authority: Authority(),
            protection: SlashingProtection(store: NoopStore()),
            opener: KeystoreOpener(arena: SecretArena()),
            genesisValidatorsRoot: .zero,
            keysChanged: {}
        )
        let signer = Signer(
            network: network,
            genesisValidatorsRoot: network.genesisValidatorsRoot ?? .zero,
            keyring: Keyring(),
            protection: SlashingProtection(store: NoopStore()),
            authority: Authority(),
            lanes: SigningLanes(limit: 16, threads: 1),
            witness: SilentWitness()
        )
        return SignerServices(
            signer: signer,
            reader: SignRequestReader(network: network),
            compatibility: Compatibility(),
            reloading: FixedReload(status: reload),
            health: { health },
            metrics: { "" },
            hasRecord: hasRecord,
            keyManager: hasKeyManager ? KeyManagerRoutes(keyManager, .init(), audit: FakeTrail()) : nil,
            audit: FakeTrail()
        )
    }
}

extension AccessRoutes {
    /// Over an empty state of its own.
    static func sample(_ authorizer: Authorizer = Authorizer(mode: .enforced, now: { 0 })) async throws -> AccessRoutes
    {
        let folder = try TemporaryFolder()
        let state = try SQLiteState(path: folder.file("state.sqlite"))
        let register = AccessRegister(store: state, authorizer: authorizer, now: { 0 }, withdraw: {})
        return AccessRoutes(register: register, reader: try await register.start(), audit: FakeTrail(keeping: folder))
    }
}

/// Takes every line, or fails as it is told.
final class FakeTrail: AuditTrail {
    private struct State {
        var events: [AuditEvent] = []
        /// How many more lines are taken; nil for any number.
        var room: Int?
    }
    private let state: Lock<State>
    private let folder: TemporaryFolder?

    init(room: Int? = nil, keeping folder: TemporaryFolder? = nil) {
        state = Lock(State(room: room))
        self.folder = folder
    }

    var events: [AuditEvent] { state.withLock { $0.events } }

    func record(_ event: AuditEvent) async throws(AuditUnavailable) {
        let isTaken = state.withLock { state in
            guard state.room != 0 else { return false }
            state.room = state.room.map { $0 - 1 }
            state.events.append(event)
            return true
        }
        if !isTaken { throw AuditUnavailable("the disk is full") }
    }

    func post(_ event: AuditEvent) { state.withLock { $0.events.append(event) } }

    var hindrance: AuditUnavailable? { nil }
}

struct SilentWitness: SigningWitness {
    var hindrance: String? { nil }
    func witness(_ attempt: SigningAttempt) async -> SigningOutcome { attempt.outcome }

    func refusedUnread() {}
}

private struct FixedReload: KeyReloading {
    let status: ReloadStatus
    func begin() -> Bool { status.state != .running }
}

extension HTTPRouter {
    /// What a request would be answered, without a socket.
    func answer(
        _ method: Method,
        _ path: String,
        accept: String? = nil,
        body: String = "",
        peer: PeerAddress = .local,
        credential: Credential = .none
    ) async -> Response {
        var headers = [(name: "Host", value: "localhost")]
        if let accept { headers.append((name: "Accept", value: accept)) }
        let head = RequestHead(
            method,
            path,
            headers: headers,
            contentLength: body.utf8.count,
            peer: peer,
            credential: credential
        )
        let admission = admit(head)
        guard case .proceed(_, _, _, let respond) = admission else {
            return admission.answer(to: head) ?? Response(status: 0)
        }
        return await respond(Request(head: head, body: Array(body.utf8)))
    }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }
}
