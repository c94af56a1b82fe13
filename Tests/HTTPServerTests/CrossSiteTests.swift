// SPDX-License-Identifier: Apache-2.0
import HTTPServer
import Testing

/// A web page in an operator's browser reaches a signer on the same machine under a name of the signer's own, with a request
/// that the browser sends unasked.
struct CrossSiteTests {
    private static let router = HTTPRouter<Int, Int>(
        hosts: HostAllowList(["localhost", "[::1]"]),
        routes: [
            Route(.post, "/sign", scope: 0) { _, _, _ in .text("signed") },
            Route(.delete, "/sign", scope: 0) { _, _, _ in .text("deleted") },
            Route(.get, "/sign", scope: 0) { _, _, _ in .text("looked") },
        ],
        gate: { _, _, _ in .allow(0) }
    )

    private static func answer(_ method: Method, _ fields: [(name: String, value: String)]) async -> Response {
        let headers = fields.contains { $0.name == "Host" } ? fields : [("Host", "localhost:9000")] + fields
        let head = RequestHead(method, "/sign", headers: headers)
        let admission = router.admit(head)
        if let answer = admission.answer(to: head) { return answer }
        guard case .proceed(_, _, _, let respond) = admission else { return .text("nothing") }
        return await respond(Request(head: head, body: []))
    }

    @Test(arguments: [
        [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")], [("sec-fetch-site", "CROSS-SITE")],
        [("Sec-Fetch-Site", "")], [("Sec-Fetch-Site", "whatever")],
        [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost:9000")],
        [("Origin", "https://evil.example")], [("Origin", "null")], [("Origin", "")], [("Origin", "localhost:9000")],
        [("Origin", "http://localhost")], [("Origin", "http://localhost:9001")],
        [("Origin", "http://localhost:9000.e")],
        [("Origin", "http://evil.example/localhost:9000")], [("Origin", "http://evil@localhost:9000")],
        [("Origin", "http://localhost:9000"), ("Origin", "https://evil.example")],
        [("Host", "localhost"), ("Origin", "http://localhost:9000")],
    ])
    func `what a page of elsewhere sends changes nothing, and may look`(_ fields: [(String, String)]) async {
        let fields = fields.map { (name: $0.0, value: $0.1) }
        for method in [Method.post, .delete] {
            let answer = await Self.answer(method, fields + [("Accept", "application/json")])
            #expect(answer.status == 403)
            #expect(String(decoding: answer.body, as: UTF8.self).contains("cross_site"))
        }
        #expect(await Self.answer(.get, fields).status == 200)
    }

    @Test(arguments: [
        [], [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://signer.example")],
        [("Origin", "http://localhost:9000")], [("Origin", "https://LOCALHOST:9000")],
        [("Host", "localhost"), ("Origin", "http://localhost")],
        [("Host", "localhost:80"), ("Origin", "http://localhost")],
        [("Host", "localhost:443"), ("Origin", "https://localhost")],
        [("Host", "[::1]:9000"), ("Origin", "http://[::1]:9000")],
    ])
    func `clients that are no browser, and pages of the signer itself, are answered`(
        _ fields: [(String, String)]
    ) async {
        #expect(await Self.answer(.post, fields.map { (name: $0.0, value: $0.1) }).status == 200)
    }

    @Test func `another Host is told first`() async {
        let answer = await Self.answer(.post, [("Host", "evil.example"), ("Origin", "http://evil.example")])
        #expect(String(decoding: answer.body, as: UTF8.self).contains("Host not authorized"))
    }
}
