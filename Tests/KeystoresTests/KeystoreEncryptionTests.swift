// SPDX-License-Identifier: Apache-2.0
import BLS
import Crypto
import Encoding
import Foundation
import Keystores
import Secrets
import Testing

@Suite struct KeystoreEncryptionTests {
    @Test(
        arguments: [
            Keystore.Derivation.scrypt(ScryptParameters(n: 2, r: 1, p: 1)),
            .scrypt(ScryptParameters(n: 1024, r: 8, p: 2)), .pbkdf2(iterations: 1), .pbkdf2(iterations: 1000),
        ],
        ["p", "päßwörd", "長い𝔭", "with spaces and \u{7F} controls\n"]
    )
    func `what is encrypted decrypts, through its JSON`(_ derivation: Keystore.Derivation, _ password: String) throws {
        for _ in 0..<10 {
            let secret = SecretBytes(random: 32)
            let keystore = try Keystore(
                encrypting: secret,
                publicKey: nil,
                password: .of(password),
                derivation: derivation,
                path: "m/1/2",
                note: "a note"
            )
            let read = try Keystore(json: keystore.json())
            #expect(read == keystore)
            let opened = try read.decrypt(.of(password))
            let isSame = ConstantTime.areEqual(opened.span, secret.span)
            #expect(isSame)
        }
    }

    @Test func `every keystore has its own salt, vector and identifier`() throws {
        let (first, second) = try (TestKey(1).keystore("p"), TestKey(1).keystore("p"))
        #expect(first.salt != second.salt)
        #expect(first.initializationVector != second.initializationVector)
        #expect(first.encryptedSecret != second.encryptedSecret)
        #expect(first.uuid != second.uuid)
        #expect(UUID(uuidString: first.uuid ?? "") != nil)
    }

    @Test func `the written JSON has the fields of EIP-2335 and no more`() throws {
        let key = try TestKey(1).secretKey().publicKey
        let json = try TestKey(1).keystore("p", publicKey: key, path: "m/12381/3600/0/0/0").json()
        let document = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(Set(document.keys) == ["crypto", "path", "pubkey", "uuid", "version"])
        #expect(document["version"] as? Int == 4)
        #expect(document["pubkey"] as? String == String(key.description.dropFirst(2)))
        let crypto = try #require(document["crypto"] as? [String: [String: Any]])
        #expect(crypto["kdf"]?["function"] as? String == "pbkdf2")
        #expect(crypto["kdf"]?["message"] as? String == "")
        #expect((crypto["checksum"]?["params"] as? [String: Any])?.isEmpty == true)
    }

    @Test(arguments: [Vector.scrypt, Vector.pbkdf2])
    func `the vectors of EIP-2335 are written to the last byte`(_ json: String) throws {
        let vector = try Keystore(json: Data(json.utf8))
        let secret = try Hex.decode(Vector.secret)
        let written = try Keystore(
            encrypting: SecretBytes(copying: secret.span),
            publicKey: PublicKey(hex: Vector.publicKey),
            password: .of(Vector.password),
            derivation: vector.derivation,
            path: vector.path,
            note: vector.note,
            fresh: Keystore.Fresh(
                salt: vector.salt,
                initializationVector: vector.initializationVector,
                uuid: try #require(vector.uuid)
            )
        )
        #expect(written.encryptedSecret == vector.encryptedSecret)
        #expect(written.checksum == vector.checksum)
        #expect(written == vector)
        let fields = try JSONSerialization.jsonObject(with: written.json()) as? NSDictionary
        #expect(try fields == JSONSerialization.jsonObject(with: Data(json.utf8)) as? NSDictionary)
    }

    @Test func `the order of the fields is always the same`() throws {
        let keystore = try Keystore(
            encrypting: TestKey(1).secretBytes(),
            publicKey: TestKey(1).secretKey().publicKey,
            password: .of("p"),
            derivation: .scrypt(ScryptParameters(n: 2, r: 1, p: 1)),
            path: "m/12381/3600/0/0/0",
            note: "a note",
            fresh: Keystore.Fresh(
                salt: Array(repeating: 1, count: 32),
                initializationVector: Bytes(),
                uuid: "00000000-0000-4000-8000-000000000000"
            )
        )
        #expect(
            String(decoding: try keystore.json(), as: UTF8.self) == """
                {
                  "crypto" : {
                    "checksum" : {
                      "function" : "sha256",
                      "message" : "\(Hex.encode(keystore.checksum.span, prefix: false))",
                      "params" : {

                      }
                    },
                    "cipher" : {
                      "function" : "aes-128-ctr",
                      "message" : "\(Hex.encode(keystore.encryptedSecret, prefix: false))",
                      "params" : {
                        "iv" : "00000000000000000000000000000000"
                      }
                    },
                    "kdf" : {
                      "function" : "scrypt",
                      "message" : "",
                      "params" : {
                        "dklen" : 32,
                        "n" : 2,
                        "p" : 1,
                        "r" : 1,
                        "salt" : "0101010101010101010101010101010101010101010101010101010101010101"
                      }
                    }
                  },
                  "description" : "a note",
                  "path" : "m/12381/3600/0/0/0",
                  "pubkey" : "\(try TestKey(1).secretKey().publicKey.description.dropFirst(2))",
                  "uuid" : "00000000-0000-4000-8000-000000000000",
                  "version" : 4
                }
                """
        )
    }
}
