// SPDX-License-Identifier: Apache-2.0

/// Sees every attempt once, at its end and before anybody is told of it: what it has not seen is not released.
package protocol SigningWitness: Sendable {
    /// Why it can see nothing now; nil where it can. Asked before anything is recorded, so that nothing is recorded and
    /// signed in vain.
    var hindrance: String? { get }

    /// A request was refused as overloaded without being read.
    func refusedUnread()

    /// The outcome that is told: the attempt's own, or `auditUnavailable` where it could not be kept.
    func witness(_ attempt: SigningAttempt) async -> SigningOutcome
}
