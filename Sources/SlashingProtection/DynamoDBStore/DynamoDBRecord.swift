// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

/// The table behind a store, with what is asked of it in the words of the record.
struct DynamoDBRecord: Sendable {
    let settings: DynamoDBStore.Settings
    var database: DynamoDB { settings.database }
    var table: String { settings.table }

    /// For messages.
    var place: String { "table \(table) of \(database.place)" }

    /// How often a table is looked at that is being made, a second apart.
    private static let looksAtNewTable = 60

    /// Whether the table exists and holds a record.
    func isThere() async throws(StoreError) -> Bool {
        do throws(DynamoDBError) {
            return try await database.getItem(table: table, key: DynamoDBLayout.header) != nil
        } catch .tableMissing {
            return false
        } catch { throw failure(error) }
    }

    /// Refuses a record of another network, another version, or in a table with other keys or with replicas. Gives what
    /// the service says of the table.
    @discardableResult
    func verify() async throws(StoreError) -> TableDescription {
        let description = try await attempt { () throws(DynamoDBError) in try await database.describeTable(table) }
        try check(description)
        let header = try await header()
        guard header.genesisValidatorsRoot == settings.genesisValidatorsRoot else {
            throw .otherNetwork(
                path: place,
                pinned: header.genesisValidatorsRoot,
                configured: settings.genesisValidatorsRoot
            )
        }
        return description
    }

    /// Refuses a table that no record can be in.
    func check(_ description: TableDescription) throws(StoreError) {
        guard description.keys == DynamoDBLayout.keys else {
            throw .storage(reason: "\(place) has other keys than a slashing record; name another table")
        }
        // One region answers before another knows, and two can answer differently. DynamoDB's strongly consistent global
        // tables take no transactions.
        guard !description.hasReplicas else {
            throw .storage(
                reason: "\(place) is a global table: a replica may not know yet what another has recorded, and a "
                    + "failover to it would lose that; remove the replicas, or name another table"
            )
        }
    }

    /// Makes the table where there is none, and the header of a record in it.
    func create() async throws(StoreError) {
        do throws(DynamoDBError) {
            try await database.createTable(table, keys: DynamoDBLayout.keys)
        } catch .tableExists {
            // Made by someone else, or for us with more care than we would take.
        } catch let error where error.mayHaveBeenDone {
            // Seen below.
        } catch { throw failure(error) }
        try await waitUntilUsable()
        let header = RecordHeader(genesisValidatorsRoot: settings.genesisValidatorsRoot)
        do throws(DynamoDBError) {
            try await database.putItem(table: table, header.item, where: DynamoDBLayout.absent)
        } catch .conditionFailed {
            throw .alreadyExists(path: place)
        } catch let error where error.mayHaveBeenDone {
            guard try await self.header() == header else { throw .alreadyExists(path: place) }
        } catch { throw failure(error) }
    }

    private func waitUntilUsable() async throws(StoreError) {
        for _ in 0..<Self.looksAtNewTable {
            let description = try await attempt { () throws(DynamoDBError) in try await database.describeTable(table) }
            if description.canBeUsed { return }
            try? await Task.sleep(for: .seconds(1))
        }
        throw .storage(reason: "\(place) is still being made after a minute; try again")
    }

    func header() async throws(StoreError) -> RecordHeader {
        let found = try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: DynamoDBLayout.header)
        }
        guard let found else { throw .missing(path: place) }
        guard let header = RecordHeader(found) else {
            let version = found["format_version"]?.number.map(String.init) ?? "unknown"
            throw .unknownVersion(path: place, found: version, known: Int(DynamoDBLayout.version))
        }
        return header
    }

    /// Does operations without conditions, some at a time; doing one again changes nothing.
    func write(_ operations: [TransactionWrite]) async throws(StoreError) {
        for start in stride(from: 0, to: operations.count, by: DynamoDB.largestTransaction) {
            let chunk = Array(operations[start..<min(start + DynamoDB.largestTransaction, operations.count)])
            try await attempt { () throws(DynamoDBError) in try await database.transactWrite(chunk) }
        }
    }

    /// Runs one operation; its failure is told in this module's words.
    func attempt<Result>(_ body: () async throws(DynamoDBError) -> Result) async throws(StoreError) -> Result {
        do throws(DynamoDBError) { return try await body() } catch { throw failure(error) }
    }

    func failure(_ error: DynamoDBError) -> StoreError {
        if case .tableMissing = error { return .missing(path: place) }
        return .storage(reason: "the slashing record in \(place): \(error)")
    }
}
