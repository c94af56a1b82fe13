// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Foundation
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// What operators and whoever can write to the state send, random and mutated: it is refused or says the very same, and
/// nothing crashes.
@Suite struct MalformedMessageTests {
    /// Of each of the five kinds; `make soak` asks for 200,000.
    private static let rounds =
        ProcessInfo.processInfo.environment["CHAMBER_MALFORMED_MESSAGES"].flatMap { Int($0) }.map { $0 / 5 } ?? 2_000
    private static let now: Int64 = 1_790_000_000

    @Test func `boxes with shares`() throws {
        let secret = SecretBytes(random: X25519.keyLength)
        let recipient = try X25519.publicKey(of: secret.span)
        let share = SecretBytes(random: 50)
        let context = Array("context".utf8)
        let box = try share.withSpan { try ShareBox.seal($0, to: recipient, context: context) }
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<Self.rounds {
            let made = random.once(in: 4) ? Mutation.noise(upTo: 160, &random) : Mutation.of(box, &random)
            let isContext = !random.once(in: 8)
            let opens = (try? open(made, secret, isContext ? context : [1])) != nil
            if opens, made != box || !isContext { Issue.record("it opened: \(made)") }
        }
    }

    private func open(_ box: [UInt8], _ secret: borrowing SecretBytes, _ context: [UInt8]) throws -> Int {
        try secret.withSpan { try ShareBox.open(box, with: $0, context: context).count }
    }

    @Test func `answers and shares of a ceremony`() async throws {
        let place = try QuorumPlace()
        let record = try #require(try await place.registered().chamber.status.record)
        var ceremony = try UnsealCeremony(record.chamber, quorums: [try #require(record.quorum)], timeout: 1800)
        var (random, now) = (SeededGenerator.fromEnvironment(), Self.now)
        let alice = place.operators[0]
        var right = try Answered(alice, &ceremony, now)
        for round in 0..<Self.rounds {
            // A challenge is good for one try; within its lifetime an operator has 32.
            if round % 8 == 0 {
                now += UnsealCeremony.challengeLifetime
                right = try Answered(alice, &ceremony, now)
            }
            let shown = Self.mutated(right.shown, &random)
            let signature = Bytes<64>(copying: Mutation.flipped(right.signature.array, &random).span)
            if (try? ceremony.boxes(for: shown, signature: signature, at: now)) != nil {
                Issue.record("it gave boxes for \(shown)")
            }
            let boxes = right.returned.map { box in
                UnsealCeremony.Box(
                    ceremony: random.once(in: 8) ? .random() : box.ceremony,
                    bytes: random.once(in: 4) ? Mutation.noise(upTo: 200, &random) : Mutation.of(box.bytes, &random)
                )
            }
            guard boxes != right.returned else { continue }
            let giver = random.once(in: 2) ? right.shown : shown
            if (try? ceremony.take(boxes, from: giver, at: now)) != nil { Issue.record("it took \(boxes)") }
        }
        #expect(ceremony.names == [] && ceremony.remembered <= 1)
    }

    @Test func `registrations in their row`() async throws {
        let place = try QuorumPlace()
        let (chamber, tokens) = try await place.beginning()
        try await place.operators[0].register(tokens[0], at: chamber.chamber)
        let row = try #require(try await place.store.rows(after: 0).rows.first { $0.name == ChamberRows.registration })
        let body = try #require(row.body)
        let original = try #require(StoredStage(reading: body))
        let offer = try place.operators[1].offer(for: tokens[1])
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<Self.rounds {
            let made = random.once(in: 20) ? Mutation.noise(upTo: 400, &random) : Mutation.of(body, &random)
            guard let stored = StoredStage(reading: made) else { continue }
            let seated = try? stored.stage.seating(
                tokens[1].bytes,
                with: [offer],
                verifying: stored,
                at: original.stage.made
            )
            if seated != nil, stored.stage != original.stage {
                Issue.record("\(String(decoding: made, as: UTF8.self))")
            }
        }
    }

    @Test func `documents of credentials`() throws {
        let credential = try TestOperator("alice", seed: 1).credential
        let body = Array(try JSONEncoder().encode(credential.document))
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<Self.rounds {
            let made = random.once(in: 20) ? Mutation.noise(upTo: 400, &random) : Mutation.of(body, &random)
            guard let document = try? JSONDecoder().decode(OperatorCredential.Document.self, from: Data(made)),
                let read = try? OperatorCredential(document)
            else { continue }
            // One form only: equal credentials are equal texts.
            if read.document != document { Issue.record("\(document) was read as \(read)") }
        }
    }

    @Test func `records of master keys with operators`() async throws {
        let place = try QuorumPlace()
        let chamber = try await place.opened()
        let master = try chamber.chamber.masterKeys().current
        let row = try #require(try await place.store.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        let body = try #require(row.body)
        let record = try MasterKeyRecord(reading: body)
        try MasterKeyRecord.verify(body, with: master)
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<Self.rounds {
            let made = random.once(in: 20) ? Mutation.noise(upTo: 400, &random) : Mutation.of(body, &random)
            guard let read = try? MasterKeyRecord(reading: made) else { continue }
            let passes = (try? MasterKeyRecord.verify(made, with: master)) != nil
            if passes, read != record { Issue.record("\(String(decoding: made, as: UTF8.self))") }
        }
    }

    /// A challenge that was answered rightly, with what belongs to it.
    private struct Answered {
        let shown: UnsealCeremony.Credentials
        let signature: Bytes<64>
        let returned: [UnsealCeremony.Box]

        init(_ one: TestOperator, _ ceremony: inout UnsealCeremony, _ now: Int64) throws {
            let (shown, boxes) = try one.answered(in: &ceremony, at: now)
            self.shown = shown
            signature = try one.signature(under: shown, in: ceremony)
            returned = try one.returned(boxes, shown, to: ceremony)
        }
    }

    private static func mutated(
        _ shown: UnsealCeremony.Credentials,
        _ random: inout SeededGenerator
    ) -> UnsealCeremony.Credentials {
        func text(_ text: String) -> String {
            random.once(in: 4) ? String(decoding: Mutation.of(Array(text.utf8), &random), as: UTF8.self) : text
        }
        return .init(
            name: text(shown.name),
            credential: text(shown.credential),
            challenge: random.once(in: 2) ? Mutation.of(shown.challenge, &random) : shown.challenge
        )
    }
}

/// Changes of bytes that were right.
enum Mutation {
    static func noise(upTo most: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0...most, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// The same number of bytes, one bit of them another.
    static func flipped(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var changed = bytes
        changed[Int.random(in: 0..<changed.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        return changed
    }

    /// One to four changes of any kind. They may undo each other.
    static func of(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var changed = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !changed.isEmpty {
            let place = Int.random(in: 0..<changed.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: changed = flipped(changed, &random)
            case 1: changed.remove(at: place)
            case 2: changed.insert(changed[Int.random(in: 0..<changed.count, using: &random)], at: place)
            case 3: changed[place] = words.randomElement(using: &random)?.first ?? 0
            case 4: changed.insert(contentsOf: words.randomElement(using: &random) ?? [], at: place)
            default: changed.removeSubrange(place..<min(changed.count, place + 20))
            }
        }
        return changed
    }

    /// What means something to somebody who reads JSON or numbers.
    private static let words = [
        "{", "}", "[", "]", "\"", ",", ":", "null", "true", "-1", "18446744073709551616", "1e400", "\\u0000", "\\ud800",
        "😀",
        "\u{0}", "0", "00", String(repeating: "[", count: 300),
    ].map { Array($0.utf8) }
}
