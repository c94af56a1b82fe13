// SPDX-License-Identifier: Apache-2.0
import TestSupport

/// Four messages for one key of which any two together are slashable.
struct ConflictSet: Sendable {
    struct Message: Hashable, Sendable, CustomStringConvertible {
        enum Duty: Hashable, Sendable {
            case block(slot: UInt64)
            case attestation(source: UInt64, target: UInt64)
        }
        let duty: Duty
        /// What tells messages of the same duty apart.
        let content: Int

        var body: String {
            switch duty {
            case .block(let slot): SigningBody.block(slot: slot, body: "0x0\(content)")
            case .attestation(let source, let target):
                SigningBody.attestation(source: source, target: target, block: "0x0\(content)")
            }
        }

        var description: String { "\(duty) \(content)" }
    }

    /// Its place among the keys.
    let key: Int
    let messages: [Message]

    /// The set of a number: sets of one key follow each other, and nothing of one contradicts another.
    init(_ number: Int, keys: Int, _ random: inout SeededGenerator) {
        key = number % keys
        let base = UInt64(8 + number / keys * 8)
        let double = (1...4).map { Message(duty: .attestation(source: base, target: base + 7), content: $0) }
        // Each inside the one before.
        let nested = (0..<4).map {
            Message(duty: .attestation(source: base + UInt64($0), target: base + 7 - UInt64($0)), content: 1)
        }
        let messages =
            switch Int.random(in: 0..<4, using: &random) {
            case 0: double
            case 1: nested
            case 2: Array(double[..<2] + nested[2...])
            default: (1...4).map { Message(duty: .block(slot: base * 32), content: $0) }
            }
        self.messages = messages.shuffled(using: &random)
    }
}

/// A signature that a client has in its hands.
struct ReleasedMessage: Hashable, Sendable {
    let key: Int
    let message: ConflictSet.Message
    let signature: String
}

/// The slashing conditions of the consensus specification and nothing else, over everything that was released.
enum OfflineChecker {
    static func slashablePairs(_ released: [ReleasedMessage]) -> [String] {
        var found: [String] = []
        for (key, all) in Dictionary(grouping: released, by: \.key) {
            let messages = Array(Set(all.map(\.message)))
            for (position, one) in messages.enumerated() {
                for other in messages[(position + 1)...] where areSlashable(one.duty, other.duty) {
                    found.append("key \(key): \(one) and \(other)")
                }
            }
            // A message has one signature, whoever made it.
            if Set(all.map(\.signature)).count != messages.count { found.append("key \(key): signatures differ") }
        }
        return found
    }

    private static func areSlashable(_ one: ConflictSet.Message.Duty, _ other: ConflictSet.Message.Duty) -> Bool {
        switch (one, other) {
        case (.block(let slot), .block(let otherSlot)): slot == otherSlot
        case (.attestation(let source, let target), .attestation(let otherSource, let otherTarget)):
            target == otherTarget || source < otherSource && target > otherTarget
                || source > otherSource && target < otherTarget
        default: false
        }
    }
}
