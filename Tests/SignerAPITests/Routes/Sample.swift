// SPDX-License-Identifier: Apache-2.0
import Consensus
import HTTPServer
import Signer
import SignerAPI
import SlashingProtection
import Telemetry

extension SignerServices {
    /// The services of a signer without keys, over no record.
    static func sample(
        reload: ReloadStatus = ReloadStatus(),
        health: SignerHealth = SignerHealth(keysLoaded: 0, keyErrors: 0, strictKeys: false, protection: .ready),
        hasRecord: Bool = true
    ) -> SignerServices {
        let network = KnownNetwork.hoodi.network
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
            audit: { _ in }
        )
    }
}

private struct FixedReload: KeyReloading {
    let status: ReloadStatus
    func begin() -> Bool { status.state != .running }
}

extension HTTPRouter {
    /// What a request would be answered, without a socket.
    func answer(_ method: Method, _ path: String, accept: String? = nil, body: String = "") async -> Response {
        var headers = [(name: "Host", value: "localhost")]
        if let accept { headers.append((name: "Accept", value: accept)) }
        let head = RequestHead(method, path, headers: headers, contentLength: body.utf8.count)
        switch admit(head) {
        case .answer(let response): return response
        case .proceed(_, let respond): return await respond(Request(head: head, body: Array(body.utf8)))
        }
    }
}

extension Response {
    var text: String { String(decoding: body, as: UTF8.self) }
}
