// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// `scripts/api-campaign` against the program: requests made from the document that it serves itself.
/// `CHAMBER_API_REQUESTS` says how many, `CHAMBER_TEST_SEED` which.
@Suite(.enabled(if: Schemathesis.isPresent, "schemathesis is absent: scripts/bootstrap --test"))
struct APICampaignTests {
    @Test func `nothing is answered that the document does not say, and nothing slashable is signed`() async throws {
        let environment = ProcessInfo.processInfo.environment
        let keys = try (0..<4).map { try TestKey(7000 + $0) }
        let guarded = try await GuardedSigner.start(keys: keys)
        let client = try await guarded.token(
            "client",
            #"{"effect":"allow","scopes":["sign","public_keys","reload","high_watermark"]}"#
        )
        let campaign = try ChildProcess(
            Vectors.packageRoot.appending(path: "scripts/api-campaign"),
            [
                "http://127.0.0.1:\(guarded.signer.port)", environment["CHAMBER_API_REQUESTS"] ?? "400",
                environment["CHAMBER_TEST_SEED"] ?? "1",
            ],
            environment: [
                "PYTHONPATH": Schemathesis.folder.path, "PATH": "/usr/bin:/bin",
                "TMPDIR": guarded.signer.workplace.folder.path,
                "CHAMBER_ROOT_TOKEN": guarded.root, "CHAMBER_CLIENT_TOKEN": client.token,
                "CHAMBER_KEYS": keys.map(\.publicKey).joined(separator: ","),
                "CHAMBER_NETWORK_ROOT": SigningBody.hoodi,
            ],
            in: guarded.signer.workplace.folder.path
        )
        let code = await campaign.exitCode
        let (said, errors) = (try campaign.output(), try campaign.errors())
        // Where it found something, the end of its report says how to ask the same again.
        #expect(code == 0, "\(said.suffix(6000))\(errors.suffix(2000))")
        FileHandle.standardOutput.write(Data("\(said.split(separator: "\n").last ?? "")\n".utf8))
        #expect(await guarded.signer.stop() == 0)
        #expect(try guarded.signer.process.errors() == "")
        try guarded.signer.expectNoSecret(of: keys, passwords: [guarded.root, client.token])
    }
}

/// Where `scripts/bootstrap --test` puts it.
private enum Schemathesis {
    static let folder = Vectors.packageRoot.appending(path: ".build/deps/schemathesis")
    static var isPresent: Bool { FileManager.default.fileExists(atPath: folder.path) }
}
