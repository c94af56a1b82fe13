// SPDX-License-Identifier: Apache-2.0
package import Encoding
internal import JSON
internal import Telemetry

/// What the first line of every file says: which chain it belongs to, which file of it this is, and the hash of the last
/// line before it, so that a file can be read without those before it.
package struct AuditFileHeader: Hashable, Sendable {
    package static let version: UInt64 = 1
    static let event = "file"

    package enum Reason: String, Sendable {
        case first, size, start, moved
        case failedSync = "failed_sync"
    }

    package let chain: Bytes<16>
    package let file: UInt64
    package let previous: Bytes<32>

    package init(chain: Bytes<16>, file: UInt64, previous: Bytes<32>) {
        self.chain = chain
        self.file = file
        self.previous = previous
    }

    /// As it stands in a line.
    func event(_ reason: Reason) -> AuditEvent {
        AuditEvent(
            .trail(
                Self.event,
                [
                    "version": .unsigned(Self.version), "chain": .text(Hex.encode(chain.span, prefix: false)),
                    "file": .unsigned(file), "previous": .text(Hex.encode(previous.span, prefix: false)),
                    "begun_by": .text(reason.rawValue),
                ]
            ),
            .done
        )
    }

    /// Why the file of a first line was begun; nil where it does not say so, or says what this version does not know.
    static func reason(of line: [UInt8]) -> Reason? {
        guard let document = try? JSONDocument(line, maximumNodes: 64) else { return nil }
        return document.root.member("begun_by")?.text.flatMap { Reason(rawValue: $0.string) }
    }

    /// Nil where a line is no first line.
    package init?(line: Span<UInt8>) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.count)
        for place in line.indices { bytes.append(line[place]) }
        guard let document = try? JSONDocument(bytes, maximumNodes: 64) else { return nil }
        func text(_ name: String) -> String? { document.root.member(name)?.text?.string }
        guard text("event") == "audit_" + Self.event, text("version") == "\(Self.version)",
            let chain: Bytes<16> = text("chain").flatMap({ try? Hex.decode($0) }),
            let previous: Bytes<32> = text("previous").flatMap({ try? Hex.decode($0) }),
            let file = text("file").flatMap({ UInt64($0) }), file > 0
        else { return nil }
        self.init(chain: chain, file: file, previous: previous)
    }
}
