// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import HTTPServer

extension APIOperation {
    static let health: [APIOperation] = [
        APIOperation(
            .get,
            "/upcheck",
            scope: .health,
            tag: .health,
            "upcheck",
            "Say that the process lives",
            text: "Answered at once, whatever else is busy.",
            answers: [.plain(.words(["OK"]), "It lives.")],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .get,
            "/healthcheck",
            scope: .health,
            tag: .health,
            "healthcheck",
            "Say whether it can sign",
            answers: [
                .json(SignerHealth.Document.schema, "It can sign."),
                .json(SignerHealth.Document.schema, "It cannot sign; the checks say why.", status: 503),
            ]
        ),
    ]

    static let metrics: [APIOperation] = [
        APIOperation(
            .get,
            "/metrics",
            scope: .metrics,
            on: .metrics,
            tag: .metrics,
            "metrics",
            "Give the metrics",
            answers: [.plain(.text(), "The exposition format of Prometheus, version 0.0.4.")]
        )
    ]

    static let document: [APIOperation] = [
        APIOperation(
            .get,
            "/openapi.json",
            scope: .apiDocument,
            tag: .document,
            "openapi",
            "Give this document",
            answers: [.json(.object([], isClosed: false), "OpenAPI 3.1, of the routes that this signer serves.")],
            isStrictAboutAccept: true
        ),
        APIOperation(
            .get,
            "/docs",
            scope: .apiDocument,
            tag: .document,
            "docs",
            "Show this document as a page",
            text: "Without scripts, and without anything from another host.",
            answers: [.plain(.text(), "The page.", type: "text/html")],
            isStrictAboutAccept: true
        ),
    ]
}
