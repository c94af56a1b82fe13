// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding

// The scalars of a request. Numbers are decimal strings or JSON numbers; bytes are hexadecimal with or without `0x`, in
// any case; values of 32 bytes may come without their leading zero bytes.

extension JSONObject {
    func number(_ name: FieldName) throws(RequestDecodingError) -> UInt64 {
        // Nearly all clients send strings; asking for one directly saves a container.
        if let text = try? fields.decodeIfPresent(String.self, forKey: name), let value = DecimalNumber.parse(text) {
            return value
        }
        guard let number: DecimalNumber = try optional(name, expected: "a number") else {
            throw .missingField(at: path(name))
        }
        guard let value = number.value else { throw .notANumber(at: path(name)) }
        return value
    }

    func slot(_ name: FieldName = "slot") throws(RequestDecodingError) -> Slot { Slot(try number(name)) }
    func epoch(_ name: FieldName = "epoch") throws(RequestDecodingError) -> Epoch { Epoch(try number(name)) }

    func numbers(_ name: FieldName) throws(RequestDecodingError) -> [UInt64] {
        guard let numbers: [DecimalNumber] = try optional(name, expected: "an array of numbers") else {
            throw .missingField(at: path(name))
        }
        var values: [UInt64] = []
        values.reserveCapacity(numbers.count)
        for (position, number) in numbers.enumerated() {
            guard let value = number.value else { throw .notANumber(at: "\(path(name))[\(position)]") }
            values.append(value)
        }
        return values
    }

    func flag(_ name: FieldName) throws(RequestDecodingError) -> Bool {
        let expected = "true or false"
        guard let flag: LenientFlag = try optional(name, expected: expected) else {
            throw .missingField(at: path(name))
        }
        guard let value = flag.value else { throw .wrongKind(at: path(name), expected: expected) }
        return value
    }

    /// Exactly as many bytes as the type has.
    func bytes<let count: Int>(_ name: FieldName) throws(RequestDecodingError) -> Bytes<count> {
        let text = try text(name)
        do { return try Hex.decode(text) } catch { throw .notHexadecimal(at: path(name), error) }
    }

    /// 32 bytes, of which leading zeros may be missing.
    func chunk(_ name: FieldName) throws(RequestDecodingError) -> Bytes<32> {
        let text = try text(name)
        do { return try Hex.decodeLeftPadded(text) } catch { throw .notHexadecimal(at: path(name), error) }
    }

    /// Any number of bytes.
    func byteList(_ name: FieldName) throws(RequestDecodingError) -> [UInt8] {
        let text = try text(name)
        do { return try Hex.decode(text) } catch { throw .notHexadecimal(at: path(name), error) }
    }

    func root(_ name: FieldName = "root") throws(RequestDecodingError) -> Root { Root(try chunk(name)) }
    func version(_ name: FieldName) throws(RequestDecodingError) -> ForkVersion { ForkVersion(try bytes(name)) }
    func publicKey(_ name: FieldName) throws(RequestDecodingError) -> PublicKey { PublicKey(try bytes(name)) }

    /// A signature as bytes: for hashing it need not be a point.
    func signature(_ name: FieldName = "signature") throws(RequestDecodingError) -> Signature {
        Signature(try bytes(name))
    }

    func bitList(_ name: FieldName) throws(RequestDecodingError) -> BitList {
        guard let bits = BitList(serialized: try byteList(name)) else { throw .malformedBitList(at: path(name)) }
        return bits
    }

    func bitVector(_ name: FieldName) throws(RequestDecodingError) -> BitVector {
        BitVector(serialized: try byteList(name))
    }

    /// An array of byte strings, each read by `make`.
    func texts<Element>(
        _ name: FieldName,
        _ make: (String) throws(Hex.Failure) -> Element
    ) throws(RequestDecodingError) -> [Element] {
        guard let texts: [String] = try optional(name, expected: "an array of strings") else {
            throw .missingField(at: path(name))
        }
        var elements: [Element] = []
        elements.reserveCapacity(texts.count)
        for (position, text) in texts.enumerated() {
            do {
                elements.append(try make(text))
            } catch {
                throw .notHexadecimal(at: "\(path(name))[\(position)]", error)
            }
        }
        return elements
    }

    /// The fork that `version` names, in its exact upper-case spelling; nil where it is absent.
    func optionalFork(_ name: FieldName = "version") throws(RequestDecodingError) -> Fork? {
        guard let text = try optionalText(name) else { return nil }
        guard let fork = Fork(name: text) else {
            throw .unknownVersion(at: path(name), RequestDecodingError.shown(text))
        }
        return fork
    }
}

/// A number as a string of digits or as a JSON number. `value` is nil where it is neither or does not fit, so that the
/// error can name the field.
struct DecimalNumber: Decodable {
    let value: UInt64?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            value = Self.parse(text)
        } else {
            value = try? container.decode(UInt64.self)
        }
    }

    /// Digits only: no sign, no blank, no point.
    static func parse(_ text: String) -> UInt64? {
        var value: UInt64 = 0
        var isEmpty = true
        for byte in text.utf8 {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !overflowed, !carried else { return nil }
            value = sum
            isEmpty = false
        }
        return isEmpty ? nil : value
    }
}

/// A boolean, or its word as a string, which Web3Signer's parser also takes.
private struct LenientFlag: Decodable {
    let value: Bool?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            value = flag
            return
        }
        switch try container.decode(String.self).lowercased() {
        case "true": value = true
        case "false": value = false
        default: value = nil
        }
    }
}
