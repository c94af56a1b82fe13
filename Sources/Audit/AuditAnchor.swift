// SPDX-License-Identifier: Apache-2.0
package import Encoding
internal import Foundation

/// The head of a chain as the signer state keeps it, so that a cut end of the file shows too.
package struct AuditAnchor: Hashable, Sendable {
    package let chain: Bytes<16>
    package let head: AuditHead
    /// The file in which that line stands, and the oldest one that was kept then.
    package let file: UInt64
    package let oldest: UInt64
    /// Seconds since 1970.
    package let time: Int64
    /// Where the file lies, for people.
    package let place: String

    package init(chain: Bytes<16>, head: AuditHead, file: UInt64, oldest: UInt64, time: Int64, place: String) {
        self.chain = chain
        self.head = head
        self.file = file
        self.oldest = oldest
        self.time = time
        self.place = place
    }

    /// Tags a message under a key that only the chamber has.
    package typealias Tagging = @Sendable ([UInt8]) -> Bytes<32>

    /// What stands before the fields in what is tagged.
    static let label = "containment-chamber audit head 1"

    /// What is tagged: label and fields, a line each. No field can hold a line feed before the last.
    private var message: [UInt8] {
        let lines = [
            Self.label, Hex.encode(chain.span, prefix: false), "\(head.sequence)",
            Hex.encode(head.hash.span, prefix: false), "\(file)", "\(oldest)", "\(time)", place,
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// As a row of the signer state, or as the admin socket tells it.
    private struct Document: Codable {
        let version: Int
        let chain: String
        let sequence: String
        let hash: String
        let file: String
        let oldest: String
        let time: Int64
        let place: String
        let mac: String?
    }

    /// - Parameter tag: nil leaves the tag out, for a reader who believes the way that it came.
    package func encoded(_ tag: Tagging?) -> [UInt8] {
        let document = Document(
            version: 1,
            chain: Hex.encode(chain.span, prefix: false),
            sequence: "\(head.sequence)",
            hash: Hex.encode(head.hash.span, prefix: false),
            file: "\(file)",
            oldest: "\(oldest)",
            time: time,
            place: place,
            mac: tag.map { Hex.encode($0(message).span, prefix: false) }
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(document)) } catch {
            preconditionFailure("a value of ours cannot be encoded: \(error)")
        }
    }

    /// Why a row is no anchor.
    package enum Failure: Error, Hashable, Sendable {
        /// It is not one of this version.
        case unreadable
        /// Its tag is not the chamber's: it was edited, or the token key was exchanged.
        case forged
    }

    package static func decode(_ body: [UInt8], _ tag: Tagging?) throws(Failure) -> Self {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(body)), document.version == 1,
            let chain: Bytes<16> = try? Hex.decode(document.chain),
            let hash: Bytes<32> = try? Hex.decode(document.hash), let sequence = UInt64(document.sequence),
            let file = UInt64(document.file), let oldest = UInt64(document.oldest)
        else { throw .unreadable }
        let anchor = Self(
            chain: chain,
            head: AuditHead(sequence: sequence, hash: hash),
            file: file,
            oldest: oldest,
            time: document.time,
            place: document.place
        )
        if let tag {
            guard let given: Bytes<32> = document.mac.flatMap({ try? Hex.decode($0) }), given == tag(anchor.message)
            else { throw .forged }
        }
        return anchor
    }
}
