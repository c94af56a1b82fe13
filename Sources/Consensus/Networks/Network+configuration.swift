// SPDX-License-Identifier: Apache-2.0
internal import Encoding

extension Network {
    /// A network from the scalars of a consensus `config.yaml`, and the chain's identity, which that file does not hold.
    ///
    /// Read are `PRESET_BASE`, `CONFIG_NAME`, `GENESIS_FORK_VERSION`, `<FORK>_FORK_VERSION` and `<FORK>_FORK_EPOCH`,
    /// `SECONDS_PER_SLOT` or `SLOT_DURATION_MS`, `MIN_GENESIS_TIME` and `GENESIS_DELAY`, and the preset's own keys where
    /// they override it. Every other key is ignored.
    ///
    /// - Parameter genesisTime: the chain's actual genesis; without it `MIN_GENESIS_TIME` + `GENESIS_DELAY`, which is
    ///   right for chains whose genesis state was made beforehand and only a lower bound for the others.
    package init(
        configuration: [String: String],
        genesisValidatorsRoot: Root,
        genesisTime: UInt64? = nil
    ) throws(NetworkError) {
        let values = ConfigurationValues(configuration)
        self.init(
            name: values["CONFIG_NAME"] ?? "custom",
            preset: try values.preset(),
            forks: try values.forks(),
            secondsPerSlot: try values.secondsPerSlot(),
            genesisTime: try values.genesis(given: genesisTime),
            genesisValidatorsRoot: genesisValidatorsRoot
        )
    }
}

/// Typed access to the scalars of a configuration.
private struct ConfigurationValues {
    private let values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    subscript(key: String) -> String? { values[key] }

    func number(_ key: String) throws(NetworkError) -> UInt64? {
        guard let text = values[key] else { return nil }
        guard let number = UInt64(text) else {
            throw .malformedValue(key: key, value: text, expected: "a whole number below 2^64")
        }
        return number
    }

    func version(_ key: String) throws(NetworkError) -> ForkVersion? {
        guard let text = values[key] else { return nil }
        guard let version = try? ForkVersion(hex: text) else {
            throw .malformedValue(key: key, value: text, expected: "4 bytes of hexadecimal, as 0x00000001")
        }
        return version
    }

    func preset() throws(NetworkError) -> Preset {
        guard let name = values["PRESET_BASE"] else { throw .missingKey("PRESET_BASE") }
        guard var preset = Preset(name: name) else { throw .unknownPreset(name) }
        if let slots = try number("SLOTS_PER_EPOCH") {
            guard slots > 0 else { throw .malformedValue(key: "SLOTS_PER_EPOCH", value: "0", expected: "at least 1") }
            preset.slotsPerEpoch = slots
        }
        try override(&preset.maxValidatorsPerCommittee, "MAX_VALIDATORS_PER_COMMITTEE")
        try override(&preset.maxCommitteesPerSlot, "MAX_COMMITTEES_PER_SLOT")
        try override(&preset.syncCommitteeSize, "SYNC_COMMITTEE_SIZE")
        try override(&preset.maxProposerSlashings, "MAX_PROPOSER_SLASHINGS")
        try override(&preset.maxAttesterSlashings, "MAX_ATTESTER_SLASHINGS")
        try override(&preset.maxAttestations, "MAX_ATTESTATIONS")
        try override(&preset.maxDeposits, "MAX_DEPOSITS")
        try override(&preset.maxVoluntaryExits, "MAX_VOLUNTARY_EXITS")
        return preset
    }

    /// Sizes of SSZ types; their products must stay far from the end of an `Int`.
    private func override(_ size: inout Int, _ key: String) throws(NetworkError) {
        guard let value = try number(key) else { return }
        guard (1...65_536).contains(value) else {
            throw .malformedValue(key: key, value: String(value), expected: "a number from 1 to 65536")
        }
        size = Int(value)
    }

    func forks() throws(NetworkError) -> ForkSchedule {
        guard let genesis = try version("GENESIS_FORK_VERSION") else { throw .missingKey("GENESIS_FORK_VERSION") }
        var later: [(version: ForkVersion, epoch: Epoch?)] = []
        var missing: String?
        for fork in Fork.allCases.dropFirst() {
            var epoch: Epoch?
            if let value = try number("\(fork.name)_FORK_EPOCH") { epoch = Epoch(value) }
            guard let version = try version("\(fork.name)_FORK_VERSION") else {
                if let epoch, epoch != .farFuture { throw .missingKey("\(fork.name)_FORK_VERSION") }
                missing = missing ?? "\(fork.name)_FORK_VERSION"
                continue
            }
            if let missing { throw .missingKey(missing) }
            later.append((version, epoch))
        }
        return try ForkSchedule(genesis: genesis, later)
    }

    func secondsPerSlot() throws(NetworkError) -> UInt64 {
        if let seconds = try number("SECONDS_PER_SLOT") {
            guard seconds > 0 else {
                throw .malformedValue(key: "SECONDS_PER_SLOT", value: "0", expected: "at least 1")
            }
            return seconds
        }
        guard let milliseconds = try number("SLOT_DURATION_MS") else { throw .missingKey("SECONDS_PER_SLOT") }
        guard milliseconds > 0, milliseconds.isMultiple(of: 1000) else {
            throw .malformedValue(key: "SLOT_DURATION_MS", value: String(milliseconds), expected: "whole seconds")
        }
        return milliseconds / 1000
    }

    func genesis(given: UInt64?) throws(NetworkError) -> UInt64? {
        if let given { return given }
        guard let earliest = try number("MIN_GENESIS_TIME") else { return nil }
        let (sum, overflow) = earliest.addingReportingOverflow(try number("GENESIS_DELAY") ?? 0)
        guard !overflow else {
            throw .malformedValue(key: "MIN_GENESIS_TIME", value: String(earliest), expected: "seconds since 1970")
        }
        return sum
    }
}
