// SPDX-License-Identifier: Apache-2.0
import Authorization
import BLS
import Consensus
import Encoding
import Foundation
import HTTPServer
import SignerAPI
import SlashingProtection
import Testing

/// What the routes really answer, against the document.
@Suite struct AnswerSchemaTests {
    private static func router(
        _ access: AccessRoutes,
        _ services: SignerServices = .sample()
    ) -> HTTPRouter<Scope, Access> {
        let routes = services.signingRoutes + access.routes + access.administrationRoutes
        return HTTPRouter(routes: routes) { _, _, _ in .allow(.local) }
    }

    @Test func `health, reload and lists of keys are as described`() async throws {
        let (answers, access) = (try DescribedAnswers(), try await AccessRoutes.sample())
        let broken = SignerHealth(keysLoaded: 1, keyErrors: 1, strictKeys: true, protection: .suspended(reason: "full"))
        var status = ReloadStatus(state: .completedWithErrors)
        status.lastOperationTime = 1_700_000_000.25
        status.lastError = "one"
        for services in [
            SignerServices.sample(), .sample(reload: status, health: broken),
            .sample(reload: ReloadStatus(state: .running)),
        ] {
            let router = Self.router(access, services)
            for (method, path, identifier) in [
                (Method.get, "/upcheck", "upcheck"), (.get, "/healthcheck", "healthcheck"),
                (.post, "/reload", "reload"),
                (.get, "/reload", "showReload"), (.get, "/api/v1/eth2/publicKeys", "listPublicKeys"),
                (.get, "/api/v1/eth2/highWatermark", "showHighWatermark"),
            ] {
                for accept in [nil, "application/json", "text/plain", "image/png"] {
                    let answer = await router.answer(method, path, accept: accept)
                    let problems = try answers.problems(answer, to: identifier)
                    #expect(problems.isEmpty, "\(problems)")
                }
            }
        }
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"type":"NONE"}"#, #"{"type":"RANDAO_REVEAL","randao_reveal":{"epoch":"1"}}"#,
        #"{"type":"DEPOSIT","deposit":{"pubkey":"0x","amount":1}}"#,
    ])
    func `refusals of sign requests are as described`(body: String) async throws {
        let (answers, access) = (try DescribedAnswers(), try await AccessRoutes.sample())
        for accept in ["application/json", "text/plain"] {
            let path = "/api/v1/eth2/sign/0xab"
            let answer = await Self.router(access).answer(.post, path, accept: accept, body: body)
            #expect(answer.status >= 400)
            #expect(try answers.problems(answer, to: "sign").isEmpty)
        }
    }

    @Test func `policies and tokens are as described, made, shown, changed, refused and deleted`() async throws {
        let (answers, access) = (try DescribedAnswers(), try await AccessRoutes.sample())
        let router = Self.router(access)
        func ask(
            _ method: Method,
            _ path: String,
            _ identifier: String,
            _ status: Int,
            _ body: String = ""
        ) async throws -> Response {
            let answer = await router.answer(method, path, accept: "application/json", body: body)
            #expect(answer.status == status, "\(identifier): \(answer.text)")
            let problems = try answers.problems(answer, to: identifier)
            #expect(problems.isEmpty, "\(problems)")
            return answer
        }
        let key = "0x" + String(repeating: "ab", count: 48)
        let policy = """
            {"name":"vc","rules":[{"effect":"allow","scopes":["sign"],"keys":["\(key)"],"operations":["ATTESTATION"],\
            "source_cidrs":["10.0.0.0/8"]},{"effect":"deny"}]}
            """
        let token = #"{"name":"t","policies":["vc"],"ttl_seconds":60}"#
        let (policies, tokens) = ("/api/v1/auth/policies", "/api/v1/auth/tokens")
        _ = try await ask(.post, policies, "createPolicy", 201, policy)
        _ = try await ask(.post, policies, "createPolicy", 409, policy)
        _ = try await ask(.post, policies, "createPolicy", 400, #"{"name":"x","rules":[]}"#)
        _ = try await ask(.get, policies, "listPolicies", 200)
        _ = try await ask(.get, policies + "/vc", "showPolicy", 200)
        _ = try await ask(.get, policies + "/none", "showPolicy", 404)
        _ = try await ask(.put, policies + "/vc", "replacePolicy", 200, #"{"rules":[{"effect":"allow"}]}"#)
        _ = try await ask(.put, policies + "/none", "replacePolicy", 404, #"{"rules":[{"effect":"allow"}]}"#)
        let made = try await ask(.post, tokens, "createToken", 201, token)
        _ = try await ask(.post, tokens, "createToken", 400, #"{"name":"t","policies":["none"]}"#)
        _ = try await ask(.post, "/admin/v1/root-token", "createRootToken", 201, #"{"name":"r"}"#)
        _ = try await ask(.post, "/admin/v1/root-token", "createRootToken", 400, "{")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(made.body)) as? [String: Any])
        let one = tokens + "/\(try #require(object["id"] as? String))"
        _ = try await ask(.delete, policies + "/vc", "deletePolicy", 409)
        _ = try await ask(.get, tokens, "listTokens", 200)
        _ = try await ask(.get, one, "showToken", 200)
        _ = try await ask(.put, one, "replaceToken", 200, token)
        let kept = try await ask(.put, one, "replaceToken", 200, #"{"name":"u","policies":["vc"]}"#)
        #expect(kept.text.contains("expires_at"))
        let endless = try await ask(
            .put,
            one,
            "replaceToken",
            200,
            #"{"name":"u","policies":["vc"],"ttl_seconds":null}"#
        )
        #expect(!endless.text.contains("expires_at"))
        _ = try await ask(.post, tokens, "createToken", 400, #"{"name":"u","policies":["vc"],"ttl_seconds":null}"#)
        _ = try await ask(.post, one + "/revoke", "revokeToken", 200)
        _ = try await ask(.delete, one, "deleteToken", 204)
        _ = try await ask(.delete, one, "deleteToken", 404)
        _ = try await ask(.get, tokens + "/junk", "showToken", 404)
        _ = try await ask(.delete, policies + "/vc", "deletePolicy", 204)
    }

    @Test func `the key manager answers as described`() async throws {
        let (answers, access) = (try DescribedAnswers(), try await AccessRoutes.sample())
        let router = Self.router(access, .sample(hasKeyManager: true))
        let key = try Key(1)
        let keystore = try #require(
            String(
                data: try JSONSerialization.data(withJSONObject: key.keystore(), options: .fragmentsAllowed),
                encoding: .utf8
            )
        )
        for (method, identifier, body, status) in [
            (Method.get, "listKeystores", "", 200),
            (.post, "importKeystores", #"{"keystores":[\#(keystore)],"passwords":["password"]}"#, 200),
            (.post, "importKeystores", #"{"keystores":["{}"],"passwords":["x"]}"#, 200),
            (.post, "importKeystores", "{", 400), (.get, "listKeystores", "", 200),
            (.delete, "deleteKeystores", #"{"pubkeys":["\#(key.name)","junk"]}"#, 200),
            (.delete, "deleteKeystores", "[]", 400),
        ] {
            let answer = await router.answer(method, "/eth/v1/keystores", accept: "application/json", body: body)
            #expect(answer.status == status, "\(answer.text)")
            let problems = try answers.problems(answer, to: identifier)
            #expect(problems.isEmpty, "\(problems)")
        }
    }

    @Test func `a stranger is refused as described, and so is a name that is not ours`() async throws {
        let (answers, access) = (try DescribedAnswers(), try await AccessRoutes.sample())
        let gate = AccessGate(authorizer: Authorizer(mode: .enforced, now: { 0 }), tell: { _ in }, count: { _ in })
        let chamber = try await ChamberRig().start()
        let routes = SignerServices.sample(hasKeyManager: true).signingRoutes + access.routes + chamber.routes
        let router = HTTPRouter(routes: routes, gate: gate.decide)
        let open = HTTPRouter(hosts: HostAllowList(["signer"]), routes: routes, gate: gate.decide)
        for operation in APIOperation.all() where operation.scope.audience == .granted {
            let path = operation.path.replacing(/\{[^}]+\}/, with: "0011223344556677")
            for accept in ["application/json", "text/plain"] {
                // An address that shows nothing many times is soon told to wait: that is described too.
                for router in [router, open] {
                    let answer = await router.answer(operation.method, path, accept: accept)
                    #expect([401, 403, 429].contains(answer.status))
                    #expect(try answers.problems(answer, to: operation.identifier).isEmpty)
                }
            }
        }
    }

    @Test func `what the record answers is as described`() throws {
        let answers = try DescribedAnswers()
        var report = ImportReport(dryRun: true)
        report.validators = [.init(publicKey: "0x" + String(repeating: "ab", count: 48), outcome: .failed, reason: "r")]
        report.unreadable = [UnreadableElement(position: 1, publicKey: nil, reason: "r")]
        var verified = VerificationReport()
        verified.findings = [HistoryFinding(publicKey: nil, .warning, problem: "p")]
        let status = RecordStatus(
            backend: "sqlite",
            path: "p",
            schemaVersion: 1,
            genesisValidatorsRoot: "\(Root.zero)",
            validators: 1,
            disabled: 0,
            highWatermark: HighWatermark(slot: 1, epoch: 2),
            health: .ready
        )
        let outline = RecordOutline(genesisValidatorsRoot: .zero, validators: [])
        let interchange = Interchange(genesisValidatorsRoot: .zero, validators: [])
        let cases: [(AdministrativeAnswer, String)] = [
            (.taken(report), "importHistories"), (.outline(outline), "listValidators"),
            (.given(interchange), "exportHistories"), (.verified(verified), "verifyHistories"),
            (.pruned(PruningReport()), "prune"), (.status(status), "showRecord"), (.watermark(nil), "watermark"),
            (.watermark(HighWatermark(slot: 1, epoch: 2)), "watermark"), (.raised(validators: 3), "watermark"),
            (.counted(RecordCount()), "countHistories"), (.changed(EnablingReport()), "disableValidators"),
            (.changed(EnablingReport()), "enableValidators"), (.disabled([]), "listDisabledValidators"),
            (
                .disabled([
                    DisabledValidator(RecordIdentity(PublicKey(Bytes())), by: nil),
                    DisabledValidator(
                        RecordIdentity(PublicKey(Bytes())),
                        by: FloorInstance(identifier: Bytes(), name: "n")
                    ),
                ]), "listDisabledValidators"
            ),
        ]
        for (answer, identifier) in cases {
            let problems = try answers.problems(RecordAdministration.encode(answer), ofTask: identifier)
            #expect(problems.isEmpty, "\(problems)")
        }
    }
}
