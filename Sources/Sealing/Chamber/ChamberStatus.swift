// SPDX-License-Identifier: Apache-2.0
package import SignerState

/// A chamber as it stands in this instance.
package struct ChamberStatus: Sendable {
    package let state: ChamberState
    /// Why it is not open; nil while it is, or while it is being opened for the first time.
    package let reason: String?
    /// Nil where there is none, or none that can be read.
    package let record: MasterKeyRecord?
    package let unsealing: Unsealing?
    package let registration: RegistrationStage?
    package let proposals: [Proposal]
    package let rekeying: RekeyingProgress?

    /// The operators' shares that are there.
    package struct Unsealing: Sendable {
        package let names: [OperatorName]
        package let need: Int
        /// Seconds since 1970; nil while there are none.
        package let expires: Int64?
    }

    init(_ state: inout Chamber.State, at now: Int64) {
        self.state = state.machine.state
        reason = state.machine.reason ?? state.sealedInAdvance
        record = try? state.record?.record.get()
        unsealing = state.ceremony.map { Unsealing(names: $0.names, need: $0.need, expires: $0.expires) }
        registration = state.stage(at: now)?.stage
        proposals = state.proposals(at: now)
        rekeying = state.rekeying
    }
}

extension Chamber.State {
    /// What an order to seal means before there is a master key.
    fileprivate var sealedInAdvance: String? {
        guard isSealedHere || seal.isOrdered else { return nil }
        let nothing =
            "there is no master key yet, so nothing was open; the order to seal stands: the chamber stays sealed"
        let until = "until `containment-chamber operator unseal`"
        return switch machine.state {
        case .uninitialized: "\(nothing) after `containment-chamber operator init`, \(until)"
        case .awaitingRegistration:
            "\(nothing) when the last operator has registered, \(until); `containment-chamber operator rotate cancel` ends the registration"
        default: nil
        }
    }
}

/// Why a ceremony did not take place, or nothing can be done with the master key.
package enum ChamberError: Error, Hashable, Sendable, CustomStringConvertible {
    case alreadyInitialized
    case uninitialized
    case sealed(reason: String?)
    case custody(CustodyError)
    case state(StateError)
    case failed(SealingError)
    /// What an operator brought was not taken.
    case refused(QuorumRefusal)
    /// With the master key at hand, the caller turned out to be none that the chamber has let in.
    case notAllowed
    /// Operators are registering.
    case registering
    /// Everything is being encrypted under a new master key.
    case rotating
    case notRotating
    /// What lies under the master key cannot be read or written now.
    case contents(ChamberContentsError)

    package var description: String {
        switch self {
        case .refused(let refusal): "\(refusal)"
        case .notAllowed:
            "the order to seal stands: under its master key the chamber finds that it has not given out what this request was sent with, or that its policies do not allow this. On the signer's machine, as its user, `containment-chamber operator unseal -c CONFIG` needs no token"
        case .registering:
            "operators are being registered; nothing else changes before all have, and those of before have approved them, or `containment-chamber operator rotate cancel`"
        case .rotating: "everything is being encrypted under a new master key; that has to end first (operator status)"
        case .contents(let error): "\(error)"
        case .notRotating: "no master key is being rotated, or this instance does not have the next one"
        case .alreadyInitialized: "the chamber has been initialised already"
        case .uninitialized: "the chamber has not been initialised: `containment-chamber operator init` does that"
        case .sealed(let reason): "the chamber is sealed" + (reason.map { ": \($0)" } ?? "; it is being opened")
        case .custody(let error): "\(error)"
        case .state(let error): "\(error)"
        case .failed(let error): "\(error)"
        }
    }
}

/// What became of an order to seal.
package struct SealReport: Sendable {
    /// Why the other instances were not told; nil where they were. This one is sealed either way.
    package let problem: StateError?
}

/// What lies under the master key: loaded when the chamber opens, gone when it closes.
package protocol ChamberContents: Sendable {
    /// Refuses a new chamber over what belongs to another one.
    func admitFounding() async throws(ChamberContentsError)

    /// What is written in one step with the first record of a chamber, under its master key.
    func founding(_ master: MasterKey) async throws(ChamberContentsError) -> [StateChange]

    /// Loads everything. What fails singly is told by whoever does it; it throws only where nothing can be said of the whole.
    func load(under keys: MasterKeys) async throws(ChamberContentsError)

    /// From now on what lies under any of these keys is read, and what is written lies under the newest. What is loaded
    /// stays.
    func adopt(_ keys: MasterKeys) async

    /// Encrypts everything anew under the newest key; returns when nothing lies under another one. What was done before is
    /// not done again.
    ///
    /// - Parameter progress: hears of how many things were done, of how many.
    func rekey(
        _ keys: MasterKeys,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws(ChamberContentsError)

    /// What has to come last, when every instance that goes on has the newest key: after this nothing at all lies under
    /// another one.
    func conclude(_ keys: MasterKeys) async throws(ChamberContentsError)

    /// Takes everything away and returns when nothing of it is under way any more. May come while `load` runs: that task is
    /// cancelled, and nothing that it brings afterwards may stay.
    func unload() async
}

extension ChamberContents {
    package func admitFounding() async throws(ChamberContentsError) {}
    package func founding(_ master: MasterKey) async throws(ChamberContentsError) -> [StateChange] { [] }
    package func conclude(_ keys: MasterKeys) async throws(ChamberContentsError) {}
}

extension ChamberWitness {
    package func registrationRefused(_ reason: String) {}
}

/// Why the contents cannot be loaded now; it is tried again.
package struct ChamberContentsError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Hears what happens to a chamber, in the order in which it happens.
package protocol ChamberWitness: Sendable {
    /// From one state to another, or within one for another reason.
    func changed(from old: ChamberState, to new: ChamberState, reason: String?)
    /// A share was not got back from its KMS key, although the chamber may open without it.
    func shareFailed(_ failure: CustodyError.Failure)
    /// An operator's share was taken.
    func shareGiven(by name: String)
    /// The row of a registration was changed by somebody who had no token of it, or set back; nobody registers in it here.
    func registrationRefused(_ reason: String)
    /// How far the record was seen could not be remembered outside the signer state.
    func forgotten(_ reason: String)
    /// Encrypting everything anew came to a halt.
    func rekeyingFailed(_ reason: String)
    /// The row that says how the master key is held is gone, under an open chamber.
    func recordLost()
}
