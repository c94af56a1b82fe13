// SPDX-License-Identifier: Apache-2.0
internal import Consensus

/// The scalars of the consensus layer as the beacon API writes them. The signer takes more than these: the page of the
/// document says what (web3signer.md §3.1).
extension Schema {
    static let uint64 = Schema.named(
        "Uint64",
        .described(
            .text(pattern: "^(0|[1-9][0-9]{0,19})$", example: "7"),
            "A number from 0 to 2^64-1 as a string of decimal digits."
        )
    )

    static let uint256 = Schema.named(
        "Uint256",
        .described(
            .text(pattern: "^(0|[1-9][0-9]{0,77})$", example: "7"),
            "A number from 0 to 2^256-1 as a string of decimal digits."
        )
    )

    /// Exactly so many bytes.
    static func bytes(_ count: Int) -> Schema {
        .text(pattern: "^0x[0-9a-fA-F]{\(count * 2)}$")
    }

    static let root = Schema.named("Root", .described(bytes(32), "32 bytes: a root or a hash."))
    static let publicKey = Schema.named("PublicKey", .described(bytes(48), "A BLS public key, compressed."))
    static let signature = Schema.named("Signature", .described(bytes(96), "A BLS signature, compressed."))
    static let address = Schema.named("Address", .described(bytes(20), "An address of the execution layer."))
    static let forkVersion = Schema.named("ForkVersion", .described(bytes(4), "The version of a fork."))
    static let byteList = Schema.named(
        "ByteList",
        .described(.text(pattern: "^0x([0-9a-fA-F]{2})*$", example: "0x01ff"), "Any number of bytes.")
    )
    static let bits = Schema.named(
        "Bits",
        .described(
            .text(pattern: "^0x([0-9a-fA-F]{2})+$", example: "0x0101"),
            "An SSZ bit list, with its length bit, or an SSZ bit vector; which of them and how long depends on the field."
        )
    )

    /// RFC 3339, in UTC.
    static let time = Schema.text(format: "date-time", example: "2026-01-31T12:00:00Z")

    /// The word of a version.
    static func version(_ forks: [Fork]) -> Schema { .words(forks.map(\.name)) }
}
