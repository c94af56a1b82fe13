// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Why a store has no answer.
package enum SealedKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The parts of an entry are larger than what is kept; the limit in bytes. Nothing was changed.
    case tooLarge(Bytes<48>, limit: Int)
    /// The backend does not answer, or not in time. What changes came to is not known; they may be asked for again.
    case unavailable(reason: String)
    /// The backend answers, and cannot be used until somebody does something about it.
    case unusable(reason: String)

    package var description: String {
        switch self {
        case .tooLarge(let key, let limit): "the entry of key \(key) is larger than the \(limit) bytes that are kept"
        case .unavailable(let reason): "the encrypted keys cannot be reached: \(reason)"
        case .unusable(let reason): "the encrypted keys cannot be used: \(reason)"
        }
    }
}
