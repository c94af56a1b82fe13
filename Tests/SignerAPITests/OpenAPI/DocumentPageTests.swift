// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Foundation
import HTTPServer
import SignerAPI
import Testing

@Suite struct DocumentPageTests {
    private let html = DocumentPage(APIDocument.whole(version: "1.2.3")).html

    @Test func `the page runs nothing and loads nothing`() {
        for word in [
            "<script", "<img", "<link", "<iframe", "<object", "@import", "url(", "src=", "onclick", "javascript:",
        ] {
            #expect(!html.contains(word), "\(word)")
        }
        #expect(html.matches(of: /href="([^"]*)"/).allSatisfy { $0.1.hasPrefix("#") || $0.1 == "/openapi.json" })
        #expect(html.matches(of: /style=/).isEmpty)
    }

    @Test func `every operation, code and schema is on it, and every link on it leads somewhere`() {
        for operation in APIOperation.all() { #expect(html.contains("<article id=\"\(operation.identifier)\">")) }
        for code in ErrorCode.all() { #expect(html.contains("<td>\(code.status)</td><td><code>\(code.code)</code>")) }
        let places = Set(html.matches(of: /id="([^"]*)"/).map { String($0.1) })
        for link in html.matches(of: /href="#([^"]*)"/) { #expect(places.contains(String(link.1)), "\(link.1)") }
        #expect(places.count == html.matches(of: /id="([^"]*)"/).count)
    }

    @Test func `elements are closed in the order in which they were opened`() {
        var open: [String] = []
        for tag in html.matches(of: /<(\/?)([a-z0-9]+)[^>]*>/) {
            let name = String(tag.2)
            if ["meta", "br"].contains(name) { continue }
            if tag.1.isEmpty {
                open.append(name)
            } else {
                #expect(open.popLast() == name)
            }
        }
        #expect(open.isEmpty)
    }

    @Test func `a browser is told to run nothing, and to take only the style of the page`() async throws {
        let routes = DocumentRoutes(describing: [], version: "<1>&\"", compatibility: Compatibility()).routes
        let answer = await HTTPRouter(routes: routes) { _, _, _ in .allow(.local) }.answer(.get, "/docs")
        #expect(answer.status == 200 && answer.contentType == "text/html; charset=utf-8")
        #expect(answer.text.contains("&lt;1&gt;&amp;&quot;"))
        let policy = try #require(answer.headers.first { $0.name == "Content-Security-Policy" }).value
        #expect(policy.hasPrefix("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("script-src"))
        let style = try #require(answer.text.firstMatch(of: /<style>([^<]*)<\/style>/))
        let digest = try Digest.sha256(Array(style.1.utf8).span)
        #expect(policy.contains("style-src 'sha256-\(Data(digest.array).base64EncodedString())'"))
    }

    @Test func `who takes no page is told so`() async {
        let routes = DocumentRoutes(describing: [], version: "1", compatibility: Compatibility()).routes
        let router = HTTPRouter(routes: routes) { _, _, _ in .allow(.local) }
        #expect(await router.answer(.get, "/docs", accept: "application/json").status == 406)
        #expect(await router.answer(.get, "/openapi.json", accept: "text/html").status == 406)
        #expect(await router.answer(.post, "/docs").status == 405)
    }
}
