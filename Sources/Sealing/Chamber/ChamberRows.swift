// SPDX-License-Identifier: Apache-2.0
internal import Foundation
package import SignerState

/// The rows of a chamber in the signer state (docs/formats.md).
package enum ChamberRows {
    /// How the master key is held; made once, and from then on changed by rotations only.
    package static let masterKey = StateRowName("custody", "MASTER_KEY")
    /// Whether all instances are to stay sealed. Who can write it can keep the chamber from signing, and, where KMS keys alone
    /// open it, take such an order back (SECURITY.md).
    package static let seal = StateRowName("custody", "SEAL")

    /// Operators who are to register; gone when all have.
    package static let registration = StateRowName("custody", "REGISTRATION")

    struct SealOrder: Codable {
        let sealed: Bool
        /// Seconds since 1970.
        let at: Int64
    }

    static func body(of order: SealOrder) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        do { return Array(try encoder.encode(order)) } catch {
            preconditionFailure("an order of ours cannot be encoded: \(error)")
        }
    }

    /// What cannot be read is taken for the order to seal.
    static func isSealed(_ body: [UInt8]?) -> Bool {
        guard let body else { return false }
        return (try? JSONDecoder().decode(SealOrder.self, from: Data(body)))?.sealed ?? true
    }
}
