// SPDX-License-Identifier: Apache-2.0
import Foundation
import JSON
import Testing

@Suite struct RandomTests {
    /// Whether both say the same. Strings by their scalars: `String` takes different forms of a letter for equal.
    private func agrees(_ value: JSONValue, _ other: Any) -> Bool {
        switch value.kind {
        case .null: return other is NSNull
        case .boolean: return value.boolean == other as? Bool
        case .number:
            guard let text = value.text?.string, let number = other as? NSNumber, let double = Double(text) else {
                return false
            }
            // Foundation goes through a decimal number, which costs it the last digit.
            return abs(number.doubleValue - double) <= abs(double) * 1e-14
        case .string:
            guard let text = value.text, let other = other as? String else { return false }
            return text.string.unicodeScalars.elementsEqual(other.unicodeScalars)
        case .array:
            let elements = Array(value.elements)
            guard let others = other as? [Any], others.count == elements.count else { return false }
            return zip(elements, others).allSatisfy { agrees($0, $1) }
        case .object:
            let members = Array(value.members)
            guard let others = other as? [String: Any], others.count == members.count else { return false }
            return members.allSatisfy { member in
                guard let other = others[member.name.string], let same = value.member(member.name.string) else {
                    return false
                }
                return agrees(member.value, other) && agrees(same, other)
            }
        }
    }

    @Test(arguments: 0..<20) func `random documents say what Foundation reads in them`(group: Int) throws {
        for seed in 0..<100 {
            let document = RandomDocument(seed: UInt64(group * 100 + seed))
            let root = try JSONDocument(document.bytes).root
            let other = try JSONSerialization.jsonObject(with: Data(document.bytes), options: .fragmentsAllowed)
            #expect(agrees(root, other), "\(document.text)")
        }
    }

    @Test(arguments: 0..<10) func `a document that ends early is refused`(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let body = RandomDocument(seed: random.next()).text
        // Without the blanks at the end, which may be missing.
        let bytes = Array("[\(body)]".utf8)
        for length in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSONDocument(Array(bytes[..<length])) }
        }
        #expect(throws: Never.self) { try JSONDocument(bytes) }
    }

    /// Looks at everything there is in a value; the number of values.
    private func walk(_ value: JSONValue) -> Int {
        var count = 1
        if let text = value.text {
            #expect(String(validating: text.string.utf8, as: UTF8.self) != nil)
            #expect(String(decoding: text.string.utf8, as: UTF8.self).utf8.count == text.span.count)
        }
        for element in value.elements { count += walk(element) }
        for member in value.members {
            #expect(value.member(member.name.string) != nil)
            count += walk(member.value)
        }
        #expect(value.path.count <= JSONDocument.maximumDepth)
        return count
    }

    @Test(arguments: 0..<20) func `a damaged document is refused, or can be looked at everywhere`(
        group: Int
    ) {
        var random = SplitMix(seed: UInt64(group))
        let marks =
            Array("{}[]\",:0123456789-+.eE\\/untrfalse \u{7f}".utf8) + [0, 0x1f, 0x80, 0xbf, 0xc3, 0xed, 0xf0, 0xff]
        for _ in 0..<50 {
            let whole = RandomDocument(seed: random.next()).bytes
            for _ in 0..<20 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
                    let mark = marks.randomElement(using: &random) ?? 0
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0 where !bytes.isEmpty: bytes[place] = mark
                    case 1 where !bytes.isEmpty: bytes.remove(at: place)
                    case 2 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    default: bytes.insert(mark, at: min(place, bytes.count))
                    }
                }
                guard let document = try? JSONDocument(bytes) else { continue }
                #expect(walk(document.root) > 0)
                // What we take for JSON, Foundation does too, except numbers that do not fit its types.
                do {
                    _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
                } catch {
                    #expect("\(error)".contains("is not representable"), "\(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
    }
}
