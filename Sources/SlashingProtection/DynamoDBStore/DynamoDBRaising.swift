// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

/// Where the marks of one validator have to get to.
struct RaisedMarks: Sendable {
    let key: PublicKey
    let marks: Watermarks
    /// They are those of a floor, or stand in for one.
    var isMerged = false
}

/// Marks of many validators, read and raised in transactions of some that run side by side.
extension DynamoDBRecord {
    private static let chunk = DynamoDB.largestReadTransaction
    private static let chunksAtOnce = 16

    /// The marks of validators, in their order; nil for those that are not in the record. Ten thousand take a few seconds.
    /// Transactions read them, because they need no permission that signing does not.
    func marks(of keys: [PublicKey]) async throws(StoreError) -> [ValidatorMarks?] {
        let chunks = stride(from: 0, to: keys.count, by: Self.chunk).map {
            Array(keys[$0..<min($0 + Self.chunk, keys.count)])
        }
        return try await sideBySide(chunks) { chunk async throws(StoreError) in
            var found: [ValidatorMarks?] = []
            for item in try await items(of: chunk) { found.append(try item.map(marks(in:))) }
            return found
        }.flatMap(\.self)
    }

    private func items(of keys: [PublicKey]) async throws(StoreError) -> [Item?] {
        let places = keys.map { DynamoDBLayout.marksKey($0) }
        do throws(DynamoDBError) {
            return try await database.transactGet(places.map { TransactionRead(table: table, key: $0) })
        } catch .canceled {
            // Signatures keep coming in between; one by one nothing can.
            var items: [Item?] = []
            for place in places {
                items.append(
                    try await attempt { () throws(DynamoDBError) in
                        try await database.getItem(table: table, key: place)
                    }
                )
            }
            return items
        } catch { throw failure(error) }
    }

    /// Raises marks and low watermarks; upward only. Validators that are not in the record are entered. Gives those whose
    /// low watermarks rise.
    func raise(_ all: [RaisedMarks]) async throws(StoreError) -> Set<PublicKey> {
        let chunks = stride(from: 0, to: all.count, by: Self.chunk).map {
            Array(all[$0..<min($0 + Self.chunk, all.count)])
        }
        let raised = try await sideBySide(chunks) { chunk async throws(StoreError) in try await raiseTogether(chunk) }
        return Set(raised.flatMap(\.self))
    }

    /// Raises newcomers and everybody who is in the record. The header first: who is entered after that begins there, who
    /// was entered before is found.
    func raiseAll(to floor: Watermarks, isMerged: Bool = false) async throws(StoreError) -> Set<PublicKey> {
        try await changeHeader { header in
            let before = header.floor
            header.floor = before.raised(to: floor)
            return header.floor != before
        }
        return try await raise(
            validators().keys.sorted().map { RaisedMarks(key: $0, marks: floor, isMerged: isMerged) }
        )
    }

    private func raiseTogether(_ chunk: [RaisedMarks]) async throws(StoreError) -> [PublicKey] {
        let keys = chunk.map(\.key)
        var found = try await items(of: keys)
        if found.contains(where: { $0 == nil }) {
            try await register(keys.map { RecordIdentity($0) })
            found = try await items(of: keys)
        }
        var raised: [PublicKey] = []
        var changed: [RaisedMarks] = []
        var writes: [TransactionWrite] = []
        for (wanted, item) in zip(chunk, found) {
            guard let item else {
                throw .storage(reason: "the marks of validator \(wanted.key) were deleted from \(place)")
            }
            let before = try marks(in: item)
            var after = before
            guard after.raise(wanted) else { continue }
            after.revision += 1
            if after.low != before.low { raised.append(wanted.key) }
            changed.append(wanted)
            let unchanged = Expression("revision = :r", values: [":r": .number(before.revision)])
            writes.append(.put(table: table, after.item(of: wanted.key), where: unchanged))
        }
        guard !writes.isEmpty else { return [] }
        do throws(DynamoDBError) {
            try await database.transactWrite(writes)
        } catch let error where error.mayBeTriedOneByOne {
            for wanted in changed { try await change(wanted.key) { $0.raise(wanted) } }
        } catch { throw failure(error) }
        return raised
    }

    /// Does the same for many elements, some at a time; results in their order. After a failure nothing more is begun.
    private func sideBySide<Element: Sendable, Value: Sendable>(
        _ elements: [Element],
        _ body: @escaping @Sendable (Element) async throws(StoreError) -> Value
    ) async throws(StoreError) -> [Value] {
        var results = [Result<Value, StoreError>?](repeating: nil, count: elements.count)
        var failure: StoreError?
        await withTaskGroup(of: (Int, Result<Value, StoreError>).self) { group in
            for (place, element) in elements.enumerated() {
                if place >= Self.chunksAtOnce, let (done, result) = await group.next() {
                    results[done] = result
                    if case .failure(let error) = result { failure = error }
                }
                if failure != nil { break }
                group.addTask {
                    do throws(StoreError) { return (place, .success(try await body(element))) } catch {
                        return (place, .failure(error))
                    }
                }
            }
            for await (done, result) in group { results[done] = result }
        }
        var values: [Value] = []
        for result in results {
            guard let result else { break }
            values.append(try result.get())
        }
        if let failure { throw failure }
        return values
    }
}

extension ValidatorMarks {
    /// False where nothing rises.
    fileprivate mutating func raise(_ raised: RaisedMarks) -> Bool {
        let before = self
        low = low.raised(to: raised.marks)
        highest = highest.raised(to: raised.marks)
        if raised.isMerged { merged = merged.raised(to: raised.marks) }
        return self != before
    }
}

extension DynamoDBError {
    /// Whether somebody else was at one of the items, or it is not known what happened.
    fileprivate var mayBeTriedOneByOne: Bool {
        if case .canceled = self { true } else { mayHaveBeenDone }
    }
}
