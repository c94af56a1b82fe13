// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Foundation
import Keystores
import Secrets
import TestSupport
import Testing

/// Keystores that go back and forth between us and the deposit tool, at full cost: it takes no less.
@Suite(.serialized, .enabled(if: DepositTool.isPresent, "scripts/bootstrap --test fetches the deposit tool"))
struct DepositToolTests {
    private static let password = "päßwörd 𝔱𝔢𝔰𝔱\u{7F} ﬁ①"

    @Test func `the deposit tool opens what we write`() throws {
        let arena = SecretArena()
        let key = TestKey(0x1234_5678_9abc_def0)
        let tasks = try [Keystore.Derivation.standardScrypt, .standardPBKDF2].map { derivation in
            let file = try VerifiedKeystore(
                of: key.secretBytes(),
                password: .of(Self.password),
                derivation: derivation,
                path: .signing(validator: 0),
                note: "a note",
                arena: arena
            )
            let keystore = try JSONSerialization.jsonObject(with: file.json)
            return ["task": "open", "keystore": keystore, "password": Self.password]
        }
        #expect(try DepositTool.perform(tasks).map { $0 as? String } == [key.hex, key.hex])
    }

    @Test func `we open what the deposit tool writes`() throws {
        let key = TestKey(0x0fed_cba9_8765_4321)
        let tasks = ["scrypt", "pbkdf2"].map {
            ["task": "write", "secret": key.hex, "password": Self.password, "path": "m/12381/3600/4/0/0", "kdf": $0]
        }
        for written in try DepositTool.perform(tasks) {
            let keystore = try Keystore(json: JSONSerialization.data(withJSONObject: written))
            #expect(keystore.path == "m/12381/3600/4/0/0")
            #expect(try keystore.publicKey == key.secretKey().publicKey)
            let opened = try keystore.secretKey(.of(Self.password), arena: SecretArena())
            #expect(try opened.publicKey == key.secretKey().publicKey)
        }
    }
}
