// SPDX-License-Identifier: Apache-2.0

/// Why a text is not JSON, or not JSON that is read here. `at` is the place in the text, in bytes from 0.
package enum JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text ends inside a value; an empty text ends inside its first.
    case unexpectedEnd
    /// A byte that cannot stand there: another value, a sign, or something after the outermost value.
    case unexpectedByte(at: Int)
    /// A number with a leading zero, without digits, or with half a fraction or exponent.
    case malformedNumber(at: Int)
    /// A backslash before something else than RFC 8259 lists, or half of a surrogate pair.
    case malformedEscape(at: Int)
    /// A control character inside a string; it would have to be escaped.
    case controlCharacter(at: Int)
    case notUTF8(at: Int)
    /// A name that its object has already: readers disagree about which of the two values counts.
    case duplicateName(at: Int)
    case tooDeep(limit: Int)
    case tooManyValues(limit: Int)
    case tooLong(limit: Int)

    package var description: String {
        switch self {
        case .unexpectedEnd: "it ends too early"
        case .unexpectedByte(let place): "the character at byte \(place) cannot stand there"
        case .malformedNumber(let place): "the number at byte \(place) is malformed"
        case .malformedEscape(let place): "the escape at byte \(place) is malformed"
        case .controlCharacter(let place): "there is a control character in the string at byte \(place)"
        case .notUTF8(let place): "it is not UTF-8 at byte \(place)"
        case .duplicateName(let place): "the name at byte \(place) stands there twice"
        case .tooDeep(let limit): "it is nested more than \(limit) levels deep"
        case .tooManyValues(let limit): "it has more than \(limit) values and names"
        case .tooLong(let limit): "it has more than \(limit) bytes"
        }
    }
}
