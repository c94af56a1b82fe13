// SPDX-License-Identifier: Apache-2.0

/// A long text in JSON, taken apart value by value while its bytes come in: only the value that is being read is held.
///
/// As strict as ``JSONDocument``, which reads each value, but for names that stand twice: who asks sees all of them. They say
/// which containers to enter; all else is given whole.
package struct JSONPieces: ~Copyable {
    /// What comes next in the text.
    package enum Piece: Sendable {
        /// A container was entered: what is in it follows, then `closed`.
        case opened(isObject: Bool)
        case closed
        /// The name of a member; its value follows.
        case name(String)
        /// A whole value, and where it stands in the text, in bytes from 0.
        case value(JSONDocument, range: Range<Int>)
        /// The text is over.
        case ended
    }

    private enum Expectation { case value, valueOrClose, name, nameOrClose, colon, commaOrClose, end }

    private let maximumBytes: Int
    private let maximumNodes: Int
    private var buffer: [UInt8] = []
    /// How much of the text came before the buffer.
    private var dropped = 0
    /// In the buffer.
    private var position = 0
    private var isFinished = false
    private var expectation = Expectation.value
    /// The containers that were entered: true for an object.
    private var containers: [Bool] = []
    private var extent = Extent()

    /// - Parameters:
    ///   - maximumBytes: of one value.
    ///   - maximumNodes: values and names in one value.
    package init(maximumBytes: Int, maximumNodes: Int) {
        self.maximumBytes = maximumBytes
        self.maximumNodes = maximumNodes
    }

    /// Adds the bytes that follow; none mean that the text is over.
    package mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            isFinished = true
            return
        }
        buffer.removeSubrange(0..<position)
        dropped += position
        position = 0
        buffer.append(contentsOf: bytes)
    }

    /// The next piece; nil where bytes have to be added first. All pieces after an error mean nothing.
    ///
    /// - Parameter enters: whether a container that comes now is entered instead of given whole.
    package mutating func next(entering enters: Bool) throws(JSONError) -> Piece? {
        while true {
            skipBlanks()
            guard position < buffer.count else {
                guard isFinished else { return nil }
                guard expectation == .end else { throw .unexpectedEnd }
                return .ended
            }
            let byte = buffer[position]
            switch expectation {
            case .end: throw .unexpectedByte(at: dropped + position)
            case .colon:
                guard byte == UInt8(ascii: ":") else { throw .unexpectedByte(at: dropped + position) }
                position += 1
                expectation = .value
            case .commaOrClose where byte == UInt8(ascii: ","):
                position += 1
                expectation = containers.last == true ? .name : .value
            case .nameOrClose where byte == UInt8(ascii: "}"), .valueOrClose where byte == UInt8(ascii: "]"),
                .commaOrClose:
                return try close(byte)
            case .name, .nameOrClose: return try takeName(byte)
            case .value, .valueOrClose: return try takeValue(byte, enters: enters)
            }
        }
    }

    private mutating func close(_ byte: UInt8) throws(JSONError) -> Piece {
        let bracket = containers.last == true ? UInt8(ascii: "}") : UInt8(ascii: "]")
        guard byte == bracket else { throw .unexpectedByte(at: dropped + position) }
        position += 1
        containers.removeLast()
        expectation = containers.isEmpty ? .end : .commaOrClose
        return .closed
    }

    private mutating func takeName(_ byte: UInt8) throws(JSONError) -> Piece? {
        guard byte == UInt8(ascii: "\"") else { throw .unexpectedByte(at: dropped + position) }
        guard let (document, _) = try takeWhole() else { return nil }
        expectation = .colon
        return .name(document.root.string?.string ?? "")
    }

    private mutating func takeValue(_ byte: UInt8, enters: Bool) throws(JSONError) -> Piece? {
        let isObject = byte == UInt8(ascii: "{")
        if enters, isObject || byte == UInt8(ascii: "[") {
            position += 1
            containers.append(isObject)
            expectation = isObject ? .nameOrClose : .valueOrClose
            return .opened(isObject: isObject)
        }
        guard let (document, range) = try takeWhole() else { return nil }
        expectation = containers.isEmpty ? .end : .commaOrClose
        return .value(document, range: range)
    }

    /// Reads the value at the position, once all of it is there.
    private mutating func takeWhole() throws(JSONError) -> (JSONDocument, Range<Int>)? {
        var extent = extent
        let isComplete = extent.grow(in: buffer.span, from: position, isFinished: isFinished)
        self.extent = extent
        guard extent.count <= maximumBytes else { throw .tooLong(limit: maximumBytes) }
        guard isComplete else {
            guard !isFinished else { throw .unexpectedEnd }
            return nil
        }
        guard extent.count > 0 else { throw .unexpectedByte(at: dropped + position) }
        let start = dropped + position
        let range = start..<(start + extent.count)
        let bytes = Array(buffer[position..<(position + extent.count)])
        position += extent.count
        self.extent = Extent()
        do throws(JSONError) {
            return (try JSONDocument(bytes, maximumNodes: maximumNodes, refusesDuplicates: false), range)
        } catch {
            throw error.shifted(into: range)
        }
    }

    private mutating func skipBlanks() {
        while position < buffer.count {
            switch buffer[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }
}

/// How far a value reaches: only brackets and quotes are looked at, the reader judges the rest.
private struct Extent {
    /// Bytes that belong to it.
    private(set) var count = 0
    private var depth = 0
    private var isInString = false

    /// Looks at what has come since the last time; true once the end of the value is known.
    mutating func grow(in bytes: Span<UInt8>, from start: Int, isFinished: Bool) -> Bool {
        var place = start + count
        let end = bytes.count
        defer { count = place - start }
        while place < end {
            let byte = bytes[place]
            if isInString {
                if byte == UInt8(ascii: "\\") {
                    // Its second half may not be there yet.
                    guard place + 1 < end else { return false }
                    place += 2
                    continue
                }
                place += 1
                guard byte == UInt8(ascii: "\"") else { continue }
                isInString = false
                if depth == 0 { return true }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                if depth == 0, place > start { return true }
                isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if depth == 0, place > start { return true }
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { return true }
                depth -= 1
                if depth == 0 {
                    place += 1
                    return true
                }
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0a, 0x0d, 0x09: if depth == 0 { return true }
            default: break
            }
            place += 1
        }
        return isFinished && depth == 0 && !isInString
    }
}

extension JSONError {
    /// The same in the text that the value at `range` was cut from. A value that ends too early there is followed by
    /// something that does not belong to it.
    fileprivate func shifted(into range: Range<Int>) -> JSONError {
        switch self {
        case .unexpectedEnd: .unexpectedByte(at: range.upperBound)
        case .unexpectedByte(let place): .unexpectedByte(at: range.lowerBound + place)
        case .malformedNumber(let place): .malformedNumber(at: range.lowerBound + place)
        case .malformedEscape(let place): .malformedEscape(at: range.lowerBound + place)
        case .controlCharacter(let place): .controlCharacter(at: range.lowerBound + place)
        case .notUTF8(let place): .notUTF8(at: range.lowerBound + place)
        case .duplicateName(let place): .duplicateName(at: range.lowerBound + place)
        case .tooDeep, .tooManyValues, .tooLong: self
        }
    }
}
