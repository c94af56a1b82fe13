// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Foundation
internal import SealedKeys
internal import SignerState

/// Remembers which keys a request under an identifier has made, in the signer state: whoever sends it again because the
/// answer was lost gets the same keys, not new ones.
///
/// A plan says until when somebody is at work on it. That spares two at once the work; that they do not make twice as many keys
/// does not rest on it (`ChamberKeys.generate`).
struct KeyRequests: Sendable {
    /// What a request was for, and the keys that were chosen for it.
    struct Plan: Sendable {
        var keys: [Bytes<48>]
        var count: Int
        var status: SealedKeyStatus
        /// Seconds since 1970, by the clock of whoever is at work; 0 for nobody.
        var busyUntil: UInt64 = 0
        /// Of its row; 0 where there is none.
        var version: UInt64

        static let none = Plan(keys: [], count: 0, status: .active, version: 0)

        /// Whether an order is the one that this was made for.
        func fits(_ order: KeyGeneration) -> Bool {
            version == 0 || count == order.count && status == order.status
        }

        /// How long somebody may still be at work on it; nil for nobody. An end that is too far away is one of a clock that is
        /// wrong.
        func secondsLeft(at now: UInt64) -> Int? {
            guard busyUntil > now, busyUntil - now <= 2 * KeyRequests.lease else { return nil }
            return Int(busyUntil - now)
        }

        var words: String { "\(count) keys, \(status.rawValue)" }
    }

    /// Seconds for which a request that was cut off keeps others under its identifier waiting.
    static let lease: UInt64 = 5

    private struct Stored: Codable {
        let keys: [String]
        let status: String
        /// Absent in rows of before, which name all keys.
        let count: Int?
        let busy_until: UInt64?
    }

    private let state: any StateStore

    init(_ state: any StateStore) { self.state = state }

    private static func name(_ request: String) -> StateRowName { StateRowName("key_request", request) }

    func plan(of request: String) async throws(StateError) -> Plan? {
        let name = Self.name(request)
        guard let row = try await state.rows(after: 0).rows.first(where: { $0.name == name }), let body = row.body
        else {
            return nil
        }
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(body)),
            let status = SealedKeyStatus(rawValue: stored.status)
        else { throw .unusable(reason: "the row \(name) is not one of this version's") }
        var keys: [Bytes<48>] = []
        for text in stored.keys { if let key: Bytes<48> = try? Hex.decode(text) { keys.append(key) } }
        return Plan(
            keys: keys,
            count: stored.count ?? keys.count,
            status: status,
            busyUntil: stored.busy_until ?? 0,
            version: row.version
        )
    }

    func write(_ plan: Plan, of request: String) async throws(StateError) {
        let stored = Stored(
            keys: plan.keys.map { Hex.encode($0.span, prefix: false) },
            status: plan.status.rawValue,
            count: plan.count,
            busy_until: plan.busyUntil == 0 ? nil : plan.busyUntil
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let body = try? encoder.encode(stored) else { preconditionFailure("a plan of ours cannot be encoded") }
        try await state.apply([StateChange(Self.name(request), expecting: plan.version, body: Array(body))])
    }
}
