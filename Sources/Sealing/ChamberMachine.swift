// SPDX-License-Identifier: Apache-2.0

/// The states of a chamber, by their names on the wire (containment-chamber.md §4.1).
package enum ChamberState: String, Sendable, CaseIterable {
    /// There is no master key yet.
    case uninitialized
    /// There is one, and it is not in memory. Every start begins here.
    case sealed
    /// The master key is in memory; only now is anything signed.
    case unsealed
}

/// What a chamber does next: events in, actions out, no clock and no input or output. Whoever drives it performs the actions
/// and tells how they ended.
package struct ChamberMachine: Sendable {
    package enum Event: Sendable {
        /// The signer state was read.
        case observed(Observation)
        /// The master key is in memory and verified, and the keys under it are loaded.
        case opened(Attempt)
        /// It could not be put together. What does not pass by itself is tried again only where something changes.
        case failed(Attempt, reason: String, passes: Bool)
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

        package init(version: UInt64?, isSealOrdered: Bool) {
            self.version = version
            self.isSealOrdered = isSealOrdered
        }
    }

    package enum Action: Hashable, Sendable {
        /// Put the master key together; ends with `opened` or `failed`.
        case open(Attempt)
        /// Ask again after a while: `pauseEnded`.
        case pause(Duration)
        /// End what is under way, then wipe the master key and everything under it, also what `open` is about to bring.
        case close
        /// The record has changed under an open chamber: hold it against the key in memory; `failed` where it does not fit.
        case check(Attempt)
        /// The record of an open chamber is gone. What is in memory goes on; at the next start there is nothing to open.
        case warnOfLoss
    }

    package private(set) var state = ChamberState.uninitialized
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

    /// The longest pause between two attempts.
    package static let longestPause = Duration.seconds(30)
    /// What the reason says where sealing was ordered.
    package static let sealOrdered = "sealed by an operator; `containment-chamber operator unseal` ends it"

    package mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .observed(let observation): return observe(observation)
        case .opened(let attempt): return open(attempt)
        case .failed(let attempt, let reason, let passes): return fail(attempt, reason, passes)
        case .pauseEnded: return endPause()
        }
    }

    private mutating func observe(_ next: Observation) -> [Action] {
        let last = observation
        observation = next
        switch state {
        case .uninitialized:
            guard next.version != nil else { return [] }
            state = .sealed
            return begin()
        case .sealed:
            guard next.version != nil else {
                // Somebody has removed the record: what is being opened belongs to nothing.
                return forget()
            }
            guard next != last else { return [] }
            let ends: [Action] = current == nil ? [] : [.close]
            return ends + begin()
        case .unsealed:
            if next.isSealOrdered { return seal(because: Self.sealOrdered) }
            guard let version = next.version else { return last.version == nil ? [] : [.warnOfLoss] }
            guard var attempt = current, attempt.version != version else { return [] }
            attempt.version = version
            current = attempt
            return [.check(attempt)]
        }
    }

    /// From sealed: opens the record, unless it is to stay closed.
    private mutating func begin() -> [Action] {
        current = nil
        failures = 0
        isPausing = false
        guard !observation.isSealOrdered, let version = observation.version else {
            reason = Self.sealOrdered
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
        state = .uninitialized
        return wasOpening ? [.close] : []
    }

    private mutating func open(_ attempt: Attempt) -> [Action] {
        // What an attempt that was called off has brought went with the `close` that did so.
        guard state == .sealed, current == attempt else { return [] }
        state = .unsealed
        reason = nil
        failures = 0
        return []
    }

    private mutating func fail(_ attempt: Attempt, _ reason: String, _ passes: Bool) -> [Action] {
        switch state {
        case .uninitialized: return []
        case .unsealed:
            // A changed record that the key in memory does not fit.
            guard current == attempt else { return [] }
            return seal(because: reason)
        case .sealed:
            guard current == attempt else { return [] }
            self.reason = reason
            current = nil
            guard passes else { return [] }
            failures += 1
            isPausing = true
            let seconds = 1 << min(failures - 1, 5)
            return [.pause(min(.seconds(seconds), Self.longestPause))]
        }
    }

    private mutating func endPause() -> [Action] {
        guard state == .sealed, isPausing, let version = observation.version else { return [] }
        isPausing = false
        return [attempt(version)]
    }

    private mutating func seal(because reason: String) -> [Action] {
        state = .sealed
        current = nil
        isPausing = false
        self.reason = reason
        return [.close]
    }
}
