// SPDX-License-Identifier: Apache-2.0

/// On what ground a disabled validator may sign again. Whoever disabled one had a reason that other instances do not know:
/// its key was deleted there, and may be at work in another place.
package enum EnablingGround: Sendable, Hashable {
    /// The instance that disabled it takes that back; what others have disabled stays.
    case owner(FloorInstance?)
    /// An operator has brought its key or its history here.
    case imported
}

/// A validator of which nothing may be signed.
package struct DisabledValidator: Sendable, Hashable {
    package let record: RecordIdentity
    /// The instance that disabled it; nil where another program did, or an instance without a floor.
    package let instance: FloorInstance?

    package init(_ record: RecordIdentity, by instance: FloorInstance?) {
        self.record = record
        self.instance = instance
    }
}

/// What came of disabling or enabling, validator by validator.
package struct EnablingReport: Sendable, Equatable, Codable {
    package struct Refused: Sendable, Equatable, Codable {
        package let publicKey: String
        package let reason: String
    }

    /// Public keys of those that are disabled, or enabled, now and were not before.
    package private(set) var changed: [String] = []
    package private(set) var unchanged: [String] = []
    package private(set) var refused: [Refused] = []

    package init() {}

    mutating func note(_ record: RecordIdentity, hasChanged: Bool) {
        if hasChanged { changed.append(record.description) } else { unchanged.append(record.description) }
    }

    /// Somebody else has disabled it.
    mutating func refuse(_ record: RecordIdentity, disabledBy instance: FloorInstance?) {
        let reason =
            "it was disabled by \(instance.map { "the instance \($0.name)" } ?? "a signer that left no name"); "
            + "only that one enables it, or an explicit import of its keystore or its history"
        refused.append(Refused(publicKey: record.description, reason: reason))
    }
}
