internal import BLS
// SPDX-License-Identifier: Apache-2.0
package import Consensus
internal import Encoding

/// An EIP-3076 file as it is written, part by part: compact JSON, names as EIP-3076 orders them, one validator a line.
package struct InterchangeText {
    /// What has been written since it was last taken.
    private var bytes: [UInt8] = []
    private var isFirst = true

    package init(genesisValidatorsRoot: Root) {
        append("{\"metadata\":{\"interchange_format_version\":\"\(Interchange.version)\",")
        append("\"genesis_validators_root\":\"\(genesisValidatorsRoot)\"},\"data\":[")
    }

    package mutating func append(_ validator: ValidatorRecord) {
        append(isFirst ? "\n{\"pubkey\":\"" : ",\n{\"pubkey\":\"")
        isFirst = false
        append("\(validator.publicKey)\",\"signed_blocks\":[")
        for (number, block) in validator.blocks.enumerated() {
            append(number == 0 ? "{\"slot\":\"" : ",{\"slot\":\"")
            append(block.slot.value)
            append(block.root)
        }
        append("],\"signed_attestations\":[")
        for (number, attestation) in validator.attestations.enumerated() {
            append(number == 0 ? "{\"source_epoch\":\"" : ",{\"source_epoch\":\"")
            append(attestation.source.value)
            append("\",\"target_epoch\":\"")
            append(attestation.target.value)
            append(attestation.root)
        }
        append("]}")
    }

    /// Closes the file.
    package mutating func finish() { append("]}\n") }

    /// Gives away what has been written.
    package mutating func take() -> [UInt8] {
        defer { bytes.removeAll() }
        return bytes
    }

    /// The end of an entry, from behind its last number on.
    private mutating func append(_ root: SigningRoot?) {
        guard let root else { return append("\"}") }
        append("\",\"signing_root\":\"0x")
        Hex.append(root.bytes.span, to: &bytes)
        append("\"}")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func append(_ number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }
}

extension Interchange {
    /// Reads a whole file that is in memory; what is refused is what ``InterchangeFile`` refuses.
    package init(json: some Sequence<UInt8> & Sendable) throws(StoreError) {
        let file = try InterchangeFile(BytesInMemory([UInt8](json)))
        genesisValidatorsRoot = file.genesisValidatorsRoot
        unreadable = file.unreadable
        validators = try file.histories(file.places.indices)
    }

    /// Writes a whole file.
    package func json() -> [UInt8] {
        var text = InterchangeText(genesisValidatorsRoot: genesisValidatorsRoot)
        for validator in validators { text.append(validator) }
        text.finish()
        return text.take()
    }
}

/// A source for what is in memory already.
package struct BytesInMemory: InterchangeSource {
    private let bytes: [UInt8]
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
        offset < bytes.count ? Array(bytes[offset..<min(offset + count, bytes.count)]) : []
    }
}
