// SPDX-License-Identifier: Apache-2.0
import Authorization
import HTTPServer
import Signer
import SignerAPI
import SignerState
import Telemetry
import TestSupport
import Testing

/// Admin actions and their two audit lines.
@Suite(.timeLimit(.minutes(1))) struct AuditedActionTests {
    private static let policy = #"{"name":"p","rules":[{"effect":"allow","scopes":["sign"]}]}"#

    private struct Place {
        let router: HTTPRouter<Scope, Access>
        let register: AccessRegister
        let trail: FakeTrail
    }

    /// - Parameter room: how many lines are taken.
    private static func place(room: Int? = nil) async throws -> Place {
        let folder = try TemporaryFolder()
        let authorizer = Authorizer(mode: .enforced, now: { 0 })
        let state = try SQLiteState(path: folder.file("state.sqlite"))
        let register = AccessRegister(store: state, authorizer: authorizer, now: { 0 }, withdraw: {})
        let trail = FakeTrail(room: room, keeping: folder)
        let routes = AccessRoutes(register: register, reader: try await register.start(), audit: trail)
        let router = HTTPRouter(routes: routes.routes) { _, _, _ in GateDecision<Access>.allow(.local) }
        return Place(router: router, register: register, trail: trail)
    }

    private static func outcomes(_ trail: FakeTrail) -> [String] {
        trail.events.map { event in
            switch event.outcome {
            case .begun: "begun"
            case .done: "done"
            case .refused(let code, _): "refused \(code)"
            case .failed(let code, _): "failed \(code)"
            }
        }
    }

    @Test func `an action has a line before it and one behind`() async throws {
        let place = try await Self.place()
        let answer = await place.router.answer(.post, "/api/v1/auth/policies", body: Self.policy)
        #expect(answer.status == 201)
        #expect(Self.outcomes(place.trail) == ["begun", "done"])
        let again = await place.router.answer(.post, "/api/v1/auth/policies", body: Self.policy)
        #expect(again.status == 409)
        #expect(Self.outcomes(place.trail).suffix(2) == ["begun", "refused already_exists"])
    }

    @Test func `looking leaves no line`() async throws {
        let place = try await Self.place(room: 0)
        #expect(await place.router.answer(.get, "/api/v1/auth/policies").status == 200)
        #expect(place.trail.events.isEmpty)
    }

    @Test func `without the first line nothing is done`() async throws {
        let place = try await Self.place(room: 0)
        let answer = await place.router.answer(.post, "/api/v1/auth/policies", body: Self.policy)
        #expect(answer.status == 503 && answer.text.contains("audit_unavailable"))
        #expect(answer.text.contains("nothing was done"))
        #expect(place.register.policies.isEmpty)
    }

    @Test func `without the last line the answer is an error that says what was done`() async throws {
        let place = try await Self.place(room: 1)
        let answer = await place.router.answer(.post, "/api/v1/auth/policies", body: Self.policy)
        #expect(answer.status == 500 && answer.text.contains("audit_incomplete"))
        #expect(answer.text.contains("THIS WAS DONE (policy p)"))
        #expect(place.register.policies.count == 1)
    }

    @Test func `without the last line of a refusal the answer says that nothing was done`() async throws {
        let place = try await Self.place(room: 1)
        let answer = await place.router.answer(.delete, "/api/v1/auth/policies/nobody")
        #expect(answer.status == 503 && answer.text.contains("this was not done"))
    }

    @Test func `a token whose last line is missing does not show its secret`() async throws {
        let place = try await Self.place(room: 3)
        _ = await place.router.answer(.post, "/api/v1/auth/policies", body: Self.policy)
        let answer = await place.router.answer(
            .post,
            "/api/v1/auth/tokens",
            body: #"{"name":"client","policies":["p"]}"#
        )
        #expect(answer.status == 500 && !answer.text.contains("cc_token_"))
        #expect(place.register.tokens.count == 1)
    }
}
