// SPDX-License-Identifier: Apache-2.0
import Authorization
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
            observe: { _ in }
        )
        return SignerServices(
            signer: signer,
            reader: SignRequestReader(network: network),
            compatibility: Compatibility(),
            reloading: FixedReload(status: reload),
            health: { health },
            metrics: { "" },
            hasRecord: hasRecord,
            keyManager: hasKeyManager ? KeyManagerRoutes(keyManager, .init()) { _ in } : nil,
            audit: { _ in }
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
        return AccessRoutes(register: register, reader: try await register.start()) { _ in
            withExtendedLifetime(folder) {}
        }
    }
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
        switch admit(head) {
        case .answer(let response): return response
        case .proceed(_, _, let respond): return await respond(Request(head: head, body: Array(body.utf8)))
        }
    }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }
}
