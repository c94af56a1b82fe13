// SPDX-License-Identifier: Apache-2.0
package import Encoding
package import Secrets

/// One share of a chamber's secret, in the form in which it is wrapped (docs/formats.md): a byte for the version of the
/// form, the share's number, the 16 bytes of the ceremony that made it, the value. Shares of different ceremonies do not
/// belong together, and say so before anything is combined.
package final class KeyShare: Sendable {
    package static let version: UInt8 = 1
    /// Bytes in front of the value.
    package static let headerLength = 18

    package let number: UInt8
    /// The ceremony that made it: an initialisation, a rotation.
    package let ceremony: CeremonyIdentifier
    /// All of it, header and value.
    package let encoded: SecretBytes

    /// Takes a share out of its wrapping.
    ///
    /// - Throws: where the bytes are no share of this version.
    package init(_ encoded: consuming SecretBytes) throws(KeyShareError) {
        let header = encoded.withSpan { bytes in
            bytes.count > Self.headerLength ? (bytes[0], bytes[1]) : nil
        }
        guard let header else { throw .malformed("it has only \(encoded.count) bytes") }
        guard header.0 == Self.version else { throw .malformed("its form has the version \(header.0)") }
        guard header.1 != 0 else { throw .malformed("it has the number 0") }
        number = header.1
        // Not secret: it stands in the chamber's record too.
        ceremony = CeremonyIdentifier(
            encoded.withSpan { Bytes<16>(copying: $0.extracting(2..<Self.headerLength)) }
        )
        self.encoded = encoded
    }

    private init(number: UInt8, ceremony: CeremonyIdentifier, value: Span<UInt8>) {
        self.number = number
        self.ceremony = ceremony
        encoded = SecretBytes(count: Self.headerLength + value.count) { target in
            target.storeBytes(of: Self.version, toByteOffset: 0, as: UInt8.self)
            target.storeBytes(of: number, toByteOffset: 1, as: UInt8.self)
            for place in 0..<16 {
                target.storeBytes(of: ceremony.bytes.span[place], toByteOffset: 2 + place, as: UInt8.self)
            }
            for place in 0..<value.count {
                target.storeBytes(of: value[place], toByteOffset: Self.headerLength + place, as: UInt8.self)
            }
        }
    }

    /// Bytes of the value: as many as the secret has.
    package var valueLength: Int { encoded.count - Self.headerLength }

    // MARK: Many

    /// The shares of a secret, numbered from 1.
    package static func split(
        _ secret: borrowing SecretBytes,
        threshold: Int,
        count: Int,
        in ceremony: CeremonyIdentifier
    ) -> [KeyShare] {
        let length = secret.count
        let values = secret.withSpan { Shamir.split($0, threshold: threshold, count: count) }
        return (0..<count).map { place in
            values.withSpan { values in
                KeyShare(
                    number: UInt8(place + 1),
                    ceremony: ceremony,
                    value: values.extracting((place * length)..<((place + 1) * length))
                )
            }
        }
    }

    /// The secret of the shares of a ceremony, out of as many as its threshold says; further ones are not looked at.
    ///
    /// - Throws: where there are too few, or they do not belong together.
    package static func combine(
        _ shares: [KeyShare],
        threshold: Int,
        in ceremony: CeremonyIdentifier
    ) throws(KeyShareError) -> SecretBytes {
        for share in shares where share.ceremony != ceremony { throw .foreign(number: share.number) }
        var used: [KeyShare] = []
        for share in shares where !used.contains(where: { $0.number == share.number }) { used.append(share) }
        guard used.count >= threshold else { throw .insufficient(have: used.count, need: threshold) }
        used = Array(used.prefix(threshold))
        let length = used[0].valueLength
        guard used.allSatisfy({ $0.valueLength == length }) else { throw .malformed("they differ in length") }
        let values = SecretBytes(count: threshold * length) { target in
            for (place, share) in used.enumerated() {
                share.encoded.withSpan { bytes in
                    for offset in 0..<length {
                        target.storeBytes(
                            of: bytes[headerLength + offset],
                            toByteOffset: place * length + offset,
                            as: UInt8.self
                        )
                    }
                }
            }
        }
        return values.withSpan { Shamir.combine(used.map(\.number), $0) }
    }
}

/// Why shares give no secret.
package enum KeyShareError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(String)
    /// It was made in another ceremony.
    case foreign(number: UInt8)
    case insufficient(have: Int, need: Int)

    package var description: String {
        switch self {
        case .malformed(let reason): "this is no share of a key: \(reason)"
        case .foreign(let number):
            "share \(number) was made in another ceremony than the one that holds; it was replaced by a rotation, or belongs to another chamber"
        case .insufficient(let have, let need):
            "Shamir reconstruction failed: insufficient shares (\(have) of the \(need) that are needed)"
        }
    }
}

/// Which ceremony made a set of shares: 16 random bytes.
package struct CeremonyIdentifier: Hashable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<16>

    package init(_ bytes: Bytes<16>) { self.bytes = bytes }

    /// A new one.
    package static func random() -> CeremonyIdentifier {
        CeremonyIdentifier(Bytes<16>(copying: Random.bytes(16).span))
    }

    package var description: String { Hex.encode(bytes.span, prefix: false) }
}
