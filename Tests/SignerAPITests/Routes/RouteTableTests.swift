// SPDX-License-Identifier: Apache-2.0
import Authorization
import Consensus
import HTTPServer
import Signer
import SignerAPI
import SlashingProtection
import Telemetry
import Testing

/// The tables of routes, without a socket.
@Suite struct RouteTableTests {
    private let services = SignerServices.sample(hasKeyManager: true)

    private var all: [Route<Scope, Access>] {
        services.signingRoutes + services.metricsRoutes + services.administrationRoutes
    }

    @Test func `the signing port has the routes of Web3Signer, each with its scope`() {
        let table = Dictionary(
            uniqueKeysWithValues: services.signingRoutes.map { ("\($0.method) \($0.pattern)", $0.scope) }
        )
        #expect(
            table == [
                "GET /upcheck": .health, "GET /healthcheck": .health, "POST /api/v1/eth2/sign/:identifier": .sign,
                "GET /api/v1/eth2/publicKeys": .publicKeys, "GET /api/v1/eth2/highWatermark": .highWatermark,
                "POST /reload": .reload, "GET /reload": .reload, "GET /eth/v1/keystores": .listKeys,
                "POST /eth/v1/keystores": .importKeystores, "DELETE /eth/v1/keystores": .deleteKeys,
            ]
        )
    }

    @Test func `the key manager API is there only where it is switched on`() {
        #expect(SignerServices.sample().signingRoutes.allSatisfy { !"\($0.pattern)".hasPrefix("/eth/") })
    }

    @Test func `administration is on its own port and nowhere else`() {
        #expect(services.administrationRoutes.count == RecordAdministration.Command.allCases.count)
        #expect(services.administrationRoutes.allSatisfy { $0.scope == .recordAdministration })
        let reachable = services.signingRoutes + services.metricsRoutes
        #expect(reachable.allSatisfy { $0.scope != .recordAdministration })
        #expect(services.metricsRoutes.map(\.scope) == [.metrics])
    }

    @Test func `every scope has a route`() async throws {
        let access = try await AccessRoutes.sample()
        let document = DocumentRoutes(describing: [], version: "1", compatibility: Compatibility())
        let audit = AuditRoutes { nil }
        let chamber = try await ChamberRig().start()
        let routes =
            all + access.routes + access.administrationRoutes + document.routes + audit.routes + chamber.routes
            + chamber.administrationRoutes
        #expect(Set(routes.map(\.scope)) == Set(Scope.allCases))
    }

    @Test func `policies and tokens are managed on the signing port, the first token made on the admin socket`()
        async throws
    {
        let access = try await AccessRoutes.sample()
        #expect(access.routes.allSatisfy { $0.scope == .authRead || $0.scope == .authWrite })
        for route in access.routes { #expect((route.scope == .authRead) == (route.method == .get), "\(route.pattern)") }
        #expect(access.administrationRoutes.allSatisfy { $0.scope == .rootToken })
    }

    @Test func `no two routes are the same`() {
        let names = all.map { "\($0.method) \($0.pattern)" }
        #expect(Set(names).count == names.count)
    }

    @Test func `without a record there is no high watermark`() {
        let routes = SignerServices.sample(hasRecord: false, hasKeyManager: true).signingRoutes
        #expect(!routes.contains { $0.scope == .highWatermark })
        #expect(routes.count == services.signingRoutes.count - 1)
    }

    @Test func `a gate that lets nobody pass closes every route`() async {
        for routes in [services.signingRoutes, services.metricsRoutes, services.administrationRoutes] {
            let router = HTTPRouter(routes: routes) { _, _, _ in
                .refuse(Response(status: 401, contentType: nil, body: []))
            }
            for route in routes {
                let path = "\(route.pattern)".replacing(":identifier", with: "0xab")
                let answer = await router.answer(route.method, path)
                #expect(answer.status == 401, "\(route.method) \(path)")
            }
        }
    }

    @Test func `every gate is asked with the scope that the table names`() async {
        let router = HTTPRouter(routes: services.signingRoutes) { scope, _, _ in
            .refuse(Response(status: 401, contentType: nil, body: Array(scope.rawValue.utf8)))
        }
        for route in services.signingRoutes {
            let path = "\(route.pattern)".replacing(":identifier", with: "0xab")
            let answer = await router.answer(route.method, path)
            #expect(answer.text == route.scope.rawValue)
        }
    }

    // MARK: Answers

    private func answer(
        _ method: Method,
        _ path: String,
        accept: String? = nil,
        body: String = "",
        _ services: SignerServices = .sample()
    ) async -> Response {
        let routes = services.signingRoutes
        return await HTTPRouter(routes: routes) { _, _, _ in .allow(.local) }
            .answer(method, path, accept: accept, body: body)
    }

    @Test(arguments: ["", "{}", #"{"type":"NO_SUCH_TYPE"}"#, #"{"type":"PROOF_OF_VALIDATION"}"#])
    func `an unknown type is refused, whoever asks`(body: String) async {
        let refused = await answer(.post, "/api/v1/eth2/sign/0xab", accept: "application/json", body: body)
        #expect(refused.status == 400)
        #expect(refused.contentType == "application/json; charset=utf-8")
        #expect(refused.text.wholeMatch(of: /\{"error":\{"code":"[a-z_]+","message":".+"\}\}/) != nil)
        let text = await answer(.post, "/api/v1/eth2/sign/0xab", body: body)
        #expect(text.status == 400 && text.text == "Bad Request" && text.contentType == "text/plain; charset=utf-8")
    }

    @Test(arguments: [ReloadStatus.State.idle, .running, .completed, .completedWithErrors, .failed])
    func `the state of a reload is told in Web3Signer's words`(state: ReloadStatus.State) async {
        var status = ReloadStatus(state: state)
        if state == .idle {
            #expect(await answer(.get, "/reload", .sample(reload: status)).text == #"{"status":"idle"}"#)
            return
        }
        status.lastOperationTime = 1_700_000_000.25
        status.lastError = state == .completedWithErrors ? "Reload completed with 1 signer loading error(s)" : nil
        let error = status.lastError.map { #""lastError":"\#($0)","# } ?? ""
        let text = await answer(.get, "/reload", .sample(reload: status)).text
        #expect(text == #"{\#(error)"lastOperationTime":"2023-11-14T22:13:20.250Z","status":"\#(state.rawValue)"}"#)
    }

    @Test func `a reload is accepted once`() async {
        let accepted = await answer(.post, "/reload")
        #expect(accepted.status == 202 && accepted.text.contains(#""status":"accepted""#))
        let busy = await answer(.post, "/reload", .sample(reload: ReloadStatus(state: .running)))
        #expect(busy.status == 409 && busy.text.contains(#""status":"error""#))
    }

    @Test(arguments: [
        (SignerHealth(keysLoaded: 2, keyErrors: 0, strictKeys: true, protection: .ready), 200),
        (SignerHealth(keysLoaded: 2, keyErrors: 1, strictKeys: false, protection: .ready), 200),
        (SignerHealth(keysLoaded: 2, keyErrors: 1, strictKeys: true, protection: .ready), 503),
        (SignerHealth(keysLoaded: 0, keyErrors: 0, strictKeys: false, protection: nil), 200),
        (
            SignerHealth(
                keysLoaded: 2,
                keyErrors: 0,
                strictKeys: false,
                protection: .suspended(reason: "no \"space\"")
            ), 503
        ),
        (SignerHealth(keysLoaded: 2, keyErrors: 0, strictKeys: false, protection: .rewriting(reason: "sync")), 503),
        (SignerHealth(keysLoaded: 2, keyErrors: 0, strictKeys: false, protection: .unusable(reason: "damage")), 503),
        (SignerHealth(keysLoaded: 2, keyErrors: 0, strictKeys: false, protection: .ready, isDraining: true), 503),
    ])
    func `health is about being able to sign`(health: SignerHealth, status: Int) async {
        let answer = await answer(.get, "/healthcheck", .sample(health: health))
        #expect(answer.status == status)
        #expect(answer.text.contains(#""outcome":"\#(status == 200 ? "UP" : "DOWN")""#))
        #expect(answer.contentType?.hasPrefix("application/json") == true)
    }
}
