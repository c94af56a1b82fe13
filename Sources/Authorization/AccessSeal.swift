// SPDX-License-Identifier: Apache-2.0
package import Encoding
internal import SignerState

/// What tags the rows of policies, tokens and bound certificates: keys that only an open chamber has. Who can write the
/// signer state, and nothing else, cannot make a row that fits.
package protocol AccessSeal: Sendable {
    /// Whose keys they are.
    var chamber: Bytes<16> { get }
    /// Which master key of the chamber they come from.
    var generation: UInt64 { get }

    func tag(row message: [UInt8]) -> Bytes<32>
    /// Under another key than rows, so that no row can stand in the place of the catalogue.
    func tag(catalogue message: [UInt8]) -> Bytes<32>
}

extension AccessSeal {
    /// The tag of a row as it stands, or will stand.
    func tag(_ name: StateRowName, version: UInt64, body: [UInt8]) -> Bytes<32> {
        tag(row: AccessMessage.of(name, version: version, generation: generation, body: body))
    }

    func catalogueTag(version: UInt64, body: [UInt8]) -> Bytes<32> {
        tag(catalogue: AccessMessage.of(AccessRows.catalogue, version: version, generation: generation, body: body))
    }
}

/// What a tag is made over (docs/formats.md). Every part stands behind its length, so that no two rows have the same message.
enum AccessMessage {
    static let version: UInt8 = 1

    static func of(_ name: StateRowName, version: UInt64, generation: UInt64, body: [UInt8]) -> [UInt8] {
        var message: [UInt8] = [Self.version]
        message.reserveCapacity(body.count + 128)
        for text in [name.kind, name.name] { add(Array(text.utf8), to: &message) }
        add(version, to: &message)
        add(generation, to: &message)
        add(body, to: &message)
        return message
    }

    private static func add(_ bytes: [UInt8], to message: inout [UInt8]) {
        add(UInt64(bytes.count), to: &message)
        message += bytes
    }

    private static func add(_ number: UInt64, to message: inout [UInt8]) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            message.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}

/// A body with its tag around it: `{"generation":G,"tag":"T","row":` body `}`, exactly so. The tag is over bytes as they
/// lie there, so nothing of it depends on how somebody writes JSON.
struct TaggedBody: Hashable, Sendable {
    let generation: UInt64
    let tag: Bytes<32>
    let body: [UInt8]

    var encoded: [UInt8] {
        let head = #"{"generation":\#(generation),"tag":"\#(Hex.encode(tag.span, prefix: false))","row":"#
        return Array(head.utf8) + body + [UInt8(ascii: "}")]
    }

    init(generation: UInt64, tag: Bytes<32>, body: [UInt8]) {
        self.generation = generation
        self.tag = tag
        self.body = body
    }

    /// Nil where there is none around it.
    init?(_ bytes: [UInt8]) {
        let opening = Array(#"{"generation":"#.utf8), middle = Array(#","tag":""#.utf8),
            closing = Array(#"","row":"#.utf8)
        guard bytes.starts(with: opening), bytes.last == UInt8(ascii: "}") else { return nil }
        var rest = bytes[opening.count...]
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let generation = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
        rest = rest[digits.endIndex...]
        guard rest.starts(with: middle) else { return nil }
        rest = rest.dropFirst(middle.count)
        guard let tag: Bytes<32> = try? Hex.decode(String(decoding: rest.prefix(64), as: UTF8.self)) else { return nil }
        rest = rest.dropFirst(64)
        guard rest.starts(with: closing), rest.count > closing.count else { return nil }
        self.init(generation: generation, tag: tag, body: Array(rest.dropFirst(closing.count).dropLast()))
        // One spelling: no zeros in front, no capitals.
        guard encoded == bytes else { return nil }
    }
}
