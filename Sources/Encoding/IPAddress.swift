// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address. An IPv4 address inside IPv6 (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) is the IPv4 address: a
/// client has one address whatever the socket.
package struct IPAddress: Hashable, Sendable {
    /// Of IPv4 the four bytes, most significant first; of IPv6 all sixteen.
    package let bits: UInt128
    package let isVersion4: Bool

    package init(version4 bits: UInt32) {
        self.bits = UInt128(bits)
        isVersion4 = true
    }

    package init(version6 bits: UInt128) {
        isVersion4 = bits >> 32 == 0xffff
        self.bits = isVersion4 ? bits & 0xffff_ffff : bits
    }

    /// Bits of an address of this version.
    package var width: Int { isVersion4 ? 32 : 128 }

    /// Reads the dotted form or one of the forms of RFC 4291 §2.2, without zone, brackets or port. Nil for all else:
    /// leading zeros too, which some programs read as octal.
    package init?(_ text: some StringProtocol) {
        if let bits = Self.version4(text) {
            self.init(version4: bits)
        } else if let bits = Self.version6(text) {
            self.init(version6: bits)
        } else {
            return nil
        }
    }

    private static func version4(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part), String(byte) == part else { return nil }
            bits = bits << 8 | UInt32(byte)
        }
        return bits
    }

    private static func version6(_ text: some StringProtocol) -> UInt128? {
        guard text.utf8.count <= 45 else { return nil }
        var halves = [text[...]]
        if let gap = text.firstRange(of: "::") { halves = [text[..<gap.lowerBound], text[gap.upperBound...]] }
        guard halves.count == 1 || !halves[1].contains("::"), !halves[halves.count - 1].hasPrefix(":") else {
            return nil
        }
        var groups: [[UInt16]] = []
        for (place, half) in halves.enumerated() {
            guard let read = self.groups(half, mayEndInVersion4: place == halves.count - 1) else { return nil }
            groups.append(read)
        }
        let count = groups.reduce(0) { $0 + $1.count }
        guard groups.count == 2 ? count <= 7 : count == 8 else { return nil }
        let filled = groups.count == 2 ? groups[0] + Array(repeating: 0, count: 8 - count) + groups[1] : groups[0]
        return filled.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
    }

    /// The 16-bit groups; nil where a part is not one. An empty half has none.
    private static func groups(_ half: some StringProtocol, mayEndInVersion4: Bool) -> [UInt16]? {
        if half.isEmpty { return [] }
        let parts = half.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (place, part) in parts.enumerated() {
            if mayEndInVersion4, place == parts.count - 1, let bits = version4(part) {
                groups += [UInt16(bits >> 16), UInt16(bits & 0xffff)]
            } else if (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexDigit),
                let group = UInt16(part, radix: 16)
            {
                groups.append(group)
            } else {
                return nil
            }
        }
        return groups
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

extension IPAddress: CustomStringConvertible {
    /// Dotted, or the canonical form of RFC 5952.
    package var description: String {
        if isVersion4 {
            return (0..<4).map { String(UInt8(truncatingIfNeeded: bits >> (24 - 8 * $0))) }.joined(separator: ".")
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> (112 - 16 * $0)) }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            let end = groups[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > max(1, longest.count) { longest = start..<end }
            start = max(end, start) + 1
        }
        func text(_ range: Range<Int>) -> String { groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
        if longest.isEmpty { return text(0..<8) }
        return text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<8)
    }
}

/// A block of addresses in the notation of CIDR (RFC 4632 §3.1): `10.0.0.0/8`, `2001:db8::/32`, or one address.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    package let base: IPAddress
    /// Leading bits that count.
    package let prefix: Int

    package enum Failure: Error, Equatable, CustomStringConvertible {
        case notARange
        /// Bits behind the prefix are set: `10.0.0.1/8` may mean the address or the block.
        case bitsBehindPrefix(block: String)

        package var description: String {
            switch self {
            case .notARange: "is no block of addresses such as 10.0.0.0/8 or 2001:db8::/32"
            case .bitsBehindPrefix(let block): "has bits set behind the prefix; the block that holds it is \(block)"
            }
        }
    }

    package init(_ text: some StringProtocol) throws(Failure) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = parts.first.flatMap({ IPAddress($0) }) else { throw .notARange }
        self.base = base
        guard parts.count == 2 else {
            prefix = base.width
            return
        }
        // An IPv4 address in the form of IPv6 has no prefix that one reader would not take for the other's.
        let isMapped = base.isVersion4 && parts[0].contains(":")
        guard let prefix = Int(parts[1]), String(prefix) == parts[1], (0...base.width).contains(prefix), !isMapped
        else { throw .notARange }
        self.prefix = prefix
        let block = base.masked(prefix)
        guard block == base else { throw .bitsBehindPrefix(block: "\(block)/\(prefix)") }
    }

    /// IPv4 and IPv6 share nothing: `::/0` holds no IPv4 address.
    package func contains(_ address: IPAddress) -> Bool {
        address.isVersion4 == base.isVersion4 && address.masked(prefix) == base
    }

    package var description: String { "\(base)/\(prefix)" }
}

extension IPAddress {
    fileprivate func masked(_ prefix: Int) -> IPAddress {
        // A shift by the whole width gives zero.
        let mask: UInt128 = width == 32 ? 0xffff_ffff : .max
        return IPAddress(bits: bits & (mask << UInt128(width - prefix)) & mask, isVersion4: isVersion4)
    }

    private init(bits: UInt128, isVersion4: Bool) {
        self.bits = bits
        self.isVersion4 = isVersion4
    }
}
