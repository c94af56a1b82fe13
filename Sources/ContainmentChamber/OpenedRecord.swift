// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Consensus
internal import Foundation
internal import SlashingProtection

/// The record of a configuration, with the floor beside it where one is kept.
struct OpenedRecord {
    let store: any RecordStore
    /// The same store, where it has a floor.
    let floored: FlooredStore?
    private let expectsHistory: Bool

    /// Opens the record; `start` must follow before anything is signed.
    init(
        _ configuration: Configuration,
        _ network: Network,
        for purpose: RecordSettings.Purpose
    ) async throws(Failure) {
        let settings = configuration.antiSlashing
        if purpose == .signing, !settings.keepsFloor { try await Self.refuseStandingAlarm(settings) }
        expectsHistory = settings.expectsHistory && settings.backend != .noop
        let record = try RecordSettings(configuration, network: network, for: purpose)
        let inner: any RecordStore
        do throws(StoreError) { inner = try await record.open() } catch { throw Failure("\(error)") }
        guard settings.keepsFloor else {
            store = inner
            floored = nil
            return
        }
        let floored = FlooredStore(
            inner: inner,
            floor: try Self.openFloor(settings),
            settings: FlooredStore.Settings(
                expectsHistory: settings.expectsHistory,
                clockFloor: try Self.clockFloor(settings, network)
            )
        )
        store = floored
        self.floored = floored
    }

    /// An alarm is not over because nobody looks at it any more: a floor that is switched off is looked at once, where its
    /// file still lies.
    private static func refuseStandingAlarm(_ settings: Configuration.AntiSlashing) async throws(Failure) {
        let path = settings.floor.path
        guard settings.backend != .noop, FileManager.default.fileExists(atPath: path) else { return }
        let floor = try openFloor(settings)
        let alarm = floor.condition.alarm
        await floor.close()
        guard let alarm else { return }
        throw Failure(
            "the floor \(path) holds an alarm, and anti_slashing.floor.enabled: false does not end it: \(alarm)",
            hint:
                "set anti_slashing.floor.enabled: true and run `containment-chamber anti-slashing reconcile`; only where this "
                + "floor belongs to another record, move its file away"
        )
    }

    private static func openFloor(_ settings: Configuration.AntiSlashing) throws(Failure) -> SQLiteFloor {
        let path = URL(filePath: settings.floor.path).standardizedFileURL.path
        do throws(StoreError) {
            return try SQLiteFloor(SQLiteFloor.Settings(path: settings.floor.path, name: "\(Machine.name):\(path)"))
        } catch {
            throw Failure("\(error)")
        }
    }

    /// The low watermarks of the clock floor; nil where there is no clock guard.
    static func clockFloor(
        _ settings: Configuration.AntiSlashing,
        _ network: Network
    ) throws(Failure) -> @Sendable () -> Watermarks? {
        guard let (ahead, clock) = try settings.clockGuard(network) else { return { nil } }
        let slotsPerEpoch = network.preset.slotsPerEpoch
        return {
            ClockFloor.marks(now: clock.currentEpoch, clockGuardEpochs: ahead, slotsPerEpoch: slotsPerEpoch)
        }
    }

    /// Looks at the record before anything is signed. An alarm of the floor is no failure: the signer runs, refuses, and
    /// says why.
    func start() async throws(Failure) {
        do throws(StoreError) {
            if let floored { return try await floored.start() }
            guard expectsHistory, case .comparison(let comparison) = try await store.perform(.compare([])) else {
                return
            }
            guard comparison.hasHistory else { throw .emptyThoughExpected }
        } catch {
            throw Failure("\(error)")
        }
    }

    /// Merges the floor of this instance into a record that no signer runs on.
    func reconcile(_ acceptingClockFloor: Bool) async throws(Failure) -> ReconcileReport {
        do throws(StoreError) {
            try await floored?.start()
            return try await store.reconcile(acceptingClockFloor: acceptingClockFloor)
        } catch {
            throw Failure("\(error)")
        }
    }
}
