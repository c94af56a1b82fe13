// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import JSON

/// One element of `data`; reading it never fails, so that one bad validator does not hide the others.
struct InterchangeElement {
    /// Where in the element something cannot be read, and none of its content.
    struct Problem: Error { let reason: String }

    /// As the element has it, where that much could be read; a long text is cut.
    let publicKey: String?
    let content: Result<ValidatorRecord, Problem>

    private static let pubkey = Array("pubkey".utf8)
    private static let blocks = Array("signed_blocks".utf8)
    private static let attestations = Array("signed_attestations".utf8)
    private static let slot = Array("slot".utf8)
    private static let root = Array("signing_root".utf8)
    private static let source = Array("source_epoch".utf8)
    private static let target = Array("target_epoch".utf8)

    static func read(_ value: JSONValue) -> InterchangeElement {
        let text = value.member("pubkey")?.string
        let shown = text.map { String($0.string.prefix(100)) }
        do throws(Problem) {
            guard value.kind == .object else { throw Problem(reason: "not an object") }
            guard let key = text.flatMap({ Bytes<48>(hexadecimal: $0) }) else {
                throw Problem(reason: "pubkey is missing or not 48 bytes in hexadecimal")
            }
            return InterchangeElement(publicKey: shown, content: .success(try readHistory(value, PublicKey(key))))
        } catch {
            return InterchangeElement(publicKey: shown, content: .failure(error))
        }
    }

    private static func readHistory(_ value: JSONValue, _ key: PublicKey) throws(Problem) -> ValidatorRecord {
        var (pubkeys, blocks, attestations): (Int, [RecordedBlock]?, [RecordedAttestation]?) = (0, nil, nil)
        for member in value.members {
            // Of two lists under one name one would be lost.
            if member.name.says(Self.pubkey) {
                pubkeys += 1
                guard pubkeys == 1 else { throw Problem(reason: ".pubkey stands there twice") }
            } else if member.name.says(Self.blocks) {
                guard blocks == nil else { throw Problem(reason: ".signed_blocks stands there twice") }
                blocks = try readBlocks(member.value)
            } else if member.name.says(Self.attestations) {
                guard attestations == nil else { throw Problem(reason: ".signed_attestations stands there twice") }
                attestations = try readAttestations(member.value)
            }
        }
        // Both are required (EIP-3076, JSON schema): a history whose name is misspelt must not count as empty.
        guard let blocks else { throw Problem(reason: ".signed_blocks is missing") }
        guard let attestations else { throw Problem(reason: ".signed_attestations is missing") }
        return ValidatorRecord(publicKey: key, blocks: blocks, attestations: attestations)
    }

    private static func readBlocks(_ list: JSONValue) throws(Problem) -> [RecordedBlock] {
        guard list.kind == .array else { throw Problem(reason: ".signed_blocks is not a list") }
        var blocks: [RecordedBlock] = []
        for entry in list.elements {
            var slot: UInt64?
            var root = RootMember()
            for member in entry.members {
                if member.name.says(Self.slot) {
                    slot = try number(member.value, again: slot != nil) { ".signed_blocks[\(blocks.count)].slot" }
                } else if member.name.says(Self.root) {
                    try root.take(member.value) { ".signed_blocks[\(blocks.count)].signing_root" }
                }
            }
            guard let slot else { throw Problem(reason: ".signed_blocks[\(blocks.count)].slot is missing") }
            blocks.append(RecordedBlock(slot: Slot(slot), root: root.value))
        }
        return blocks
    }

    private static func readAttestations(_ list: JSONValue) throws(Problem) -> [RecordedAttestation] {
        guard list.kind == .array else { throw Problem(reason: ".signed_attestations is not a list") }
        var votes: [RecordedAttestation] = []
        func place(_ name: String) -> String { ".signed_attestations[\(votes.count)].\(name)" }
        for entry in list.elements {
            var (source, target): (UInt64?, UInt64?) = (nil, nil)
            var root = RootMember()
            for member in entry.members {
                if member.name.says(Self.source) {
                    source = try number(member.value, again: source != nil) { place("source_epoch") }
                } else if member.name.says(Self.target) {
                    target = try number(member.value, again: target != nil) { place("target_epoch") }
                } else if member.name.says(Self.root) {
                    try root.take(member.value) { place("signing_root") }
                }
            }
            guard let source else { throw Problem(reason: "\(place("source_epoch")) is missing") }
            guard let target else { throw Problem(reason: "\(place("target_epoch")) is missing") }
            votes.append(RecordedAttestation(source: Epoch(source), target: Epoch(target), root: root.value))
        }
        return votes
    }

    /// A number as EIP-3076 writes it, in a string; a JSON number is taken too. Digits and nothing else.
    private static func number(_ value: JSONValue, again: Bool, _ place: () -> String) throws(Problem) -> UInt64 {
        guard !again else { throw Problem(reason: "\(place()) stands there twice") }
        guard let text = value.text, let number = UInt64(digits: text.span) else {
            throw Problem(reason: "\(place()) is not a number from 0 to 2^64 - 1")
        }
        return number
    }

    /// The signing root of an entry; null is as good as none.
    private struct RootMember {
        private(set) var value: SigningRoot?
        private var isThere = false

        mutating func take(_ member: JSONValue, _ place: () -> String) throws(Problem) {
            guard !isThere else { throw Problem(reason: "\(place()) stands there twice") }
            isThere = true
            guard !member.isNull else { return }
            guard let text = member.string, let bytes = Bytes<32>(hexadecimal: text) else {
                throw Problem(reason: "\(place()) is not 32 bytes in hexadecimal")
            }
            value = SigningRoot(bytes)
        }
    }
}

extension Bytes {
    /// Reads hexadecimal text of exactly this length, with or without `0x`.
    init?(hexadecimal text: JSONText) {
        self.init()
        var target = mutableSpan
        guard (try? Hex.decode(text.span, into: &target)) != nil else { return nil }
    }
}

extension UInt64 {
    /// Reads decimal digits; nil for anything else, and for what needs more than 64 bits.
    fileprivate init?(digits text: Span<UInt8>) {
        guard !text.isEmpty else { return nil }
        var number: UInt64 = 0
        for place in 0..<text.count {
            let digit = text[place] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            number = sum
        }
        self = number
    }
}
