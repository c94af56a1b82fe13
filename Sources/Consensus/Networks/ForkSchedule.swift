// SPDX-License-Identifier: Apache-2.0

/// Which fork a network runs when, and under which version.
package struct ForkSchedule: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var fork: Fork
        package var version: ForkVersion
        /// The first epoch; nil where the fork has a version but no date.
        package var epoch: Epoch?
    }

    /// In the order of the forks, without gaps, beginning with Phase 0 at epoch 0. Their epochs never fall, and after
    /// the first fork without a date none has one.
    package private(set) var entries: [Entry]

    /// Forks after the genesis one, in order and without gaps.
    package init(genesis: ForkVersion, _ later: [(version: ForkVersion, epoch: Epoch?)]) throws(NetworkError) {
        precondition(later.count < Fork.allCases.count, "more versions than there are forks")
        entries = [Entry(fork: .phase0, version: genesis, epoch: 0)]
        for (fork, (version, epoch)) in zip(Fork.allCases.dropFirst(), later) {
            entries.append(Entry(fork: fork, version: version, epoch: epoch == .farFuture ? nil : epoch))
        }
        try checkOrder()
    }

    /// The fork in force at `epoch`.
    package func entry(at epoch: Epoch) -> Entry {
        var found = entries[0]
        for entry in entries {
            guard let since = entry.epoch, since <= epoch else { break }
            found = entry
        }
        return found
    }

    package func version(of fork: Fork) -> ForkVersion? { entry(of: fork)?.version }
    package func epoch(of fork: Fork) -> Epoch? { entry(of: fork)?.epoch }

    /// The fork that has this version.
    package func fork(of version: ForkVersion) -> Fork? { entries.first { $0.version == version }?.fork }

    private func entry(of fork: Fork) -> Entry? {
        fork.position < entries.count ? entries[fork.position] : nil
    }

    /// The schedule with other epochs for some forks, as development networks need.
    package func overriding(_ epochs: [Fork: Epoch]) throws(NetworkError) -> ForkSchedule {
        var schedule = self
        for fork in Fork.allCases {
            guard let epoch = epochs[fork] else { continue }
            guard fork != .phase0 else { throw .genesisHasNoEpoch }
            guard fork.position < entries.count else { throw .unknownVersion(fork) }
            schedule.entries[fork.position].epoch = epoch == .farFuture ? nil : epoch
        }
        try schedule.checkOrder()
        return schedule
    }

    private func checkOrder() throws(NetworkError) {
        for (earlier, later) in zip(entries, entries.dropFirst()) {
            guard let end = later.epoch else { continue }
            guard let start = earlier.epoch, start <= end else { throw .forksOutOfOrder(earlier.fork, later.fork) }
        }
    }
}
