// SPDX-License-Identifier: Apache-2.0

/// The sizes of a network that reach into roots: `PRESET_BASE` of a configuration, and its overrides.
package struct Preset: Hashable, Sendable {
    package var slotsPerEpoch: UInt64
    package var maxValidatorsPerCommittee = 2048
    package var maxCommitteesPerSlot: Int
    package var syncCommitteeSize: Int
    package var maxProposerSlashings = 16
    package var maxAttesterSlashings = 2
    package var maxAttestations = 128
    package var maxDeposits = 16
    package var maxVoluntaryExits = 16

    /// `SYNC_COMMITTEE_SUBNET_COUNT` is 4 in every preset.
    package var syncSubcommitteeSize: Int { syncCommitteeSize / 4 }

    package init(slotsPerEpoch: UInt64, maxCommitteesPerSlot: Int, syncCommitteeSize: Int) {
        self.slotsPerEpoch = slotsPerEpoch
        self.maxCommitteesPerSlot = maxCommitteesPerSlot
        self.syncCommitteeSize = syncCommitteeSize
    }

    package static let mainnet = Preset(slotsPerEpoch: 32, maxCommitteesPerSlot: 64, syncCommitteeSize: 512)
    package static let gnosis = Preset(slotsPerEpoch: 16, maxCommitteesPerSlot: 64, syncCommitteeSize: 512)
    package static let minimal = Preset(slotsPerEpoch: 8, maxCommitteesPerSlot: 4, syncCommitteeSize: 32)

    /// Teku's preset for fast test chains (`presets/swift` in Teku's repository).
    package static let swift = Preset(slotsPerEpoch: 4, maxCommitteesPerSlot: 4, syncCommitteeSize: 32)

    /// The preset that a configuration names as `PRESET_BASE`.
    package init?(name: String) {
        switch name {
        case "mainnet": self = .mainnet
        case "gnosis": self = .gnosis
        case "minimal": self = .minimal
        case "swift": self = .swift
        default: return nil
        }
    }
}
