// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// Tries before the header counts as contended.
    private static let rounds = 20
    /// One place of the transaction that writes is the header's.
    private static let mostAtOnce = min(DynamoDB.largestReadTransaction, DynamoDB.largestTransaction - 1)

    /// Gives marks to validators that have none, many at once, so that their first messages need not.
    func register(_ identities: [RecordIdentity]) async throws(StoreError) {
        let keys = Set(identities.map(\.publicKey)).sorted()
        for start in stride(from: 0, to: keys.count, by: Self.mostAtOnce) {
            try await register(keys[start..<min(start + Self.mostAtOnce, keys.count)])
        }
    }

    private func register(_ keys: ArraySlice<PublicKey>) async throws(StoreError) {
        let reads = keys.map { TransactionRead(table: table, key: DynamoDBLayout.marksKey($0)) }
        for _ in 0..<Self.rounds {
            let found = try await attempt { () throws(DynamoDBError) in try await database.transactGet(reads) }
            let missing = zip(keys, found).filter { $0.1 == nil }.map(\.0)
            guard !missing.isEmpty else { return }
            try await attempt { () throws(DynamoDBError) in try await enter(missing) }
        }
        throw .storage(reason: "validators cannot be entered into \(place): others keep changing it; try again")
    }

    /// Gives validators their marks, as the header has them at that moment. Where someone else was first, or nobody knows,
    /// the caller sees it when it looks again.
    func enter(_ keys: [PublicKey]) async throws(DynamoDBError) {
        guard let found = try await database.getItem(table: table, key: DynamoDBLayout.header),
            let header = RecordHeader(found)
        else { throw .malformed(reason: "the header of the slashing record is gone") }
        // An update that changes nothing instead of a check: it needs no permission of its own.
        let unchanged = TransactionWrite.update(
            table: table,
            key: DynamoDBLayout.header,
            Expression("SET format_version = :v", values: [":v": .number(DynamoDBLayout.version)]),
            where: Expression("revision = :r", values: [":r": .number(header.revision)])
        )
        let marks = keys.map { key -> TransactionWrite in
            .put(table: table, ValidatorMarks(from: header).item(of: key), where: DynamoDBLayout.absent)
        }
        do throws(DynamoDBError) {
            try await database.transactWrite([unchanged] + marks)
        } catch .canceled(let reasons) where reasons.contains(where: \.isCondition) {
            return
        } catch let error where error.mayHaveBeenDone {
            return
        } catch { throw error }
    }
}
