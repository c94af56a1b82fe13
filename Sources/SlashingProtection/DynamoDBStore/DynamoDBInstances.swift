// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

/// What the floor asks of a table. There is no transaction around all of it, because one holds a hundred operations: each
/// function says why its order is enough.
extension DynamoDBRecord {
    /// Tries of a change that others keep coming before.
    private static let rounds = 20

    // MARK: Comparing

    /// Holds marks against the record. Nothing behind the highest marks of a validator can be signed afresh, so they cover
    /// as low watermarks do, and single entries need not be looked at. They only rise: it does not matter that they are
    /// not of one moment.
    func compare(_ marks: [FloorMark], in table: String?) async throws(StoreError) -> RecordComparison {
        let recovery = try await recoveries().list(in: table)
        let header = try await header()
        let keys = marks.map(\.record.publicKey)
        let found = try await self.marks(of: keys)
        var comparison = RecordComparison(
            recovery: recovery,
            hasHistory: header.floor != Watermarks() || found.contains { $0?.isHistory ?? false }
        )
        for (mark, standing) in zip(marks, found) {
            let highest = standing?.highest ?? header.floor
            comparison.hold(mark, recorded: highest, low: highest, hasSlot: false, hasTarget: false)
        }
        return comparison
    }

    /// Whether the table holds any message or watermark; reads until it finds one.
    func holdsHistory() async throws(StoreError) -> Bool {
        var next: Item?
        repeat {
            let page = try await attempt { () throws(DynamoDBError) in
                try await database.scan(table: table, from: next, limit: 500)
            }
            let found = page.items.contains { item in
                guard item.publicKey != nil else { return false }
                return item["entry_key"]?.string != "marks" || ValidatorMarks(item)?.isHistory ?? true
            }
            if found { return true }
            next = page.next
        } while next != nil
        return false
    }

    // MARK: The list

    func recoveries() async throws(StoreError) -> DynamoDBRecoveries {
        let found = try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: DynamoDBLayout.recovery)
        }
        guard let found else { return DynamoDBRecoveries() }
        guard let recoveries = DynamoDBRecoveries(found) else {
            throw .storage(reason: "the list of instances in \(place) is not one that this version knows")
        }
        return recoveries
    }

    /// Changes the list and enters an instance's count, in one transaction. Gives the count.
    @discardableResult
    private func change(
        _ instance: FloorInstance,
        in table: String?,
        countAbove least: UInt64?,
        _ change: (RecoveryList) -> RecoveryList
    ) async throws(StoreError) -> (list: RecoveryList, count: UInt64) {
        for _ in 0..<Self.rounds {
            let before = try await recoveries()
            let list = change(before.list(in: table))
            let standing = try await count(of: instance)
            let count = least.map { max($0, standing ?? 0) + 1 } ?? standing ?? 0
            let after = DynamoDBRecoveries(list, revision: before.revision + 1, table: table)
            if try await write(after, replacing: before.revision, instance, count, replacing: standing) {
                return (list, count)
            }
        }
        throw .storage(reason: "the list of instances in \(place) is too busy to be changed; try again")
    }

    private func count(of instance: FloorInstance) async throws(StoreError) -> UInt64? {
        try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: DynamoDBLayout.looks(of: instance))?["look_count"]?.number
        }
    }

    /// False where it has to be looked at again: somebody else was there, or nobody knows.
    private func write(
        _ recoveries: DynamoDBRecoveries,
        replacing revision: UInt64,
        _ instance: FloorInstance,
        _ count: UInt64,
        replacing standing: UInt64?
    ) async throws(StoreError) -> Bool {
        let unchanged = Expression("revision = :r", values: [":r": .number(revision)])
        let uncounted = standing.map { Expression("look_count = :c", values: [":c": .number($0)]) }
        var trace = DynamoDBLayout.looks(of: instance)
        trace["look_count"] = .number(count)
        do throws(DynamoDBError) {
            try await database.transactWrite([
                .put(table: table, recoveries.item, where: revision == 0 ? DynamoDBLayout.absent : unchanged),
                .put(table: table, trace, where: uncounted ?? DynamoDBLayout.absent),
            ])
            return true
        } catch .canceled(let reasons) where reasons.contains(where: \.isCondition) {
            return false
        } catch let error where error.mayHaveBeenDone {
            return false
        } catch { throw failure(error) }
    }

    func register(_ instance: FloorInstance, in table: String?) async throws(StoreError) {
        try await change(instance, in: table, countAbove: nil) { list in
            var list = list
            let merged = list[instance.identifier]?.merged ?? list.number
            list.instances.removeAll { $0.instance.identifier == instance.identifier }
            list.instances.append(KnownInstance(instance, merged: merged))
            return list
        }
    }

    // MARK: Merging

    /// Merges a floor: first the marks, in any order and as many transactions as they need, last the list.
    ///
    /// Marks only move forward, so a part of them makes the record stricter and nothing else; and nobody takes this
    /// instance for merged before the list says so, which is written when all marks are durable. Where the merge is cut
    /// off, the next one raises what is missing. The table that the list names tells a copy of it: there the list does not
    /// count, so what a backup caught of a merge does not matter.
    ///
    /// - Parameter least: what the count of the instance has been, so that it rises above that.
    func merge(
        _ merge: FloorMerge,
        in table: String?,
        countAbove least: UInt64
    ) async throws(StoreError) -> (report: FloorMergeReport, count: UInt64) {
        try merge.refuse(above: try await header().highWatermark)
        var raised: Set<PublicKey> = []
        if let floor = merge.clockFloor { raised.formUnion(try await raiseAll(to: floor, isMerged: true)) }
        raised.formUnion(
            try await raise(merge.marks.map { RaisedMarks(key: $0.record.publicKey, marks: $0.marks, isMerged: true) })
        )
        let (list, count) = try await change(merge.instance, in: table, countAbove: least) { merge.applied(to: $0) }
        return (FloorMergeReport(raised: raised.count, recovery: list), count)
    }
}

extension ValidatorMarks {
    /// Whether anything was signed, imported or raised.
    fileprivate var isHistory: Bool { highest != Watermarks() || low != Watermarks() }
}
