// SPDX-License-Identifier: Apache-2.0
package import Consensus
package import Encoding
package import JSON

/// Why a body is not a sign request. `at` is the path of the field as it stands on the wire, `a.b[2].c`.
///
/// No case carries a value of the body except a name that should have been one of a few words, cut to what such a name
/// can be.
package enum RequestDecodingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not JSON at all, something after it, nested too deeply, or text in another encoding than UTF-8.
    case notJSON(JSONError)
    case missingField(at: String)
    /// Another kind of JSON value than the field has.
    case wrongKind(at: String, expected: String)
    case notHexadecimal(at: String, Hex.Failure)
    /// Not a whole number from 0 to 2^64-1 (2^256-1 for `base_fee_per_gas`).
    case notANumber(at: String)
    /// A bit list without the set bit that marks its length.
    case malformedBitList(at: String)
    case unknownType(String)
    case unknownVersion(at: String, String)
    /// A fork that exists but has no such object.
    case unsupportedVersion(at: String, Fork)

    package var description: String {
        switch self {
        case .notJSON(let error): "the body is not valid JSON: \(error)"
        case .missingField(let path): "\(path) is missing"
        case .wrongKind(let path, let expected): "\(path) is not \(expected)"
        case .notHexadecimal(let path, let failure): "\(path) \(failure)"
        case .notANumber(let path): "\(path) is not an unsigned number in decimal digits, or does not fit"
        case .malformedBitList(let path): "\(path) is not an SSZ bit list: the bit that marks its length is missing"
        case .unknownType(let name): "type \"\(name)\" is not a kind of message that can be signed"
        case .unknownVersion(let path, let name):
            "\(path) is \"\(name)\"; known are \(Fork.allCases.map(\.name).joined(separator: ", "))"
        case .unsupportedVersion(let path, let fork): "\(path) is \(fork), which has no such object"
        }
    }

    /// What of a name may be shown: at most 64 characters of a plain alphabet.
    static func shown(_ name: String) -> String {
        let plain = name.utf8.prefix(64).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return plain ? String(name.prefix(64)) : "…"
    }
}
