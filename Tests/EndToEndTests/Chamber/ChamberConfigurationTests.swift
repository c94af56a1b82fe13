// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// Configurations of a chamber that are refused before anything is made.
@Suite(.timeLimit(.minutes(8))) struct ChamberConfigurationTests {
    struct Refused: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let environment: [String: String]
        let says: [String]
    }

    @Test(arguments: [
        Refused(
            testDescription: "sealed keys without a named signer state",
            environment: ["CONTAINMENT_SIGNER_STATE__BACKEND": ""],
            says: ["key_sources.sqlite.path", "needs signer_state.backend"]
        ),
        Refused(
            testDescription: "the signer state in the file of the keys",
            environment: [
                "CONTAINMENT_SIGNER_STATE__PATH": "/tmp/one", "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": "/tmp/one",
            ],
            says: ["signer_state.path", "the same file as key_sources.sqlite.path"]
        ),
        Refused(
            testDescription: "the same file in another writing",
            environment: [
                "CONTAINMENT_SIGNER_STATE__PATH": "./one/../two.sqlite",
                "CONTAINMENT_KEY_SOURCES__SQLITE__PATH": "two.sqlite",
            ],
            says: ["signer_state.path", "the same file as key_sources.sqlite.path"]
        ),
        Refused(
            testDescription: "a recipient that is none",
            environment: [
                "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__ENABLED": "true",
                "CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__RECIPIENTS": "age1nobody",
            ],
            says: ["chamber.keys.generate.backup.recipients", "recipient 1 is damaged"]
        ),
        Refused(
            testDescription: "generating without a store",
            environment: ["CONTAINMENT_KEY_SOURCES__SQLITE__PATH": ""],
            says: ["chamber.keys.generate.enabled", "needs a store of encrypted keys"]
        ),
        Refused(
            testDescription: "backups that nobody can open",
            environment: ["CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__ENABLED": "true"],
            says: ["chamber.keys.generate.backup.recipients", "nobody could open the backups"]
        ),
        Refused(
            testDescription: "two stores",
            environment: ["CONTAINMENT_KEY_SOURCES__POSTGRES__URL": "postgresql://localhost/keys"],
            says: ["given together with", "one store of encrypted keys"]
        ),
    ])
    func `it is refused, with the setting and the reason`(refused: Refused) async throws {
        let place = try await SealedPlace(count: 0, environment: refused.environment)
        let result = try await place.workplace.run(
            ["server", "--anti-slashing-create-if-missing"],
            environment: place.environment
        )
        #expect(result.exitCode == 2, "\(result)")
        for words in refused.says { #expect(result.errors.contains(words), "\(words) in \(result)") }
        let left = Set(try place.workplace.folder.names).subtracting(["config.yaml", "keys"])
        #expect(left.isDisjoint(with: ["sealed.sqlite", "state.sqlite"]), "\(left)")
    }

    @Test func `the check refuses what the start would`() async throws {
        let place = try await SealedPlace(
            count: 0,
            environment: ["CONTAINMENT_CHAMBER__KEYS__GENERATE__BACKUP__RECIPIENTS": "age1xyz"]
        )
        let result = try await place.workplace.run(["config", "check"], environment: place.environment)
        #expect(result.exitCode == 2 && result.errors.contains("recipient 1"), "\(result)")
    }
}
