// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sealing
import TestSupport
import Testing

/// What the program says when a chamber does not open, against the table in which operators look it up: docs/aws.md.
@Suite(.timeLimit(.minutes(2))) struct TroubleshootingTests {
    private static let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    /// Of the table of another module: its test is there.
    private static let ofTables = ["ProvisionedThroughputExceededException"]
    private static let refusals = [
        "AccessDeniedException": 400, "NotFoundException": 400, "DisabledException": 400,
        "KMSInvalidStateException": 400, "InvalidCiphertextException": 400, "IncorrectKeyException": 400,
        "InvalidKeyUsageException": 400, "ThrottlingException": 400, "UnrecognizedClientException": 400,
        "KMSInternalException": 500,
    ]

    /// The first column, each name as the program writes it.
    private static func names() throws -> [String] {
        let page = try String(contentsOf: Vectors.packageRoot.appending(path: "docs/aws.md"), encoding: .utf8)
        let section = try #require(page.components(separatedBy: "## Troubleshooting").last)
        return section.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row in
            row.dropFirst(2).prefix { $0 != "|" }.split(separator: "`").map(String.init).filter {
                !$0.allSatisfy { " ,".contains($0) }
            }
        }.map { $0.replacing("… ", with: "KMS Decrypt failed: ") }
    }

    private static func refusal(of endpoint: String) async throws -> String {
        let settings = KeyWrapperSettings(
            endpoints: ["eu-central-1": endpoint, "*": "http://127.0.0.1:1"],
            credentials: TestKey.credentials("111122223333"),
            timeout: .seconds(1)
        )
        let wrapper = try KeyWrappers(settings, runtime: TestKey.runtime.get()).wrapper(for: KeyName(arn))
        return try #require(await wrapper.unwrapFailure([1, 2, 3])).reason
    }

    /// Everything that the program says, where the table has a name of it.
    private static func said() async throws -> [String] {
        var said = [
            "\(KeyShareError.insufficient(have: 1, need: 2))", "\(SealingError.wrongMasterKey)",
            try await refusal(of: "http://127.0.0.1:1"),
        ]
        for (code, status) in refusals {
            let server = try ScriptedServer { _ in .answer(status: status, body: #"{"__type":"\#(code)"}"#) }
            var reason = try await refusal(of: server.endpoint)
            // What is tried again to the end of its time may be cut off in the middle of a try, on a busy machine.
            for _ in 0..<10 where code == "ThrottlingException" && !reason.contains("throttled") {
                reason = try await refusal(of: server.endpoint)
            }
            said.append(reason)
        }
        let local = try KeyWrappers(KeyWrapperSettings()).wrapper(for: KeyName("local:/nowhere/key"))
        said.append(try #require(await local.unwrapFailure([1, 2, 3])).reason)
        return said
    }

    @Test func `every name of the table is one that the program says, and the program says none that it lacks`()
        async throws
    {
        let (names, said) = (try Self.names(), try await Self.said())
        for name in names where !Self.ofTables.contains(name) {
            #expect(said.contains { $0.hasPrefix(name) }, "the program does not say \(name)")
        }
        for text in said {
            #expect(names.contains { text.hasPrefix($0) }, "docs/aws.md has no row for \(text)")
        }
    }

    /// Errors that operators know from elsewhere.
    @Test func `the usual errors have their rows`() throws {
        let names = try Self.names()
        for name in [
            "KMS Decrypt failed: AccessDeniedException", "Shamir reconstruction failed: insufficient shares",
            "ProvisionedThroughputExceededException", "Master key HMAC verification failed",
        ] {
            #expect(names.contains(name), "\(name) is none of \(names)")
        }
    }
}
