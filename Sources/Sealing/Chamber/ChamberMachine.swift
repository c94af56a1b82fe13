// SPDX-License-Identifier: Apache-2.0

/// The states of a chamber, by their names on the wire (containment-chamber.md §4.1).
package enum ChamberState: String, Sendable, CaseIterable {
    /// There is no master key yet.
    case uninitialized
    /// There is none yet: it is made when all operators have registered.
    case awaitingRegistration = "awaiting_registration"
    /// There is one, and it is not in memory. Every start begins here.
    case sealed
    /// The KMS keys have done their part; the operators' shares are needed.
    case kmsUnsealed = "kms_unsealed"
    /// The master key is in memory; only now, and while it is being rotated, is anything signed.
    case unsealed
    /// The same, while new operators register or everything is encrypted under a new master key.
    case awaitingRotation = "awaiting_rotation"

    /// Whether the master key is in memory.
    package var holdsMasterKey: Bool { self == .unsealed || self == .awaitingRotation }
}

/// What a chamber does next: events in, actions out, no clock and no input or output. Whoever drives it performs the actions
/// and tells how they ended.
package struct ChamberMachine: Sendable {
    package enum Event: Sendable {
        /// The signer state was read.
        case observed(Observation)
        /// The KMS keys have opened the envelope, and the operators are to open what is in it.
        case outerOpened(Attempt)
        /// Enough operators were there: the master key is in memory and verified.
        case joined(Attempt)
        /// The master key is in memory and verified, and the keys under it are loaded.
        case opened(Attempt)
        /// It could not be put together. What does not pass by itself is tried again only where something changes.
        case failed(Attempt, reason: String, passes: Bool)
        /// The record of an open chamber names other master keys than those in memory: it has to be opened anew.
        case superseded(Attempt)
        /// The pause after a failure is over.
        case pauseEnded
    }

    /// One way from sealed to unsealed, by one version of the record. What came of one that was called off is not mistaken
    /// for what comes of the next.
    package struct Attempt: Hashable, Sendable {
        package let number: UInt64
        package fileprivate(set) var version: UInt64

        package init(number: UInt64, version: UInt64) {
            self.number = number
            self.version = version
        }
    }

    /// What the signer state says of the chamber.
    package struct Observation: Hashable, Sendable {
        /// Of the master-key record; nil where there is none.
        package var version: UInt64?
        /// Whether somebody has ordered that all instances stay sealed.
        package var isSealOrdered: Bool
        /// Whether that order is gone from the signer state, and not by the chamber's own hand.
        package var isOrderDisputed: Bool
        /// Of the row of the order; 0 where there is none.
        package var orderVersion: UInt64
        /// Whether operators are registering.
        package var isRegistering: Bool
        /// Whether the record names a next master key.
        package var isRotating: Bool

        package init(
            version: UInt64?,
            isSealOrdered: Bool,
            isOrderDisputed: Bool = false,
            orderVersion: UInt64 = 0,
            isRegistering: Bool = false,
            isRotating: Bool = false
        ) {
            self.version = version
            self.isSealOrdered = isSealOrdered
            self.isOrderDisputed = isOrderDisputed
            self.orderVersion = orderVersion
            self.isRegistering = isRegistering
            self.isRotating = isRotating
        }
    }

    package enum Action: Hashable, Sendable {
        /// Put the master key together, or what the KMS keys have of it; ends with `opened`, `outerOpened` or `failed`.
        case open(Attempt)
        /// Load what lies under the master key, which is there; ends with `opened` or `failed`.
        case load(Attempt)
        /// Ask again after a while: `pauseEnded`.
        case pause(Duration)
        /// End what is under way, then wipe the master key and everything under it, also what `open` is about to bring.
        case close
        /// The record has changed under an open chamber: hold it against the key in memory; `failed` where it does not fit.
        case check(Attempt)
        /// The record of an open chamber is gone. What is in memory goes on; at the next start there is nothing to open.
        case warnOfLoss
    }

    private enum Phase {
        case uninitialized, sealed, outerOpened
        /// What operators opened together stays, even where nothing can be loaded yet: nobody is to be asked twice.
        case unsealed(isLoaded: Bool)
    }

    private var phase = Phase.uninitialized
    /// Why a sealed chamber is not open; nil while it is being opened for the first time.
    package private(set) var reason: String?
    private var observation = Observation(version: nil, isSealOrdered: false)
    /// What is being opened or is open.
    private var current: Attempt?
    /// How many there have been, and how many of the last have failed.
    private var (attempts, failures) = (UInt64(0), 0)
    /// Whether the last failure is one that passes.
    private var isPausing = false

    package init() {}

    package var state: ChamberState {
        switch phase {
        case .uninitialized: observation.isRegistering ? .awaitingRegistration : .uninitialized
        case .sealed: .sealed
        case .outerOpened: .kmsUnsealed
        case .unsealed: observation.isRegistering || observation.isRotating ? .awaitingRotation : .unsealed
        }
    }

    /// Whether everything under the master key is loaded.
    package var isOpen: Bool {
        if case .unsealed(isLoaded: true) = phase { true } else { false }
    }

    /// What is being opened, or is open.
    package var attempt: Attempt? { current }

    /// The longest pause between two attempts.
    package static let longestPause = Duration.seconds(30)
    /// What the reason says while the keys of a chamber are loaded that operators have opened.
    package static let loading = "the operators have opened it; its keys are being loaded"
    /// What the reason says where sealing was ordered.
    package static let sealOrdered = "sealed by an operator; `containment-chamber operator unseal` ends it"

    /// What it says where that order is gone, and nobody has taken it back who may.
    package static let sealDisputed =
        "sealed by an operator; that order is not in the signer state (row SEAL), and it was not this chamber that took it back: it could not be written then, a clock is wrong, or somebody has removed it. Find out which; `containment-chamber operator unseal` opens the chamber"

    private var sealReason: String { observation.isOrderDisputed ? Self.sealDisputed : Self.sealOrdered }

    package mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .observed(let observation): return observe(observation)
        case .outerOpened(let attempt): return openOuter(attempt)
        case .joined(let attempt): return join(attempt)
        case .opened(let attempt): return open(attempt)
        case .superseded(let attempt): return current == attempt ? [.close] + begin() : []
        case .failed(let attempt, let reason, let passes): return fail(attempt, reason, passes)
        case .pauseEnded: return endPause()
        }
    }

    private mutating func observe(_ next: Observation) -> [Action] {
        let last = observation
        observation = next
        switch phase {
        case .uninitialized:
            guard next.version != nil else { return [] }
            phase = .sealed
            return begin()
        case .sealed, .outerOpened:
            guard next.version != nil else {
                // Somebody has removed the record: what is being opened belongs to nothing.
                return forget()
            }
            guard
                next.version != last.version || next.isSealOrdered != last.isSealOrdered
                    || next.isOrderDisputed != last.isOrderDisputed
                    // What was not believed before may be now; what is under way looks at it at its end.
                    || (next.orderVersion != last.orderVersion && current == nil)
            else { return [] }
            let ends: [Action] = current == nil ? [] : [.close]
            return ends + begin()
        case .unsealed:
            if next.isSealOrdered { return seal(because: sealReason) }
            guard let version = next.version else { return last.version == nil ? [] : [.warnOfLoss] }
            guard var attempt = current, attempt.version != version else { return [] }
            attempt.version = version
            current = attempt
            return [.check(attempt)]
        }
    }

    /// From sealed: opens the record, unless it is to stay closed.
    private mutating func begin() -> [Action] {
        phase = .sealed
        current = nil
        failures = 0
        isPausing = false
        guard !observation.isSealOrdered, let version = observation.version else {
            reason = sealReason
            return []
        }
        reason = nil
        return [attempt(version)]
    }

    private mutating func attempt(_ version: UInt64) -> Action {
        attempts += 1
        let attempt = Attempt(number: attempts, version: version)
        current = attempt
        return .open(attempt)
    }

    private mutating func forget() -> [Action] {
        let wasOpening = current != nil
        current = nil
        isPausing = false
        reason = nil
        phase = .uninitialized
        return wasOpening ? [.close] : []
    }

    private mutating func openOuter(_ attempt: Attempt) -> [Action] {
        guard case .sealed = phase, current == attempt else { return [] }
        phase = .outerOpened
        reason = nil
        failures = 0
        return []
    }

    private mutating func join(_ attempt: Attempt) -> [Action] {
        guard case .outerOpened = phase, current == attempt else { return [] }
        phase = .unsealed(isLoaded: false)
        reason = Self.loading
        return [.load(attempt)]
    }

    private mutating func open(_ attempt: Attempt) -> [Action] {
        // What an attempt that was called off has brought went with the `close` that did so.
        guard current?.number == attempt.number else { return [] }
        switch phase {
        case .sealed where current == attempt: break
        case .unsealed: break
        default: return []
        }
        phase = .unsealed(isLoaded: true)
        reason = nil
        failures = 0
        return []
    }

    private mutating func fail(_ attempt: Attempt, _ reason: String, _ passes: Bool) -> [Action] {
        guard current == attempt else { return [] }
        switch phase {
        case .uninitialized: return []
        case .unsealed(let isLoaded) where passes:
            // What is open stays so: the record is right, and its next key cannot be had yet.
            if !isLoaded { self.reason = reason }
            return [pause()]
        case .unsealed, .outerOpened:
            // A changed record that the key in memory does not fit; shares that give another key.
            return seal(because: reason)
        case .sealed:
            self.reason = reason
            current = nil
            return passes ? [pause()] : []
        }
    }

    private mutating func pause() -> Action {
        failures += 1
        isPausing = true
        let seconds = 1 << min(failures - 1, 5)
        return .pause(min(.seconds(seconds), Self.longestPause))
    }

    private mutating func endPause() -> [Action] {
        guard isPausing, let version = observation.version else { return [] }
        switch phase {
        case .sealed:
            isPausing = false
            return [attempt(version)]
        case .unsealed(let isLoaded):
            isPausing = false
            return current.map { [isLoaded ? .check($0) : .load($0)] } ?? []
        default: return []
        }
    }

    private mutating func seal(because reason: String) -> [Action] {
        phase = .sealed
        current = nil
        isPausing = false
        failures = 0
        self.reason = reason
        return [.close]
    }
}
