// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import Crypto
internal import Encoding
internal import Foundation
package import HTTPServer

/// The routes that give the API document, as JSON and as a page. Both are made once and lie ready.
package struct DocumentRoutes: Sendable {
    private let json: Response
    private let page: Response

    /// - Parameters:
    ///   - routes: those that the document is about, of every port.
    ///   - version: of the program.
    package init(describing routes: [Route<Scope, Access>], version: String, compatibility: Compatibility) {
        let operations = APIOperation.all(compatibility, of: routes) + APIOperation.document
        let document = APIDocument(operations, version: version, compatibility: compatibility)
        json = .shared(document.node.encoded(), "application/json; charset=utf-8")
        var page = Response.shared(Array(DocumentPage(document).html.utf8), "text/html; charset=utf-8")
        page.headers = [
            .init("Content-Security-Policy", DocumentPage.contentSecurityPolicy),
            .init("X-Content-Type-Options", "nosniff"), .init("Referrer-Policy", "no-referrer"),
        ]
        self.page = page
    }

    package var routes: [Route<Scope, Access>] {
        [
            Route(atOnce: .get, "/openapi.json", scope: .apiDocument, produces: "application/json") { [json] _, _, _ in
                json
            },
            Route(atOnce: .get, "/docs", scope: .apiDocument, produces: "text/html") { [page] _, _, _ in page },
        ]
    }
}

extension Response {
    /// Strangers may ask for these, and need not read what they asked for.
    fileprivate static func shared(_ body: [UInt8], _ type: String) -> Response {
        Response(status: 200, contentType: type, body: body, shared: SharedBody(body))
    }
}

extension DocumentPage {
    /// Nothing may be loaded or run, and the page may not be framed; its one style sheet is named by its hash (CSP level
    /// 3, §6.7.3).
    package static let contentSecurityPolicy: String = {
        do throws(CryptoError) {
            let digest = try Digest.sha256(Array(style.utf8).span)
            let hash = Data(digest.array).base64EncodedString()
            return
                "default-src 'none'; style-src 'sha256-\(hash)'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        } catch {
            // Without the hash the page is shown without its style.
            return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        }
    }()
}
