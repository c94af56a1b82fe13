// SPDX-License-Identifier: Apache-2.0
import HTTPServer
import Testing

private enum Access: String { case anyone, signer, administrator }

/// Routes whose answer names the route, the place in its path and the caller.
private let router = HTTPRouter<Access, String>(
    hosts: HostAllowList(["localhost"]),
    routes: [
        Route(.post, "/api/v1/eth2/sign/:identifier", scope: .signer) { request, path, caller in
            .text("sign \(path["identifier"]) \(caller) \(request.body.count)")
        },
        Route(atOnce: .get, "/api/v1/eth2/sign/all", scope: .anyone) { _, _, _ in .text("all") },
        Route(atOnce: .get, "/upcheck", scope: .anyone, produces: "text/plain") { _, _, _ in .text("OK") },
        Route(.get, "/reload", scope: .administrator) { _, _, _ in .text("state") },
        Route(.post, "/reload", scope: .administrator, bodyLimit: 5) { _, _, _ in .text("begun") },
        Route(.get, "/wallets/:wallet/keys/:key", scope: .anyone) { _, path, _ in
            .text("\(path["wallet"])+\(path["key"])")
        },
    ],
    gate: { scope, head, _ in
        if scope == .anyone || head.value(of: "x-role") == scope.rawValue { return .allow("as \(scope.rawValue)") }
        return .refuse(.text("denied", status: 403))
    }
)

/// Runs a head through the router as the server would, without a socket.
private func answer(
    _ method: Method,
    _ target: String,
    _ headers: [(name: String, value: String)] = [],
    body: [UInt8] = []
) async -> Response {
    let head = RequestHead(method, target, headers: [("Host", "localhost")] + headers, contentLength: body.count)
    let admission = router.admit(head)
    switch admission {
    case .answer, .refuse, .refused: return admission.answer(to: head) ?? Response(status: 0)
    case .proceed(let limit, _, _, let respond):
        if let limit, body.count > limit { return Response(status: 413) }
        return await respond(Request(head: head, body: body))
    }
}

struct RouterTests {
    @Test func `a route gets its place in the path, the caller and the body`() async {
        let response = await answer(.post, "/api/v1/eth2/sign/0xAb?x=1", [("X-Role", "signer")], body: [1, 2])
        #expect(response.status == 200)
        #expect(String(decoding: response.body, as: UTF8.self) == "sign 0xAb as signer 2")
    }

    @Test func `several places are told apart`() async {
        let response = await answer(.get, "/wallets/my%20wallet/keys/%E2%82%AC")
        #expect(String(decoding: response.body, as: UTF8.self) == "my wallet+€")
    }

    @Test func `a fixed segment wins over a place`() async {
        #expect(await answer(.get, "/api/v1/eth2/sign/all").body == Array("all".utf8))
        let other = await answer(.post, "/api/v1/eth2/sign/all", [("X-Role", "signer")])
        #expect(other.status == 405)
    }

    @Test func `without the scope's grant the gate answers`() async {
        #expect(await answer(.post, "/api/v1/eth2/sign/0xab").status == 403)
        #expect(await answer(.get, "/reload", [("X-Role", "signer")]).status == 403)
        #expect(await answer(.get, "/reload", [("X-Role", "administrator")]).status == 200)
    }

    @Test(arguments: [
        "/", "/nothing", "/upcheck/", "/upcheck/x", "//upcheck", "/Upcheck", "/api/v1/eth2/sign", "/api/v1/eth2/sign/",
        "/api/v1/eth2/sign/a/b", "/api/v1/eth2/x/../sign/a", "/api/v1/eth2/./sign/a", "/wallets/../keys/a",
        "/wallets/%2e%2e/keys/a", "/wallets/%2E/keys/a", "/wallets/a%2fb/keys/a", "/wallets/a%5cb/keys/a",
        "/wallets/a%00/keys/a", "/wallets/a%0a/keys/a", "/wallets/%/keys/a", "/wallets/%4/keys/a",
        "/wallets/%zz/keys/a",
        "/wallets/%ff/keys/a", "/upcheck;x=1", "/%2Fupcheck",
    ])
    func `a path that is no route, or has two readings, is not found`(_ path: String) async {
        #expect(await answer(.get, path).status == 404)
    }

    @Test func `percent-encoding is undone once`() async {
        #expect(await answer(.get, "/%75pcheck").status == 200)
        #expect(await answer(.get, "/%2575pcheck").status == 404)
        let response = await answer(.get, "/wallets/%252e%252e/keys/a+b")
        #expect(String(decoding: response.body, as: UTF8.self) == "%2e%2e+a+b")
    }

    @Test(arguments: ["PUT", "DELETE", "HEAD", "OPTIONS", "get", "TRACE"])
    func `another method is refused with the list of those there are`(_ method: String) async {
        let response = await answer(Method(method), "/reload")
        #expect(response.status == 405)
        #expect(response.headers.contains(.init("Allow", "GET, POST")))
    }

    @Test func `the limit of a route on its body holds`() async {
        #expect(await answer(.post, "/reload", [("X-Role", "administrator")], body: [1, 2, 3, 4, 5]).status == 200)
        #expect(await answer(.post, "/reload", [("X-Role", "administrator")], body: [1, 2, 3, 4, 5, 6]).status == 413)
    }

    @Test func `a route that produces text is not acceptable for JSON alone`() async {
        #expect(await answer(.get, "/upcheck", [("Accept", "application/json")]).status == 406)
        for accept in ["*/*", "text/*", "text/plain", "TEXT/PLAIN;q=0", "application/json, text/plain", ""] {
            #expect(await answer(.get, "/upcheck", [("Accept", accept)]).status == 200)
        }
        #expect(await answer(.get, "/upcheck").status == 200)
    }

    @Test func `refusals are JSON for those who accept it and text for others`() async {
        let json = await answer(.get, "/nothing", [("Accept", "application/json")])
        #expect(
            String(decoding: json.body, as: UTF8.self) == #"{"error":{"code":"not_found","message":"no such path"}}"#
        )
        #expect(json.contentType == "application/json; charset=utf-8")
        let text = await answer(.get, "/nothing")
        #expect(String(decoding: text.body, as: UTF8.self) == "no such path")
        #expect(text.contentType == "text/plain; charset=utf-8")
    }

    @Test func `a table with two routes for the same requests is a mistake`() async {
        await #expect(processExitsWith: .failure) {
            _ = HTTPRouter<Bool, Bool>(
                routes: [
                    Route(.get, "/a/:one", scope: true) { _, _, _ in .text("") },
                    Route(.get, "/a/:two", scope: true) { _, _, _ in .text("") },
                ],
                gate: { _, _, _ in .allow(true) }
            )
        }
    }

    @Test func `an unlisted Host is refused before anything else`() async {
        let head = RequestHead(.get, "/nothing", headers: [("Host", "evil.example")])
        guard let response = router.admit(head).answer(to: head) else {
            Issue.record("it went on")
            return
        }
        #expect(response.status == 403)
        #expect(response.contentType == "application/json; charset=utf-8")
        #expect(String(decoding: response.body, as: UTF8.self) == #"{"message":"Host not authorized."}"#)
    }
}

private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

struct HostAllowListTests {
    @Test(arguments: [
        ("localhost", true), ("LOCALHOST", true), ("localhost:9000", true), ("127.0.0.1", true), ("127.0.0.1:1", true),
        ("[::1]", true), ("[::1]:9000", true), ("", false), ("evil.example", false), ("localhost.evil.example", false),
        ("127.0.0.2", false), ("localhost:", true), ("localhost:x", false), ("localhost:1:2", false), (":9000", false),
        ("::1", false), ("[::1", false), ("[::1]x", false), ("localhost@evil", false), ("[::2]", false),
        ("localhost.", false),
    ])
    func `the list of this machine admits its names with any port`(_ host: String, _ isAdmitted: Bool) {
        #expect(HostAllowList.loopback.admits(bytes(host)) == isAdmitted)
    }

    @Test(arguments: [["*"], ["all"], ["ALL"], ["localhost", "*"]])
    func `a star or all admits any name`(_ entries: [String]) {
        #expect(HostAllowList(entries).admits(bytes("evil.example")))
        #expect(!HostAllowList(entries).admits(bytes("")))
    }

    @Test(arguments: [["none"], ["NONE"], []])
    func `none and an empty list admit nobody`(_ entries: [String]) {
        #expect(!HostAllowList(entries).admits(bytes("localhost")))
        #expect(!HostAllowList(entries).admits(bytes("none:1")))
    }

    @Test func `entries are compared without case, blanks and missing brackets`() {
        let list = HostAllowList([" Signer.Internal ", "2001:db8::1"])
        #expect(list.admits(bytes("signer.internal:9000")))
        #expect(list.admits(bytes("[2001:DB8::1]:9000")))
    }

    @Test func `an absent Host is 400, an empty one 403`() {
        #expect(HostAllowList.loopback.refusal(of: RequestHead(.get, "/a"))?.status == 400)
        let empty = RequestHead(.get, "/a", headers: [("Host", "")])
        #expect(HostAllowList.loopback.refusal(of: empty)?.status == 403)
        #expect(HostAllowList(["*"]).refusal(of: empty)?.status == 403)
    }
}

struct ContentNegotiationTests {
    @Test(arguments: [
        ("application/json", true), ("*/*", true), ("Application/JSON", true),
        ("text/html, application/json;q=0.1", true),
        ("text/plain;q=1,*/*;q=0", true), ("application/*", false), ("text/plain", false), ("", false),
        ("application/json-patch+json", false), ("xapplication/json", false),
    ])
    func `JSON is sent to those who name it or take anything`(_ accept: String, _ isJSON: Bool) {
        #expect(RequestHead(.post, "/a", headers: [("accept", accept)]).acceptsJSON == isJSON)
    }

    @Test func `several Accept fields count together and none means text`() {
        let two = RequestHead(.post, "/a", headers: [("Accept", "text/plain"), ("Accept", "application/json")])
        #expect(two.acceptsJSON)
        #expect(!RequestHead(.post, "/a").acceptsJSON)
    }
}
