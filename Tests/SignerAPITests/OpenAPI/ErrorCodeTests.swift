// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap

import Authorization
import Consensus
import Foundation
import Signer
import SignerAPI
import TestSupport
import Testing

/// The table of codes against everything that refuses.
@Suite struct ErrorCodeTests {
    private static let table = ErrorCode.all()

    static func isListed(_ code: String, _ status: Int) -> Bool {
        table.contains { $0.code == code && $0.status == status }
    }

    @Test(arguments: StatusTests.outcomes)
    func `every outcome of a sign request is listed with its status`(outcome: SigningOutcome, status: Int) {
        guard status != 200 else { return }
        #expect(Self.isListed(outcome.code, status))
        let operation = APIOperation.all().first { $0.identifier == "sign" }
        #expect(operation?.refusals.contains { $0.code == outcome.code && $0.status == status } == true)
    }

    private static func knows(_ refusal: AccessRefusal) {
        switch refusal {
        case .missingToken, .invalidToken, .unboundCertificate, .missingSetupToken, .invalidSetupToken, .forbidden,
            .stale, .sealed:
            break
        }
    }

    @Test func `every refusal of access is listed with its status`() {
        let refusals: [AccessRefusal] = [
            .missingToken, .invalidToken, .unboundCertificate, .missingSetupToken, .invalidSetupToken, .forbidden,
            .stale, .sealed,
        ]
        for refusal in refusals {
            Self.knows(refusal)
            #expect(Self.isListed(refusal.rawValue, refusal.status))
        }
    }

    @Test func `codes are stable words with a meaning, and each stands once beside a status`() {
        #expect(Set(Self.table.map { "\($0.status) \($0.code)" }).count == Self.table.count)
        for entry in Self.table {
            #expect(entry.code.wholeMatch(of: /[a-z_]+/) != nil && !entry.meaning.isEmpty)
            #expect(!entry.meaning.hasSuffix("."))
        }
    }

    @Test func `every code belongs to a route, and the page of codes lists them all`() throws {
        let used = Set(APIOperation.all().flatMap(\.allRefusals).flatMap(\.codes))
        // The path is there, the method is not; the port is not the one: no route answers that.
        for entry in Self.table where !["method_not_allowed", "tls_required"].contains(entry.code) {
            #expect(used.contains(entry), "\(entry.status) \(entry.code)")
        }
        let page = try String(
            contentsOf: Vectors.packageRoot.appending(path: "docs/api.md"),
            encoding: .utf8
        )
        let rows = Self.table.map { "| \($0.status) | `\($0.code)` | \($0.meaning) |" }
        #expect(page.contains(rows.joined(separator: "\n")), "docs/api.md needs:\n\(rows.joined(separator: "\n"))")
    }
}
