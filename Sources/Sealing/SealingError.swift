// SPDX-License-Identifier: Apache-2.0
package import Crypto

/// Why something under the master key cannot be opened or closed. Who knows what it was about says so in front.
package enum SealingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The master key has been wiped.
    case sealed
    /// What was put together is not the key that the record was made with.
    case wrongMasterKey
    case notAuthentic
    case newerForm(version: UInt8)
    /// libcrypto failed where nothing should.
    case failed(CryptoError)

    init(_ error: CryptoError) { self = error == .notAuthentic ? .notAuthentic : .failed(error) }

    package var description: String {
        switch self {
        case .sealed: "the chamber is sealed"
        case .wrongMasterKey:
            "Master key HMAC verification failed: the shares give another key than the record was made with; its KMS keys were exchanged, or its row was tampered with. Do not go on: restore the row or the KMS keys"
        case .notAuthentic: "it was tampered with, moved from another row, or lies under another master key"
        case .newerForm(let version): "its form has the version \(version), which a newer program made"
        case .failed(let error): "\(error)"
        }
    }
}
