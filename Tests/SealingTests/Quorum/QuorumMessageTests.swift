// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Sealing
import Secrets
import Testing

@Suite struct QuorumMessageTests {
    private func digest(_ message: [UInt8]) throws -> String {
        let digest = try Digest.sha256(message.span)
        return Hex.encode(digest.span, prefix: false)
    }

    private func challenge(
        _ challenge: [UInt8] = QuorumVectors.serverChallenge,
        operator name: String = "alice",
        credential: String = QuorumVectors.identifier
    ) -> [UInt8] {
        QuorumMessage.challenge(
            challenge,
            chamber: QuorumVectors.chamber,
            ceremony: QuorumVectors.ceremony,
            serverKey: QuorumVectors.serverKey,
            operator: name,
            credential: credential
        )
    }

    @Test func `messages have the bytes that another implementation writes`() throws {
        let token = Array(("cc-enrol-" + String(repeating: "00", count: 32)).utf8)
        let hash = try Digest.sha256(token.span)
        let credentials = [try QuorumVectors.passphraseCredential(), try QuorumVectors.yubiKeyCredential()]
        #expect(
            try credentials.map { try digest(QuorumMessage.registration(tokenHash: hash, $0)) } == [
                "c3d3441c636889e05ac9ad38bc2a21d4d0a95fbb7902ff78e04716404cef72c8",
                "0dd5e0baad4d4c02ad3b94a9bd176891f30a2da9d2769bf0a6d8d7327b908f27",
            ]
        )
        #expect(try digest(challenge()) == "95d73201f0abb4cce1c67ef0e7adc48085f61cb28f74c91d618f6d314493ad8b")
        let approval = QuorumMessage.approval(
            document: Array(#"{"kind":"kms"}"#.utf8),
            operator: "alice",
            credential: QuorumVectors.identifier
        )
        #expect(try digest(approval) == "a5e0b6d094c9e4b41870eb98eec8a6716c55406651f65d886caaabed1e9b47ad")
        #expect(try digest(QuorumVectors.resting) == "f2dfeb5093c6248782ad15f7d2f8422cb12209b64fd2222e04b66bbb32f55d04")
        let returned = QuorumMessage.returnedShare(
            challenge: QuorumVectors.serverChallenge,
            chamber: QuorumVectors.chamber,
            ceremony: QuorumVectors.ceremony,
            operator: "alice",
            credential: QuorumVectors.identifier
        )
        #expect(try digest(returned) == "e813ce7e9cb9230e1860e19b5d8fc2d96712d389780531a0acd8209409b3e4d6")
    }

    @Test func `a signature is the one that another implementation makes, and holds for its message alone`() throws {
        let message = challenge()
        let keys = try QuorumVectors.passphraseKeys()
        let signature = try keys.sign(message)
        #expect(
            signature.description
                == "0x2382880092b6eca416cc18f86c35277775135d7821da8651e07d657a67be8e6182d0c78aa4c4cbe9f390053f07bcaf3217ce295cbd8d64c11ec9fb1ccc12cf08"
        )
        let key = try QuorumVectors.passphraseCredential().signingKey
        let isValid = try Ed25519.isValid(signature, of: message.span, by: key)
        #expect(isValid)
        for other in [challenge(operator: "bob"), challenge(credential: "0123456789abcdee"), message + [0]] {
            let isValid = try Ed25519.isValid(signature, of: other.span, by: key)
            #expect(!isValid)
        }
    }

    @Test func `what moves from one part to the next makes another message`() {
        let messages = [
            challenge(operator: "ab", credential: "c"), challenge(operator: "a", credential: "bc"),
            challenge(operator: "abc", credential: ""), challenge(operator: "", credential: "abc"),
        ]
        #expect(Set(messages).count == messages.count)
    }

    @Test func `every field of a credential is in its registration`() throws {
        let hash = Bytes<32>()
        var messages: [[UInt8]] = []
        let good = try QuorumVectors.passphraseCredential()
        let other = try QuorumVectors.yubiKeyCredential()
        func add(_ change: (inout OperatorCredential.Document) -> Void, _ credential: OperatorCredential) throws {
            var document = credential.document
            change(&document)
            messages.append(QuorumMessage.registration(tokenHash: hash, try OperatorCredential(document)))
        }
        try add({ _ in }, good)
        try add({ $0.id = "0123456789abcdee" }, good)
        try add({ $0.label = "Paper" }, good)
        try add({ $0.passes = 4 }, good)
        try add({ $0.memoryKiB = 65_537 }, good)
        try add({ $0.salt = String(repeating: "0", count: 32) }, good)
        try add({ $0.exchangeKey = other.document.exchangeKey }, good)
        try add({ $0.signingKey = other.document.signingKey }, good)
        try add({ $0.blind = String(repeating: "e", count: 32) }, good)
        try add({ _ in }, other)
        try add({ $0.slot = 1 }, other)
        try add({ $0.challenge = $0.exchangeKey }, other)
        messages.append(QuorumMessage.registration(tokenHash: QuorumVectors.serverKey, good))
        #expect(Set(messages).count == messages.count)
    }
}
