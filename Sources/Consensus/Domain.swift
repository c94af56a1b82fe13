// SPDX-License-Identifier: Apache-2.0
internal import BLS
package import Encoding

/// The first four bytes of a domain: what kind of message a signature is for, so that one can never stand for another.
package enum DomainType: UInt32, Sendable {
    case beaconProposer = 0x0000_0000
    case beaconAttester = 0x0100_0000
    case randao = 0x0200_0000
    case deposit = 0x0300_0000
    case voluntaryExit = 0x0400_0000
    case selectionProof = 0x0500_0000
    case aggregateAndProof = 0x0600_0000
    case syncCommittee = 0x0700_0000
    case syncCommitteeSelectionProof = 0x0800_0000
    case contributionAndProof = 0x0900_0000
    /// Gloas (EIP-7732): a builder's bid and its payload.
    case beaconBuilder = 0x0B00_0000
    /// Gloas: what the payload timeliness committee saw.
    case payloadAttester = 0x0C00_0000
    case proposerPreferences = 0x0D00_0000
    /// builder-specs, `DOMAIN_APPLICATION_BUILDER`.
    case applicationBuilder = 0x0000_0001
    /// builder-specs, requests of a builder to a relay.
    case builderRequestAuth = 0x0B00_0001
}

/// 32 bytes that bind a signature to a kind of message, a fork and a chain (`compute_domain`).
package struct Domain: Hashable, Sendable, CustomStringConvertible {
    package let bytes: Bytes<32>

    /// The type, then the first 28 bytes of the root of `ForkData{version, genesis_validators_root}`.
    package init(_ type: DomainType, version: ForkVersion, genesisValidatorsRoot: Root) {
        var versionChunk = Bytes<32>()
        for position in 0..<4 { versionChunk[position] = version.bytes[position] }
        let forkData = SHA256.hash(versionChunk, genesisValidatorsRoot.bytes)
        let typeBytes = ForkVersion(type.rawValue).bytes
        var domain = Bytes<32>()
        for position in 0..<4 { domain[position] = typeBytes[position] }
        for position in 0..<28 { domain[4 + position] = forkData[position] }
        bytes = domain
    }

    package var description: String { bytes.description }
}

extension SigningRoot {
    /// The root of `SigningData{object_root, domain}`.
    package init(of objectRoot: Root, domain: Domain) {
        self.init(SHA256.hash(objectRoot.bytes, domain.bytes))
    }
}
