// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// Why libcrypto, or the limits we put in front of it, refused.
package enum CryptoError: Error, Hashable, CustomStringConvertible {
    /// A parameter for which the function is not defined: scrypt's `n` that is no power of two, an iteration count of zero.
    case undefinedParameter(String)
    /// The parameters are valid but would take this much memory.
    case tooMuchMemory(bytes: Int, limit: Int)
    /// The parameters are valid but would run for this many steps (see `DerivationLimits`).
    case tooManySteps(count: Int, limit: Int)
    /// More output than anyone asks for.
    case outputTooLong(bytes: Int, limit: Int)
    /// A key, initialisation vector or text of the wrong length.
    case wrongLength(of: String, bytes: Int, expected: Int)
    /// A ciphertext, its key, its nonce or what it was bound to is another than when it was made.
    case notAuthentic
    /// A public key of small order: what it agrees on is known to everybody (RFC 7748 §6.1).
    case weakPublicKey
    /// The memory was within the limits, but the system did not give it.
    case outOfMemory
    /// libcrypto failed where nothing should; `code` is what `openssl errstr` explains.
    case openSSL(function: String, code: UInt)

    package var description: String {
        switch self {
        case .undefinedParameter(let reason): reason
        case .tooMuchMemory(let bytes, let limit):
            "would take \(bytes >> 20) MiB of memory where \(limit >> 20) MiB are allowed"
        case .tooManySteps(let count, let limit):
            "would take \(count) steps where \(limit) are allowed"
        case .outputTooLong(let bytes, let limit):
            "asks for \(bytes) bytes of derived key where \(limit) are allowed"
        case .wrongLength(let part, let bytes, let expected):
            "the \(part) has \(bytes) bytes where \(expected) are needed"
        case .notAuthentic: "the ciphertext was changed, or belongs to another key or another place"
        case .weakPublicKey: "the public key is one that shares its secret with everybody"
        case .outOfMemory: "the system has not enough free memory for the key derivation"
        case .openSSL(let function, let code):
            "libcrypto's \(function) failed with error \(String(code, radix: 16))"
        }
    }

    /// Turns libcrypto's thread-local error queue into one value and empties it, so that nothing stale is blamed later.
    static func last(_ function: String) -> CryptoError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        // ERR_GET_REASON is a macro: the low 23 bits.
        if code & 0x7F_FFFF == UInt(chamber_openssl_out_of_memory()) { return .outOfMemory }
        return .openSSL(function: function, code: code)
    }
}
