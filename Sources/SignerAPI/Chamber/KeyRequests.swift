// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Foundation
internal import SealedKeys
internal import SignerState

/// Remembers which keys a request under an identifier has made, in the signer state: whoever sends it again because the
/// answer was lost gets the same keys, not new ones.
struct KeyRequests: Sendable {
    /// What a request was for, and the keys that were chosen for it.
    struct Plan: Sendable {
        var keys: [Bytes<48>]
        var status: SealedKeyStatus?
        /// Of its row; 0 where there is none.
        var version: UInt64

        static let none = Plan(keys: [], status: nil, version: 0)

        /// Whether an order is the one that this was made for.
        func fits(_ order: KeyGeneration) -> Bool {
            version == 0 || keys.count == order.count && status == order.status
        }

        var words: String { "\(keys.count) keys, \(status?.rawValue ?? "active")" }
    }

    private struct Stored: Codable {
        let keys: [String]
        let status: String
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
        return Plan(keys: keys, status: status, version: row.version)
    }

    func write(_ plan: Plan, of request: String) async throws(StateError) {
        let stored = Stored(
            keys: plan.keys.map { Hex.encode($0.span, prefix: false) },
            status: (plan.status ?? .active).rawValue
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let body = try? encoder.encode(stored) else { preconditionFailure("a plan of ours cannot be encoded") }
        try await state.apply([StateChange(Self.name(request), expecting: plan.version, body: Array(body))])
    }
}
