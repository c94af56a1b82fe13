// SPDX-License-Identifier: Apache-2.0
internal import Consensus
package import Encoding

/// The highest slot, source and target that an instance has let out for one validator. Low watermarks of the same
/// numbers make a record that forgot them safe again.
package struct FloorMark: Hashable, Sendable {
    package let record: RecordIdentity
    package let marks: Watermarks

    package init(record: RecordIdentity, marks: Watermarks) {
        self.record = record
        self.marks = marks
    }
}

extension Watermarks {
    /// What a message reaches.
    package init(reaching duty: SlashableDuty) {
        switch duty {
        case .block(let slot): self.init(slot: slot)
        case .attestation(let source, let target): self.init(source: source, target: target)
        }
    }

    /// For messages: `slot 10, source 3, target 4`, or `nothing`.
    package var words: String {
        let parts = [
            slot.map { "slot \($0)" }, source.map { "source \($0)" }, target.map { "target \($0)" },
        ].compactMap(\.self)
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }
}

/// One instance of the signer, as the record's list of them knows it.
package struct FloorInstance: Hashable, Sendable {
    /// Random, made once with the floor: an instance that lost its floor is another one.
    package let identifier: Bytes<16>
    /// For people, and to notice an instance whose floor is gone: host and place of the floor.
    package let name: String

    package init(identifier: Bytes<16>, name: String) {
        self.identifier = identifier
        self.name = name
    }

    /// The identifier in hexadecimal digits.
    package var digits: String { Hex.encode(identifier.span, prefix: false) }
}

/// Which database answered and how far it has been written, as the database itself says it. Opaque: compared, never
/// interpreted.
package struct DatabaseIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Two databases that were ever one have the same; PostgreSQL's system identifier.
    package let system: String
    /// Rises when a copy takes over.
    package let timeline: UInt64
    /// Rises with everything that is written.
    package let position: UInt64

    package init(system: String, timeline: UInt64, position: UInt64) {
        self.system = system
        self.timeline = timeline
        self.position = position
    }

    /// Whether a database that was seen at `earlier` cannot be this one without having lost something. A copy that took
    /// over and lies behind what was seen has lost commits, however new its timeline.
    package func isStepBack(from earlier: DatabaseIdentity) -> Bool {
        system != earlier.system || timeline < earlier.timeline || position < earlier.position
    }

    package var description: String { "system \(system), timeline \(timeline), position \(position)" }
}
