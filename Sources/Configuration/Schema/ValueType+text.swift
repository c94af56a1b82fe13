// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Encoding
internal import YAML

extension ValueType where Value == String {
    /// The path of a file or folder, taken relative to the working directory.
    static let path = ValueType(
        "path",
        placeholder: "PATH",
        read: { text throws(ValueFailure) in
            guard !text.isEmpty else { throw ValueFailure("is empty where a path is needed") }
            guard !text.utf8.contains(0) else { throw ValueFailure("contains a NUL byte") }
            guard text != "~", !text.hasPrefix("~/") else {
                throw ValueFailure("begins with ~, which only a shell expands", hint: "write the path out")
            }
            return text
        },
        write: { $0 }
    )

    /// A name that somebody else has given.
    static let word = ValueType(
        "text",
        placeholder: "TEXT",
        read: { text throws(ValueFailure) in
            guard !text.isEmpty, !text.utf8.contains(0) else { throw ValueFailure("is empty, or holds a NUL byte") }
            return text
        },
        write: { $0 }
    )

    /// A numeric address to listen on.
    static let address = ValueType(
        "IPv4 or IPv6 address",
        placeholder: "ADDRESS",
        read: { text throws(ValueFailure) in
            guard IPAddress.isValid(text) else {
                throw ValueFailure(
                    "is an address such as 127.0.0.1 or ::1, not \(YAMLText.quoted(text, limit: 40))",
                    hint: text == "localhost" ? "localhost is 127.0.0.1" : nil
                )
            }
            return text
        },
        write: { $0 }
    )

    /// A name as clients write it in `Host`, without port.
    static let host = ValueType(
        "host name or address without port, or * for any",
        placeholder: "HOST",
        read: { text throws(ValueFailure) in
            if text == "*" || HostName.isValid(text) { return text.lowercased() }
            let shown = YAMLText.quoted(text, limit: 60)
            if let colon = text.lastIndex(of: ":"), HostName.isValid(String(text[..<colon])) {
                throw ValueFailure("is a host name without port, not \(shown)", hint: "leave the port away")
            }
            if IPAddress.isVersion6(text) {
                throw ValueFailure("is not \(shown)", hint: "an IPv6 address stands in brackets: [\(text)]")
            }
            throw ValueFailure("is a host name or address, not \(shown)")
        },
        write: { $0 }
    )

    /// Directives as of `RUST_LOG`: `info`, `off,audit=info`, `containment_chamber=debug`.
    static let logFilter = ValueType(
        "log filter",
        placeholder: "FILTER",
        read: { text throws(ValueFailure) in
            for directive in text.split(separator: ",") where !directive.trimmed.isEmpty {
                try LogDirective.check(directive)
            }
            return text
        },
        write: { $0 }
    )
}

extension ValueType {
    /// Exactly `count` bytes of hexadecimal text. A text that does not fit is not repeated: it may be a private key.
    static func bytes<let count: Int>(_ name: String) -> ValueType where Value == Bytes<count> {
        ValueType(
            name,
            placeholder: "0xHEX",
            read: { text throws(ValueFailure) in
                do throws(Hex.Failure) {
                    return try Hex.decode(text)
                } catch {
                    throw ValueFailure("is not \(name): it \(error)")
                }
            },
            write: { $0.description }
        )
    }

    /// One of the words (or numbers) of an enumeration. `unavailable` names what exists elsewhere but not here.
    static func choice(unavailable: [String: String] = [:]) -> ValueType
    where Value: RawRepresentable & CaseIterable, Value.RawValue: LosslessStringConvertible {
        let words = Value.allCases.map { String($0.rawValue) }
        return ValueType(
            words.joined(separator: " or "),
            placeholder: words.joined(separator: "|"),
            isBare: Value.RawValue.self == Int.self,
            read: { text throws(ValueFailure) in
                if let value = Value.allCases.first(where: { String($0.rawValue) == text }) { return value }
                if let reason = unavailable[text] { throw ValueFailure("is \(text), but \(reason)") }
                let nearest = Suggestion.nearest(to: text, in: words)
                throw ValueFailure(
                    "is \(words.joined(separator: " or ")), not \(YAMLText.quoted(text, limit: 40))",
                    hint: nearest.map { "did you mean \($0)?" }
                )
            },
            write: { String($0.rawValue) }
        )
    }
}

/// One directive of a log filter.
private enum LogDirective {
    static func check(_ text: Substring) throws(ValueFailure) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        let target = parts[0].trimmed
        guard parts.count <= 2, !target.isEmpty, target.utf8.allSatisfy(isTargetByte) else {
            throw ValueFailure(
                "is not a list of LEVEL or TARGET=LEVEL",
                hint: "write for example info or off,audit=info"
            )
        }
        if parts.count == 2, !levels.contains(parts[1].trimmed.lowercased()) {
            throw ValueFailure(
                "has no known level for \(target.prefix(40))",
                hint: "levels are \(levels.joined(separator: ", "))"
            )
        }
    }

    private static let levels = ["off", "error", "warn", "info", "debug", "trace"]

    private static func isTargetByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "."),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    var trimmed: String {
        let start = drop { $0 == " " || $0 == "\t" }
        return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
