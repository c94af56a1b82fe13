// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import SignerAPI

/// `api`: what the API can do, as a document.
enum APICommand {
    static func run(_ invocation: Invocation) {
        let document = APIDocument.whole(version: Program.version)
        Output.print(
            invocation.isSet("html")
                ? DocumentPage(document).html : String(decoding: document.node.encoded(isPretty: true), as: UTF8.self)
        )
    }
}
