// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The document as the program prints and serves it.
@Suite(.timeLimit(.minutes(8))) struct APIDocumentTests {
    @Test func `the command prints everything there is, as JSON and as a page`() async throws {
        let printed = try await Chamber.run(["api"])
        #expect(printed.exitCode == 0 && printed.errors.isEmpty)
        let document = try JSONSerialization.jsonObject(with: Data(printed.output.utf8)) as? [String: Any]
        #expect(document?["openapi"] as? String == "3.1.0")
        let paths = try #require(document?["paths"] as? [String: Any])
        #expect(paths["/metrics"] != nil && paths["/admin/v1/anti-slashing/status"] != nil)
        let page = try await Chamber.run(["api", "--html"])
        #expect(page.exitCode == 0 && page.output.hasPrefix("<!DOCTYPE html>"))
    }

    @Test func `a signer gives its document and its page to anybody, and only by GET`() async throws {
        let signer = try await RunningSigner.start(in: Workplace(settings: "auth: {mode: enforced}"))
        let document = try await signer.get("/openapi.json")
        #expect(document.status == 200 && document.headers["content-type"]?.hasPrefix("application/json") == true)
        #expect((document.object["paths"] as? [String: Any])?["/api/v1/auth/tokens"] != nil)
        let page = try await signer.get("/docs", ["Accept: text/html,application/xhtml+xml;q=0.9"])
        #expect(page.status == 200 && page.headers["content-type"]?.hasPrefix("text/html") == true)
        #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
        for path in ["/openapi.json", "/docs"] {
            let refused = try await signer.send("POST", path, body: "{}")
            #expect(refused.status == 405 && refused.headers["allow"] == "GET")
            #expect(try await signer.send("GET", path, host: "evil.example").status == 403)
        }
        #expect(await signer.stop() == 0)
    }
}
