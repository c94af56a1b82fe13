// SPDX-License-Identifier: Apache-2.0

/// The forms of a host that the settings take. Text in, yes or no out: nothing is resolved.
enum HostName {
    /// A DNS name, an IPv4 address, or an IPv6 address in brackets.
    static func isValid(_ text: String) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") { return IPAddress.isVersion6(String(text.dropFirst().dropLast())) }
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isLabel)
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
            && label.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// Numeric addresses.
enum IPAddress {
    static func isValid(_ text: String) -> Bool { isVersion4(text) || isVersion6(text) }

    /// Four decimal numbers without leading zeros (which some readers take for octal).
    static func isVersion4(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0).map(String.init) == String($0) }
    }

    /// The forms of RFC 4291 §2.2, without a zone.
    static func isVersion6(_ text: String) -> Bool {
        guard text.utf8.count <= 45 else { return false }
        let halves = split(text)
        guard halves.count <= 2 else { return false }
        var groups = 0
        for (index, half) in halves.enumerated() {
            guard let count = groupCount(half, mayEndInVersion4: index == halves.count - 1) else { return false }
            groups += count
        }
        return halves.count == 2 ? groups <= 7 : groups == 8
    }

    /// What stands before and behind `::`; `:::` gives three parts and so is refused.
    private static func split(_ text: String) -> [Substring] {
        var halves: [Substring] = []
        var rest = text[...]
        while let place = rest.firstRange(of: "::") {
            halves.append(rest[..<place.lowerBound])
            rest = rest[place.upperBound...]
            if rest.hasPrefix(":") { return ["", "", ""] }
        }
        return halves + [rest]
    }

    /// The number of 16-bit groups, nil where a part is not one. An empty half has none.
    private static func groupCount(_ half: Substring, mayEndInVersion4: Bool) -> Int? {
        if half.isEmpty { return 0 }
        let parts = half.split(separator: ":", omittingEmptySubsequences: false)
        var count = parts.count
        for (index, part) in parts.enumerated() {
            if mayEndInVersion4, index == parts.count - 1, part.contains(".") {
                guard isVersion4(part) else { return nil }
                count += 1
            } else if !(1...4).contains(part.utf8.count) || !part.utf8.allSatisfy(isHexDigit) {
                return nil
            }
        }
        return count
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
