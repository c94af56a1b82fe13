// SPDX-License-Identifier: Apache-2.0
internal import Secrets
internal import SignerState

extension Chamber {
    /// What an instance knows of its chamber.
    struct State {
        var machine = ChamberMachine()
        /// Of the signer state, up to which it was read; nil before the first reading.
        var revision: UInt64?
        var record: StoredRow?
        var registration: RegistrationRow?
        /// Why the row of the registration is none that anybody registers in; nil where it is, or there is none.
        var registrationFault: String?
        /// The last registration that was seen, as far as it had come.
        var seated: RegistrationStage?
        var seal = SealRow()
        /// Orders to seal that were seen, and how far they are over.
        var standing = SealStanding()
        /// Why the last of that could not be remembered; nil where it could.
        var forgotten: String?
        /// Sealed here, whether or not the others could be told.
        var isSealedHere = false
        /// While it is open or being opened.
        var keys: MasterKeys?
        /// The operators' shares of what is being opened, and the envelopes that they open, in the same order.
        var ceremony: UnsealCeremony?
        var envelopes: [SecretBox] = []
        var proposals: ProposalDesk
        /// The highest sequence of a record that was verified.
        var sequence: UInt64 = 0
        /// How far encrypting everything anew has come.
        var rekeying: RekeyingProgress?
        /// The generation under which everything was found to lie. How far it has come tells nothing of that: before it has
        /// begun, none of nothing is done.
        var rekeyed: UInt64?
        /// What was told last of its coming to a halt.
        var rekeyingHalt: String?
        var opening: Task<Void, Never>?
        var pause: Task<Void, Never>?
        var rekeyingTask: Task<Void, Never>?
        /// Nothing is begun any more.
        var isOver = false
        /// The last of the actions: each waits for the one before.
        var last: Task<Void, Never>?
        /// What the machine was told last.
        var told: ChamberMachine.Observation?

        func observation(at now: Int64) -> ChamberMachine.Observation {
            .init(
                version: record?.version,
                isSealOrdered: isSealedHere || seal.isOrdered || isOrderDisputed(at: now),
                isOrderDisputed: !isSealedHere && !seal.isOrdered && isOrderDisputed(at: now),
                orderVersion: seal.version,
                isRegistering: stage(at: now) != nil,
                isRotating: (try? record?.record.get())?.next != nil
            )
        }

        /// Whether an order to seal is gone, and not by the chamber's own hand. Where operators open the chamber they say so
        /// by coming; and whether a tag is right, the master key says.
        private func isOrderDisputed(at now: Int64) -> Bool {
            guard standing.isOrdered, let record = try? record?.record.get(), record.quorum == nil else { return false }
            return !standing.isOvercome(by: seal.order, at: now)
        }

        /// The registration that is under way.
        func stage(at now: Int64) -> StoredStage? {
            guard let stored = registration?.stage, now < stored.stage.expires else { return nil }
            // One that was begun for another record than the one that stands leads nowhere.
            let sequence = (try? record?.record.get())?.sequence ?? 0
            return stored.stage.base == sequence ? stored : nil
        }
    }

    /// The row of the order.
    struct SealRow {
        var version: UInt64 = 0
        var isThere = false
        var body: [UInt8]?
        /// Nil where there is none, or none that can be read.
        var order: SealOrder?

        /// What cannot be read is taken for the order to seal.
        var isOrdered: Bool { isThere && order?.sealed ?? true }
    }

    /// The record with its row.
    struct StoredRow {
        let version: UInt64
        let body: [UInt8]
        let record: Result<MasterKeyRecord, MasterKeyRecordError>

        init(version: UInt64, body: [UInt8]) {
            self.version = version
            self.body = body
            record = Result { () throws(MasterKeyRecordError) in try MasterKeyRecord(reading: body) }
        }
    }

    struct RegistrationRow {
        let version: UInt64
        let isThere: Bool
        let stage: StoredStage?
    }
}

extension Chamber.State {
    /// Takes over a row of the chamber. Rows do not go back: who reads an older one has been overtaken, or the state was set
    /// back, and then what is in memory is what was true last.
    mutating func take(_ row: StateRow, at now: Int64) {
        switch row.name {
        case ChamberRows.masterKey:
            guard row.version > record?.version ?? 0 || row.body == nil else { return }
            record = row.body.map { .init(version: row.version, body: $0) }
        case ChamberRows.registration:
            guard row.version > registration?.version ?? 0 else { return }
            let stage = row.body.flatMap { StoredStage(reading: $0) }
            // One whose places were emptied again was put back: nobody registers in it here any more.
            let isPutBack = stage.map { seated.isBeyond($0.stage) } ?? false
            if let stage, !isPutBack { seated = stage.stage }
            registration = .init(version: row.version, isThere: row.body != nil, stage: isPutBack ? nil : stage)
            registrationFault =
                if isPutBack {
                    "seats in it that were taken are empty again, or somebody else's"
                } else if row.body != nil,
                    stage == nil
                { "it cannot be read" } else { nil }
        case ChamberRows.seal:
            // Numbers and tags say what is later, not versions: an order to seal counts, also in a row that was set back.
            guard row.version != seal.version || row.body != seal.body else { return }
            seal = .init(
                version: row.version,
                isThere: row.body != nil,
                body: row.body,
                order: row.body.flatMap { SealOrder(reading: $0) }
            )
            if seal.isOrdered { standing.see(seal.order, at: now) }
        default: break
        }
    }
}

/// How far encrypting everything anew under the next master key has come.
package struct RekeyingProgress: Hashable, Sendable {
    package let generation: UInt64
    package let done: Int
    package let total: Int
    /// Why it does not go on by itself; nil while it does.
    package let reason: String?
}
