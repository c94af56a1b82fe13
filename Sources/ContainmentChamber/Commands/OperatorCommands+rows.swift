// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import SignerAPI

/// Rows of policies, tokens and bound certificates that are not what the signers wrote.
extension OperatorCommands {
    struct RefusedRowDocument: Decodable {
        let name: String
        let fault: String
    }

    private struct ReviewDocument: Decodable {
        struct Row: Decodable {
            let kind: String
            let name: String
            let version: String
            let fault: String?

            var line: String { "\(kind) \(name)  version \(version)" + (fault.map { "  \($0)" } ?? "") }
        }
        let accepted: [Row]
        let dropped: [Row]
        let digest: String
    }

    static func complain(of refused: [RefusedRowDocument]?, _ kind: String) {
        for row in refused ?? [] {
            Output.complain("REFUSED: \(kind) \(row.name) is \(row.fault): make it anew, or delete it")
        }
    }

    /// Shows what would be believed and what deleted, and does it where that is meant; says whether it did.
    static func acceptRows(_ api: SignerConnection, isMeant: Bool) throws(Failure) -> Bool {
        let review = try decode(ReviewDocument.self, try api.send("GET", AccessRoutes.rowsPath))
        for row in review.accepted { Output.complain("believe  \(row.line)") }
        for row in review.dropped { Output.complain("delete   \(row.line)") }
        guard isMeant else {
            Output.complain(
                "nothing was changed: look at each row, above all at tokens that you have revoked; the same with --yes does it"
            )
            return false
        }
        let body: [UInt8]
        do { body = Array(try JSONEncoder().encode(["digest": review.digest])) } catch { throw Failure("\(error)") }
        _ = try api.send("POST", AccessRoutes.rowsPath, body: body)
        Output.complain("\(review.accepted.count) rows are believed, \(review.dropped.count) were deleted")
        return true
    }
}
