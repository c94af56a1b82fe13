// SPDX-License-Identifier: Apache-2.0
package import Authorization
package import HTTPServer
internal import JSON
internal import Sealing

/// What is done over the admin socket: the first management token, and rows that are refused. Where operators hold the
/// chamber, they approve it.
extension AccessRoutes {
    package static let rootTokenPath = "/admin/v1/root-token"
    package static let rowsPath = "/admin/v1/access-rows"

    /// The route of the admin socket that makes the first management token.
    package var administrationRoutes: [Route<Scope, Access>] {
        let rows = RoutePattern(Self.rowsPath)
        return [
            route(.post, RoutePattern(Self.rootTokenPath), .rootToken, bodyLimit: Self.largestToken) {
                request,
                _ async throws(AccessChangeError) -> Answer in
                try await createRootToken(request)
            },
            route(.get, rows, .rootToken, reviewRows),
            route(.post, rows, .rootToken, bodyLimit: Self.largestToken, acceptRows),
        ]
    }

    private func createRootToken(_ request: Request) async throws(AccessChangeError) -> Answer {
        let wanted = try Self.tokenRequest(request, policies: [.root])
        let deed = CustodyChange.rootToken(name: wanted.name.text, lifetime: wanted.lifetime)
        let proposal = try Self.document(request).member("proposal")?.string?.string
        if let proposed = try await proposed(deed, proposal) { return proposed }
        return try await create(wanted)
    }

    /// What was proposed to the operators of the chamber; nil where it can be done.
    private func proposed(
        _ deed: CustodyChange,
        _ proposal: String?
    ) async throws(AccessChangeError) -> Answer? {
        guard let chamber else { return nil }
        do throws(ChamberError) {
            guard case .proposed(let proposal) = try await chamber.authorize(deed, proposal: proposal) else {
                return nil
            }
            return Answer(
                .json(ProposedDocument(proposal: ProposalDocument(proposal)), status: 202),
                about: "proposal \(proposal.identifier): \(deed.summary)"
            )
        } catch {
            if case .sealed = error { throw .sealed }
            throw .refused(status: error.status, code: error.code, reason: "\(error)")
        }
    }

    // MARK: Rows that are refused

    private func reviewRows(_: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        Answer(.json(RowReview(try await register.lookAtRows())), about: "access rows")
    }

    /// Only what was shown is accepted.
    private func acceptRows(_ request: Request, _: PathParameters) async throws(AccessChangeError) -> Answer {
        let (digest, proposal): (String, String?)
        do throws(StrictObject.Malformed) {
            let root = try StrictObject(request.body, names: ["digest", "proposal"])
            digest = try root.required("digest")
            proposal = try root.text("proposal")?.string
        } catch { throw .invalid(PolicyError("", error.reason)) }
        if let proposed = try await proposed(.acceptRows(digest), proposal) { return proposed }
        let review = try await register.lookAtRows()
        try await register.acceptRows(digest)
        return Answer(
            .json(RowReview(review)),
            about: "access rows: \(review.accepted.count) accepted, \(review.dropped.count) dropped"
        )
    }
}
