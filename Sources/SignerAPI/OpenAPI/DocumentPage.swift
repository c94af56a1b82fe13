// SPDX-License-Identifier: Apache-2.0
internal import HTTPServer

/// The API document as one page: no script, nothing from elsewhere, readable in any browser and when printed.
package struct DocumentPage {
    private let document: APIDocument

    package init(_ document: APIDocument) { self.document = document }

    package var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Containment Chamber: API</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <header>
        <h1>Containment Chamber: API</h1>
        <p>Version \(HTML.escape(document.version)). As OpenAPI 3.1: <a href="/openapi.json">openapi.json</a>.</p>
        \(HTML.paragraphs(APIDocument.introduction))
        </header>
        <nav>
        \(document.tags.map(contents).joined(separator: "\n"))
        <p><a href="#codes">Codes of refusals</a></p>
        <p><a href="#schemas">Schemas</a></p>
        </nav>
        <main>
        \(document.tags.map(section).joined(separator: "\n"))
        <h2 id="codes">Codes of refusals</h2>
        \(codes)
        <h2 id="schemas">Schemas</h2>
        \(document.schemas.sorted { $0.name < $1.name }.map(schema).joined(separator: "\n"))
        </main>
        </body>
        </html>

        """
    }

    // MARK: Contents

    private func contents(_ tag: APIOperation.Tag) -> String {
        let links = operations(tag).map { operation in
            "<li><a href=\"#\(operation.identifier)\">\(HTML.escape(operation.title))</a> \(HTML.escape(operation.summary))</li>"
        }
        return "<h2>\(HTML.escape(tag.rawValue))</h2>\n<ul>\n\(links.joined(separator: "\n"))\n</ul>"
    }

    private func operations(_ tag: APIOperation.Tag) -> [APIOperation] { document.operations.filter { $0.tag == tag } }

    // MARK: Operations

    private func section(_ tag: APIOperation.Tag) -> String {
        "<h2>\(HTML.escape(tag.rawValue))</h2>\n\(HTML.paragraphs(tag.text))\n"
            + operations(tag).map(article).joined(separator: "\n")
    }

    private func article(_ operation: APIOperation) -> String {
        """
        <article id="\(operation.identifier)">
        <h3><code>\(HTML.escape(operation.title))</code></h3>
        <p><strong>\(HTML.escape(operation.summary)).</strong></p>
        \(HTML.paragraphs(operation.text))
        \(HTML.paragraphs(operation.scopeText))
        \(parameters(operation))
        \(operation.body.map(body) ?? "")
        \(answers(operation))
        </article>
        """
    }

    private func parameters(_ operation: APIOperation) -> String {
        guard !operation.parameters.isEmpty else { return "" }
        let rows = operation.parameters.map { parameter in
            let need = parameter.isRequired ? "" : ", optional"
            let (name, text) = (HTML.escape(parameter.name), HTML.text(parameter.text))
            return "<tr><td><code>\(name)</code></td><td>\(parameter.place.rawValue)\(need)</td>"
                + "<td>\(text) \(SchemaView.line(parameter.schema))</td></tr>"
        }
        return HTML.table(["Parameter", "Where", "What"], rows)
    }

    private func body(_ body: APIOperation.Body) -> String {
        "<p>Body: \(HTML.text(body.text)) \(SchemaView.line(body.schema))</p>"
    }

    private func answers(_ operation: APIOperation) -> String {
        var rows = operation.answers.map { answer in
            let contents = answer.contents.map { "\(HTML.escape($0.type)): \(SchemaView.line($0.schema))" }
            return
                "<tr><td>\(answer.status)</td><td>\(([HTML.text(answer.text)] + contents).joined(separator: "<br>"))</td></tr>"
        }
        for (status, codes) in operation.allRefusals {
            let lines = codes.map { "<code>\($0.code)</code> \(HTML.text($0.meaning))" }
            let host = status == 403 ? ["the Host is none that this signer answers to"] : []
            rows.append("<tr><td>\(status)</td><td>\((lines + host).joined(separator: "<br>"))</td></tr>")
        }
        return HTML.table(["Status", "Answer"], rows)
    }

    // MARK: Codes and schemas

    private var codes: String {
        let rows = ErrorCode.all(document.compatibility).map {
            "<tr><td>\($0.status)</td><td><code>\($0.code)</code></td><td>\(HTML.text($0.meaning))</td></tr>"
        }
        return HTML.table(["Status", "Code", "Meaning"], rows)
    }

    private func schema(_ name: String, _ schema: Schema) -> String {
        "<article id=\"schema-\(name)\"><h3><code>\(name)</code></h3>\(SchemaView.block(schema))</article>"
    }

    package static let style = """
        :root{color-scheme:light dark}
        body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
        code{font-family:ui-monospace,monospace;font-size:.9em}
        h2{margin-top:2.5rem;border-bottom:1px solid}
        article{margin:2rem 0}
        table{border-collapse:collapse;width:100%;margin:.5rem 0}
        th,td{border:1px solid #8888;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
        nav ul{padding-left:1.2rem}
        """
}

extension APIOperation {
    fileprivate var title: String { "\(method.name) \(path)" }
}

/// The little HTML that the page needs. Every text goes through `escape`.
enum HTML {
    static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    /// A text with `code` in it.
    static func text(_ text: String) -> String {
        escape(text).split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .map { place, part in place.isMultiple(of: 2) ? String(part) : "<code>\(part)</code>" }.joined()
    }

    static func paragraphs(_ text: String) -> String {
        text.split(separator: "\n\n").map { "<p>\(HTML.text(String($0)))</p>" }.joined(separator: "\n")
    }

    static func table(_ titles: [String], _ rows: [String]) -> String {
        let head = titles.map { "<th>\($0)</th>" }.joined()
        return "<table><thead><tr>\(head)</tr></thead><tbody>\n\(rows.joined(separator: "\n"))\n</tbody></table>"
    }
}
