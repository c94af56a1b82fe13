// SPDX-License-Identifier: Apache-2.0

/// Which key shares are wrapped under, as it stands in a chamber's record: `arn:aws:kms:…` or `local:/path`. A key has one
/// name only, so that two names are two keys.
package struct KeyName: Hashable, Sendable, CustomStringConvertible {
    package enum Holder: Hashable, Sendable {
        case awsKMS(AWSKMSKey)
        /// A file of this machine, for development and tests.
        case local(path: String)
    }

    package let text: String
    package let holder: Holder

    package init(_ text: String) throws(WrappingError) {
        self.text = text
        do throws(Malformed) {
            if text.hasPrefix("arn:") {
                holder = .awsKMS(try AWSKMSKey(text))
            } else if text.hasPrefix("local:") {
                holder = .local(path: try Self.path(text.dropFirst("local:".count)))
            } else {
                throw Malformed("a key is named by the ARN of an AWS KMS key, or local:/path for development")
            }
        } catch {
            // It comes from elsewhere and goes into logs.
            let shown = String(text.unicodeScalars.prefix(200).map { Self.isPrintable($0) ? Character($0) : "?" })
            throw WrappingError(.name, key: shown, "this is not the name of a key", error.reason)
        }
    }

    package var description: String { text }

    /// Whether it is one for development and tests, which whoever uses it says loudly.
    package var isLocal: Bool { if case .local = holder { true } else { false } }

    private static func path(_ text: Substring) throws(Malformed) -> String {
        guard text.hasPrefix("/") else { throw Malformed("the path has to be absolute: local:/path") }
        let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !["", ".", ".."].contains($0) }) else {
            throw Malformed("the path has an empty part, . or .., so that one file had several names")
        }
        guard text.utf8.count < 4096, text.unicodeScalars.allSatisfy(isPrintable) else {
            throw Malformed("the path is too long, or has something else in it than printable ASCII")
        }
        return String(text)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool { (0x20..<0x7f).contains(scalar.value) }

    /// Completes a sentence about a name.
    struct Malformed: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }
}

/// A key of AWS KMS, by its ARN: where it is, whose it is, which it is.
package struct AWSKMSKey: Hashable, Sendable {
    package let partition: String
    package let region: String
    package let account: String
    /// A UUID, or `mrk-` and 32 digits for a key with replicas in other regions.
    package let identifier: String

    package var arn: String { "arn:\(partition):kms:\(region):\(account):key/\(identifier)" }

    init(_ text: String) throws(KeyName.Malformed) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "kms" else {
            throw .init("the ARN of a KMS key has the form arn:aws:kms:REGION:ACCOUNT:key/ID")
        }
        guard !parts[5].hasPrefix("alias/") else {
            throw .init(
                "an alias can be pointed at another key later, which opens nothing; take the ARN of the key itself (aws kms describe-key --key-id ARN)"
            )
        }
        (partition, region, account) = (parts[1], parts[3], parts[4])
        guard Self.isRegion(region, in: partition) else {
            throw .init("its region '\(region)' is not one of the partition '\(partition)' (aws, aws-cn, aws-us-gov)")
        }
        guard account.utf8.count == 12, account.utf8.allSatisfy(Self.isDigit) else {
            throw .init("its account '\(account)' is not a number of 12 digits")
        }
        guard parts[5].hasPrefix("key/"), Self.isIdentifier(parts[5].dropFirst(4)) else {
            throw .init("behind key/ stands a UUID, or mrk- and 32 digits, in lower case")
        }
        identifier = String(parts[5].dropFirst(4))
    }

    private static func isRegion(_ region: String, in partition: String) -> Bool {
        let words = region.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count >= 3, let number = words.last, let area = words.first, area.utf8.count == 2,
            (1...2).contains(number.utf8.count), number.utf8.allSatisfy(isDigit),
            words.dropLast().allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isLetter) })
        else { return false }
        return switch partition {
        case "aws": !region.hasPrefix("cn-") && !region.hasPrefix("us-gov-")
        case "aws-cn": region.hasPrefix("cn-")
        case "aws-us-gov": region.hasPrefix("us-gov-")
        default: false
        }
    }

    private static func isIdentifier(_ text: Substring) -> Bool {
        if text.hasPrefix("mrk-") {
            let digits = text.dropFirst(4)
            return digits.utf8.count == 32 && digits.utf8.allSatisfy(isHexadecimal)
        }
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.utf8.count) == [8, 4, 4, 4, 12] && groups.allSatisfy { $0.utf8.allSatisfy(isHexadecimal) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
    private static func isLetter(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "a") < 26 }
    private static func isHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || byte &- UInt8(ascii: "a") < 6 }
}
