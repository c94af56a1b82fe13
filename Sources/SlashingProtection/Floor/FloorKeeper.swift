// SPDX-License-Identifier: Apache-2.0

/// Where an instance keeps what it has let out, apart from the record, so that a record which went back in time is
/// noticed. `SQLiteFloor` keeps it on a disk; hosts without one bring another.
///
/// What lies here must not be restored together with the record.
package protocol FloorKeeper: Sendable {
    var instance: FloorInstance { get }

    /// What stands beside the marks, as it was last made durable.
    var condition: FloorCondition { get }

    /// Whether the floor can be raised now.
    var health: StoreHealth { get }

    /// Raises the marks to what is about to be released; durable when it returns. `seen` is kept with them.
    func raise(_ release: FloorRelease) async throws(StoreError)

    /// All marks that are durable.
    func marks() async throws(StoreError) -> [FloorMark]

    /// Changes the condition; durable when it returns.
    func update(_ change: @escaping @Sendable (inout FloorCondition) -> Void) async throws(StoreError)

    func close() async
}

/// What is about to be released: one message, for one or more validators.
package struct FloorRelease: Sendable {
    package let duty: SlashableDuty
    package let records: [RecordIdentity]
    /// The database that recorded it.
    package let seen: DatabaseIdentity?

    package init(duty: SlashableDuty, records: [RecordIdentity], seen: DatabaseIdentity? = nil) {
        self.duty = duty
        self.records = records
        self.seen = seen
    }
}

/// What an instance knows of itself and of the record's recoveries.
package struct FloorCondition: Hashable, Sendable {
    /// Why nothing is signed until the record was reconciled.
    package var alarm: String?
    /// The recovery that the floor was merged in, while the alarm waits for the other instances.
    package var joined: UInt64?
    /// The last recovery that ended an alarm here.
    package var completed: UInt64 = 0
    /// Whether the record was told of this instance.
    package var isKnown = false
    /// The database that was seen last.
    package var seen: DatabaseIdentity?

    package init() {}
}
