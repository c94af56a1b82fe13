// SPDX-License-Identifier: Apache-2.0
package import DynamoDB

/// The state of a chamber of several instances, in a DynamoDB table of its own (docs/formats.md). Each change is one
/// transaction over the header and the rows that it concerns.
package struct DynamoDBState: StateStore {
    private let database: DynamoDB
    private let table: String
    /// Tries of a change that others keep coming before.
    private static let rounds = 10
    /// Of all bodies of one change: a transaction holds 4 MB.
    private static let largestChange = 3_500_000

    private init(_ database: DynamoDB, _ table: String) {
        self.database = database
        self.table = table
    }

    /// Looks at the table; makes the header where the table is new and empty.
    package static func open(_ database: DynamoDB, table: String) async throws(StateError) -> DynamoDBState {
        let state = DynamoDBState(database, table)
        let description: TableDescription
        do throws(DynamoDBError) { description = try await database.describeTable(table) } catch {
            if case .tableMissing = error {
                throw .unusable(
                    reason: "the DynamoDB table \(table) does not exist; make it, with the keys of docs/formats.md"
                )
            }
            throw state.failure(error)
        }
        guard description.keys == StateItems.keys else {
            throw .unusable(reason: "the DynamoDB table \(table) has other keys than a signer state (docs/formats.md)")
        }
        guard description.canBeUsed else {
            throw .unavailable(reason: "the DynamoDB table \(table) is \(description.status)")
        }
        do throws(DynamoDBError) {
            let header = StateHeader(revision: 0, lastChanged: [:])
            try await database.putItem(table: table, header.item, where: Expression("attribute_not_exists(state_key)"))
        } catch {
            guard case .conditionFailed = error else { throw state.failure(error) }
        }
        return state
    }

    /// Makes the table, for development.
    package static func createTable(_ database: DynamoDB, table: String) async throws(StateError) {
        do throws(DynamoDBError) { try await database.createTable(table, keys: StateItems.keys) } catch {
            throw DynamoDBState(database, table).failure(error)
        }
    }

    package func close() async {}

    // MARK: Reading

    package func rows(after revision: UInt64) async throws(StateError) -> StateReading {
        for _ in 0..<Self.rounds {
            let before = try await header()
            guard before.revision != revision else { return StateReading(revision: revision, rows: []) }
            let rows = try await allRows()
            // Pages are not of one moment. Nothing came between where the header is as it was, and whole is what the
            // last change wrote where its rows are there.
            guard let rows, try await header() == before, before.isWhole(rows) else { continue }
            return StateReading(revision: before.revision, rows: rows.filter { $0.revision > revision })
        }
        throw .unavailable(reason: "the DynamoDB table \(table) is changed faster than it can be read")
    }

    private func header() async throws(StateError) -> StateHeader {
        let item: Item?
        do throws(DynamoDBError) { item = try await database.getItem(table: table, key: StateHeader.key) } catch {
            throw failure(error)
        }
        guard let item else { throw .unusable(reason: "the header of the DynamoDB table \(table) is gone") }
        guard let header = StateHeader(item) else {
            throw .unusable(reason: "the DynamoDB table \(table) is not of this version")
        }
        return header
    }

    /// Nil where a row is caught between two versions.
    private func allRows() async throws(StateError) -> [StateRow]? {
        var items: [Item] = []
        var next: Item?
        do throws(DynamoDBError) {
            repeat {
                let page = try await database.query(table: table, where: StateItems.rows, from: next)
                items += page.items
                next = page.next
            } while next != nil
        } catch {
            throw failure(error)
        }
        return StateItems.rows(of: items)
    }

    // MARK: Changing

    @discardableResult
    package func apply(_ changes: [StateChange]) async throws(StateError) -> UInt64 {
        let size = changes.reduce(0) { $0 + ($1.body?.count ?? 0) }
        if size > Self.largestChange, let first = changes.first {
            throw .tooLarge(first.name, limit: Self.largestChange)
        }
        for _ in 0..<Self.rounds {
            if let revision = try await attempt(changes) { return revision }
        }
        throw .unavailable(reason: "the DynamoDB table \(table) is too busy to be changed; try again")
    }

    /// Nil where somebody else came between.
    private func attempt(_ changes: [StateChange]) async throws(StateError) -> UInt64? {
        let header = try await header()
        guard header.revision < .max else { throw .exhausted(changes[0].name) }
        let revision = header.revision + 1
        var lastChanged: [String: UInt64] = [:]
        var writes: [TransactionWrite] = []
        for change in changes {
            let item: Item?
            do throws(DynamoDBError) {
                item = try await database.getItem(table: table, key: StateItems.key(change.name))
            } catch {
                throw failure(error)
            }
            let standing = item.flatMap(StateItems.standing)
            guard change.expected == (standing?.isDeleted == false ? standing?.version ?? 0 : 0) else {
                // What was read may be older than the header's next change: only a header that stands still proves it.
                guard try await self.header() == header else { return nil }
                throw .conflict(change.name)
            }
            guard standing?.version ?? 0 < .max else { throw .exhausted(change.name) }
            let version = (standing?.version ?? 0) + 1
            lastChanged[StateItems.entry(change.name)] = version
            writes += StateItems.writes(
                change,
                version: version,
                revision: revision,
                replacing: standing?.parts ?? 0,
                in: table
            )
        }
        writes.append(
            .put(
                table: table,
                StateHeader(revision: revision, lastChanged: lastChanged).item,
                where: Expression("revision = :r", values: [":r": .number(header.revision)])
            )
        )
        do throws(DynamoDBError) {
            try await database.transactWrite(writes)
            return revision
        } catch {
            guard case .canceled = error else { throw failure(error) }
            return nil
        }
    }

    private func failure(_ error: DynamoDBError) -> StateError {
        switch error {
        case .tableMissing: .unusable(reason: "the DynamoDB table \(table) does not exist")
        default: .unavailable(reason: "the DynamoDB table \(table): \(error)")
        }
    }
}
