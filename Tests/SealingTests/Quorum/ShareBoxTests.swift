// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Sealing
import Secrets
import TestSupport
import Testing

@Suite struct ShareBoxTests {
    private let secret = Random.bytes(50)
    private let context = QuorumVectors.resting

    /// Whether a box opens to the secret.
    private func opens(_ box: [UInt8], _ keys: borrowing CredentialKeys) throws -> Bool {
        let opened = try keys.open(box, context: context)
        return ConstantTime.areEqual(opened.span, secret.span)
    }

    private func sealed() throws -> [UInt8] {
        let recipient = try QuorumVectors.yubiKeyCredential().exchangeKey
        return try ShareBox.seal(secret.span, to: recipient, context: context)
    }

    @Test func `a box opens with the key that it was sealed to`() throws {
        let box = try sealed()
        #expect(box.count == 50 + ShareBox.overhead)
        let keys = try QuorumVectors.yubiKeyKeys()
        let isSame = try opens(box, keys)
        #expect(isSame)
        #expect(try sealed() != box)
    }

    @Test func `a box of another implementation opens`() throws {
        let box = try Hex.decode(
            "0113be4feaeaf204c7fd3358fc9c00721881d174278128227ec674f37f7fe97b6d6465666768696a6b6c6d6e6fea2845bf34d34da30efce2d860abc7e0761f79c3d1c725f5446b12f3ad8d7ebbd33f6f82bb0b4dcefd430df42c349f9d"
        )
        let keys = try QuorumVectors.passphraseKeys()
        let opened = try keys.open(box, context: context)
        let expected = [UInt8](repeating: 0x42, count: 32)
        let isSame = ConstantTime.areEqual(opened.span, expected.span)
        #expect(isSame)
    }

    @Test func `another passphrase does not open it`() throws {
        let right = try QuorumVectors.passphraseCredential()
        let box = try ShareBox.seal(secret.span, to: right.exchangeKey, context: context)
        let wrong = try QuorumVectors.passphraseKeys("correct horse battery stable")
        let isRefused = refusal(box, wrong) == .notForThisKey
        #expect(isRefused)
    }

    @Test func `no other context opens it`() throws {
        let box = try sealed()
        let others = [
            [], Array(context.dropLast()), context + [0],
            QuorumMessage.restingShare(
                chamber: .random(),
                ceremony: QuorumVectors.ceremony,
                operator: "alice",
                credential: QuorumVectors.identifier
            ),
            QuorumMessage.restingShare(
                chamber: QuorumVectors.chamber,
                ceremony: .random(),
                operator: "alice",
                credential: QuorumVectors.identifier
            ),
            QuorumMessage.restingShare(
                chamber: QuorumVectors.chamber,
                ceremony: QuorumVectors.ceremony,
                operator: "bob",
                credential: QuorumVectors.identifier
            ),
            QuorumMessage.restingShare(
                chamber: QuorumVectors.chamber,
                ceremony: QuorumVectors.ceremony,
                operator: "alice",
                credential: "0123456789abcdee"
            ),
        ]
        let keys = try QuorumVectors.yubiKeyKeys()
        for other in others {
            let error = refusal(box, keys, context: other)
            #expect(error == .notForThisKey)
        }
    }

    @Test func `every changed bit is refused, at every place`() throws {
        let box = try sealed()
        let keys = try QuorumVectors.yubiKeyKeys()
        for place in box.indices {
            for bit in 0..<8 {
                var changed = box
                changed[place] ^= 1 << bit
                let error = refusal(changed, keys)
                let expected: ShareBoxError =
                    place > 0
                    ? .notForThisKey
                    : changed[0] == 0
                        ? .malformed("its form has the version 0") : .newerForm(version: changed[0])
                #expect(error == expected, "place \(place), bit \(bit)")
            }
        }
    }

    @Test func `every cut is refused, and what is too long`() throws {
        let box = try sealed()
        let keys = try QuorumVectors.yubiKeyKeys()
        for length in 0..<box.count {
            let error = refusal(Array(box.prefix(length)), keys)
            let expected: ShareBoxError =
                length < ShareBox.overhead ? .malformed("it has only \(length) bytes") : .notForThisKey
            #expect(error == expected)
        }
        let error = refusal(box + [0], keys)
        #expect(error == .notForThisKey)
    }

    @Test func `what is random is refused`() throws {
        var random = SeededGenerator.fromEnvironment()
        let keys = try QuorumVectors.yubiKeyKeys()
        for _ in 0..<2000 {
            let length = Int.random(in: 0...200, using: &random)
            var box = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            if !box.isEmpty, Bool.random(using: &random) { box[0] = 1 }
            let error = refusal(box, keys)
            #expect(error != nil, "seed \(random.seed)")
        }
    }

    @Test func `a box whose key agrees with everybody is refused, and none is made for one`() throws {
        var box = try sealed()
        for place in 1...32 { box[place] = 0 }
        let keys = try QuorumVectors.yubiKeyKeys()
        let error = refusal(box, keys)
        #expect(error == .malformed("its public key is one that agrees with everybody"))
        #expect(throws: ShareBoxError.failed(.weakPublicKey)) {
            try ShareBox.seal(secret.span, to: Bytes<32>(), context: context)
        }
    }

    private func refusal(
        _ box: [UInt8],
        _ keys: borrowing CredentialKeys,
        context: [UInt8]? = nil
    ) -> ShareBoxError? {
        do throws(ShareBoxError) {
            _ = try keys.open(box, context: context ?? self.context)
            return nil
        } catch { return error }
    }
}
