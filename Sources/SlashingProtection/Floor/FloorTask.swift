// SPDX-License-Identifier: Apache-2.0
package import Consensus
package import Encoding

/// What the floor asks of a record. Each is one step that nothing can come between, or has an order that is as good
/// (`DynamoDBInstances.swift`).
///
/// A *recovery* is the way out of an alarm: every instance that keeps a floor for the record merges it, and only when
/// the last one has, may the first sign again. Recoveries are numbered in the record; an instance that merged in one
/// stands still until it is complete, so what it merged stays whole. The list and the merged marks lie in the same
/// database and are written in one step, or the list does not count in a copy: a restored database that still knows of a
/// merge still has what was merged.
package enum FloorTask: Sendable {
    /// Holds marks against the record; changes nothing.
    case compare([FloorMark])
    /// Enters an instance in the list, or its new name. A new one owes nothing to a recovery under way.
    case register(FloorInstance)
    case merge(FloorMerge)
}

package enum FloorAnswer: Sendable {
    case comparison(RecordComparison)
    case registered
    case merged(FloorMergeReport)
}

/// What a record says to the marks of a floor.
package struct RecordComparison: Sendable {
    /// Marks above what the record covers; the first few in full.
    package var uncovered: [UncoveredMark] = []
    package var uncoveredCount = 0
    package var recovery: RecoveryList
    /// Whether the record holds anything: a message, a watermark.
    package var hasHistory: Bool
    package var identity: DatabaseIdentity?

    package init(recovery: RecoveryList, hasHistory: Bool, identity: DatabaseIdentity? = nil) {
        self.recovery = recovery
        self.hasHistory = hasHistory
        self.identity = identity
    }

    /// Of how many validators both values are told.
    package static let mostInFull = 3

    /// Holds one mark against what the record has.
    ///
    /// A slot and a target are covered by the very row, or by a low watermark there or above: that another signer went
    /// on further up does not bring back what was lost. A store that cannot look at single rows takes the highest.
    package mutating func hold(
        _ mark: FloorMark,
        recorded: Watermarks,
        low: Watermarks,
        hasSlot: Bool,
        hasTarget: Bool
    ) {
        let covers =
            (hasSlot || Self.isCovered(mark.marks.slot, by: low.slot))
            && (hasTarget || Self.isCovered(mark.marks.target, by: low.target))
            && Self.isCovered(mark.marks.source, by: recorded.raised(to: low).source)
        guard !covers else { return }
        uncoveredCount += 1
        guard uncovered.count < Self.mostInFull else { return }
        uncovered.append(UncoveredMark(released: mark, recorded: recorded.raised(to: low)))
    }

    private static func isCovered<Number: Comparable>(_ mark: Number?, by value: Number?) -> Bool {
        guard let mark else { return true }
        return value.map { $0 >= mark } ?? false
    }
}

/// A mark with what the record has instead.
package struct UncoveredMark: Hashable, Sendable, CustomStringConvertible {
    package let released: FloorMark
    package let recorded: Watermarks

    package var description: String {
        "\(released.record): released up to \(released.marks.words), recorded up to \(recorded.words)"
    }
}

/// The last recovery of a record and the instances that take part.
package struct RecoveryList: Sendable {
    package var number: UInt64
    package var instances: [KnownInstance]

    package init(number: UInt64, instances: [KnownInstance]) {
        self.number = number
        self.instances = instances
    }

    /// Those that have not merged in the last recovery.
    package var missing: [KnownInstance] { instances.filter { $0.merged < number } }
    package var isComplete: Bool { missing.isEmpty }

    package subscript(identifier: Bytes<16>) -> KnownInstance? {
        instances.first { $0.instance.identifier == identifier }
    }
}

/// An instance in the record's list.
package struct KnownInstance: Hashable, Sendable {
    package let instance: FloorInstance
    /// The last recovery that its floor was merged in.
    package var merged: UInt64

    package init(_ instance: FloorInstance, merged: UInt64) {
        self.instance = instance
        self.merged = merged
    }
}

/// A floor to be merged into the record as raised low watermarks; the list says so when all of it is durable.
package struct FloorMerge: Sendable {
    package let instance: FloorInstance
    package let marks: [FloorMark]
    /// The instance's own word of its last recoveries, which a restored record may have forgotten.
    package let joined: UInt64?
    package let completed: UInt64
    /// Raised for every validator, in the record or not, in the place of the floors of instances that cannot merge.
    package let clockFloor: Watermarks?
    /// Whether the instance leaves the list with this: it is gone, and no recovery shall wait for it any more.
    package let retires: Bool

    package init(
        instance: FloorInstance,
        marks: [FloorMark],
        joined: UInt64?,
        completed: UInt64,
        clockFloor: Watermarks?,
        retires: Bool = false
    ) {
        self.retires = retires
        self.instance = instance
        self.marks = marks
        self.joined = joined
        self.completed = completed
        self.clockFloor = clockFloor
    }

    /// The highest of all numbers in it.
    package var highest: Watermarks {
        marks.reduce(clockFloor ?? Watermarks()) { $0.raised(to: $1.marks) }
    }

    /// No low watermark may rise above the high one: clearing that later would leave the lower one behind.
    func refuse(above high: HighWatermark?) throws(StoreError) {
        guard let high else { return }
        let marks = highest
        let epoch = [marks.source, marks.target].compactMap(\.self).max()
        guard marks.slot ?? 0 > high.slot || epoch ?? 0 > high.epoch else { return }
        throw .refused(
            reason:
                "the floor goes up to \(marks.words), above the high watermark (slot \(high.slot), epoch \(high.epoch)); "
                + "clear it with `anti-slashing watermark --clear-high`, reconcile, then set it again"
        )
    }

    /// The list after the merge; the one place where recoveries begin, are joined and end.
    ///
    /// A recovery under way is joined, unless this instance remembers to have merged in it or to have seen its end, and
    /// the record does not: then the record has been set back into it, and what others merged there may be older than
    /// what they signed since.
    ///
    /// One that retires begins no recovery: its marks and its leaving the list are one step, so that a record without it
    /// has what it let out, and a record that was set back further has it in the list again.
    package func applied(to list: RecoveryList) -> RecoveryList {
        var list = list
        if retires {
            list.instances.removeAll { $0.instance.identifier == instance.identifier }
            return list
        }
        let own = list[instance.identifier]?.merged ?? 0
        let remembered = max(completed, joined ?? 0)
        let wasSetBack = own < remembered
        let canJoin = !list.isComplete && !wasSetBack && list.number > completed
        let isDone = list.isComplete && !wasSetBack && joined == list.number
        if !canJoin, !isDone { list.number = max(list.number, remembered) + 1 }
        list.instances.removeAll { $0.instance.identifier == instance.identifier }
        if clockFloor != nil {
            // One of this name under another identifier is this instance before it lost its floor.
            list.instances.removeAll { $0.instance.name == instance.name }
            for position in list.instances.indices { list.instances[position].merged = list.number }
        }
        list.instances.append(KnownInstance(instance, merged: list.number))
        return list
    }
}

/// What a merge did.
package struct FloorMergeReport: Sendable {
    /// Validators whose low watermarks rose.
    package let raised: Int
    package let recovery: RecoveryList
    package let identity: DatabaseIdentity?

    package init(raised: Int, recovery: RecoveryList, identity: DatabaseIdentity? = nil) {
        self.raised = raised
        self.recovery = recovery
        self.identity = identity
    }
}

/// The floor that holds where the floors of some instances cannot be had (dirk.md §20.6): nothing can have been signed
/// above it, because the clock guard refused that.
package struct ClockFloor: Sendable {
    /// The low watermarks: slots up to the last of epoch `now + 1`, targets up to `now + 1` and sources below `now` are
    /// refused. The sources matter: a later target with an earlier source surrounds. Where the clock guard lets duties
    /// further ahead than one epoch, slots and targets go as far.
    package static func marks(now: Epoch, clockGuardEpochs: UInt64, slotsPerEpoch: UInt64) -> Watermarks {
        let target = now.value + max(1, clockGuardEpochs)
        return Watermarks(slot: Slot((target + 1) * slotsPerEpoch - 1), source: now, target: Epoch(target))
    }
}

/// What `anti-slashing reconcile` did, for people and for scripts.
package struct ReconcileReport: Sendable, Codable, Equatable {
    package struct Instance: Sendable, Codable, Equatable {
        package let identifier: String
        package let name: String

        package init(_ instance: FloorInstance) {
            identifier = instance.digits
            name = instance.name
        }
    }

    package let instance: Instance
    /// The number of the recovery; "0" where none was needed.
    package let recovery: String
    /// Validators in this instance's floor.
    package let merged: Int
    /// Validators whose low watermarks rose.
    package let raised: Int
    /// The clock floor that was accepted.
    package let clockFloor: String?
    /// Instances whose floors have not been merged.
    package let missing: [Instance]
    /// Whether the alarm of this instance is over.
    package let isCleared: Bool

    package init(
        instance: FloorInstance,
        recovery: UInt64,
        merged: Int,
        raised: Int,
        clockFloor: Watermarks?,
        missing: [FloorInstance]
    ) {
        self.instance = Instance(instance)
        self.recovery = "\(recovery)"
        self.merged = merged
        self.raised = raised
        self.clockFloor = clockFloor?.words
        self.missing = missing.map { Instance($0) }
        isCleared = missing.isEmpty
    }
}
