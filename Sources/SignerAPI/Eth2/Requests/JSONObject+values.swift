// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import JSON

// The scalars of a request. Numbers are decimal strings or JSON numbers; bytes are hexadecimal with or without `0x`, in
// any case; values of 32 bytes may come without their leading zero bytes.

extension JSONObject {
    func number(_ name: String) throws(RequestDecodingError) -> UInt64 {
        guard let number = DecimalNumber.parse(try required(name)) else { throw .notANumber(at: path(name)) }
        return number
    }

    func slot(_ name: String = "slot") throws(RequestDecodingError) -> Slot { Slot(try number(name)) }
    func epoch(_ name: String = "epoch") throws(RequestDecodingError) -> Epoch { Epoch(try number(name)) }

    func numbers(_ name: String) throws(RequestDecodingError) -> [UInt64] {
        var numbers: [UInt64] = []
        for value in try array(name, expected: "an array of numbers") {
            guard let number = DecimalNumber.parse(value) else { throw .notANumber(at: value.wirePath) }
            numbers.append(number)
        }
        return numbers
    }

    /// A boolean, or its word as a string, which Web3Signer's parser also takes.
    func flag(_ name: String) throws(RequestDecodingError) -> Bool {
        let value = try required(name)
        if let boolean = value.boolean { return boolean }
        switch value.string?.string.lowercased() {
        case "true": return true
        case "false": return false
        default: throw .wrongKind(at: path(name), expected: "true or false")
        }
    }

    /// Exactly as many bytes as the type has.
    func bytes<let count: Int>(_ name: String) throws(RequestDecodingError) -> Bytes<count> {
        let text = try text(name)
        do { return try Bytes(digits: text.span) } catch { throw .notHexadecimal(at: path(name), error) }
    }

    /// 32 bytes, of which leading zeros may be missing.
    func chunk(_ name: String) throws(RequestDecodingError) -> Bytes<32> {
        let text = try text(name)
        do { return try Bytes(leftPadding: text.span) } catch { throw .notHexadecimal(at: path(name), error) }
    }

    /// Any number of bytes.
    func byteList(_ name: String) throws(RequestDecodingError) -> [UInt8] {
        let text = try text(name)
        do { return try Hex.decode(text.span) } catch { throw .notHexadecimal(at: path(name), error) }
    }

    func root(_ name: String = "root") throws(RequestDecodingError) -> Root { Root(try chunk(name)) }
    func version(_ name: String) throws(RequestDecodingError) -> ForkVersion { ForkVersion(try bytes(name)) }
    func publicKey(_ name: String) throws(RequestDecodingError) -> PublicKey { PublicKey(try bytes(name)) }

    /// A signature as bytes: for hashing it need not be a point.
    func signature(_ name: String = "signature") throws(RequestDecodingError) -> Signature {
        Signature(try bytes(name))
    }

    func bitList(_ name: String) throws(RequestDecodingError) -> BitList {
        guard let bits = BitList(serialized: try byteList(name)) else { throw .malformedBitList(at: path(name)) }
        return bits
    }

    func bitVector(_ name: String) throws(RequestDecodingError) -> BitVector {
        BitVector(serialized: try byteList(name))
    }

    /// An array of byte strings, each read by `make`.
    func texts<Element>(
        _ name: String,
        _ make: (Span<UInt8>) throws(Hex.Failure) -> Element
    ) throws(RequestDecodingError) -> [Element] {
        let expected = "an array of strings"
        var elements: [Element] = []
        for value in try array(name, expected: expected) {
            guard let text = value.string else { throw .wrongKind(at: path(name), expected: expected) }
            do {
                elements.append(try make(text.span))
            } catch {
                throw .notHexadecimal(at: value.wirePath, error)
            }
        }
        return elements
    }

    /// The fork that `version` names, in its exact upper-case spelling; nil where it is absent.
    func optionalFork(_ name: String = "version") throws(RequestDecodingError) -> Fork? {
        guard let text = try optionalText(name)?.string else { return nil }
        guard let fork = Fork(name: text) else {
            throw .unknownVersion(at: path(name), RequestDecodingError.shown(text))
        }
        return fork
    }
}

extension Bytes {
    /// Exactly as many bytes as the type has, from hexadecimal digits.
    init(digits: Span<UInt8>) throws(Hex.Failure) {
        self.init()
        var target = mutableSpan
        try Hex.decode(digits, into: &target)
    }

    /// Hexadecimal digits of which leading zeros may be missing.
    init(leftPadding digits: Span<UInt8>) throws(Hex.Failure) {
        self.init()
        var target = mutableSpan
        try Hex.decodeLeftPadded(digits, into: &target)
    }
}

enum DecimalNumber {
    /// A number as a string of digits or as a JSON number.
    static func parse(_ value: JSONValue) -> UInt64? { value.text.flatMap { parse($0.span) } }

    /// Digits only: no sign, no blank, no point, no exponent. Nil beyond 2^64-1.
    static func parse(_ text: Span<UInt8>) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var number: UInt64 = 0
        for position in text.indices {
            let digit = text[position] &- UInt8(ascii: "0")
            let (product, overflowed) = number.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit))
            guard digit < 10, !overflowed, !carried else { return nil }
            number = sum
        }
        return number
    }
}
