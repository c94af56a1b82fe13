// SPDX-License-Identifier: Apache-2.0
internal import JSON
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
    static func acceptRows(_ api: SignerConnection, isMeant: Bool) async throws(Failure) -> Bool {
        let review = try decode(ReviewDocument.self, try api.send("GET", AccessRoutes.rowsPath))
        for row in review.accepted { Output.complain("believe  \(row.line)") }
        for row in review.dropped { Output.complain("delete   \(row.line)") }
        guard isMeant else {
            Output.complain(
                "nothing was changed: look at each row, above all at tokens that you have revoked; the same with --yes does it"
            )
            return false
        }
        let deed = ApprovedDeed(api: api, path: AccessRoutes.rowsPath) { (proposal) throws(Failure) in
            var members: [(name: String, value: JSONOutput)] = [("digest", .string(review.digest))]
            if let proposal { members.append(("proposal", .string(proposal))) }
            return JSONOutput.object(members).bytes
        }
        _ = try await deed.perform(waits: true)
        Output.complain("\(review.accepted.count) rows are believed, \(review.dropped.count) were deleted")
        return true
    }
}
