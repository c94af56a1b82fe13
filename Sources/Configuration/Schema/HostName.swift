// SPDX-License-Identifier: Apache-2.0
internal import Encoding

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

extension IPAddress {
    static func isValid(_ text: String) -> Bool { IPAddress(text) != nil }

    /// In the notation of IPv6, an IPv4 address inside it too.
    static func isVersion6(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: ":")) && isValid(text) }
}
