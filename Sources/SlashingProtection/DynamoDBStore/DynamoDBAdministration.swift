// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import DynamoDB

extension DynamoDBRecord {
    /// Tries of a change that others keep coming before.
    private static let rounds = 20

    /// The marks of a validator; one that is not in the record yet is entered.
    func marks(of key: PublicKey) async throws(StoreError) -> ValidatorMarks {
        if let marks = try await standingMarks(of: key) { return marks }
        try await register([RecordIdentity(key)])
        if let marks = try await standingMarks(of: key) { return marks }
        throw .storage(reason: "the marks of validator \(key) were deleted from \(place)")
    }

    private func standingMarks(of key: PublicKey) async throws(StoreError) -> ValidatorMarks? {
        let found = try await attempt { () throws(DynamoDBError) in
            try await database.getItem(table: table, key: DynamoDBLayout.marksKey(key))
        }
        return try found.map(marks(in:))
    }

    /// Changes the marks of a validator where `change` says that there is something to do. Compares and sets, so a
    /// signature that comes between is not lost.
    @discardableResult
    func change(_ key: PublicKey, _ change: (inout ValidatorMarks) -> Bool) async throws(StoreError) -> Bool {
        for _ in 0..<Self.rounds {
            let before = try await marks(of: key)
            var after = before
            guard change(&after) else { return false }
            after.revision += 1
            if try await put(after.item(of: key), replacing: before.revision) { return true }
        }
        throw .storage(reason: "validator \(key) in \(place) is too busy to be changed; try again")
    }

    /// The same for the header.
    func changeHeader(_ change: (inout RecordHeader) -> Bool) async throws(StoreError) {
        for _ in 0..<Self.rounds {
            let before = try await header()
            var after = before
            guard change(&after) else { return }
            after.revision += 1
            if try await put(after.item, replacing: before.revision) { return }
        }
        throw .storage(reason: "the header of \(place) is too busy to be changed; try again")
    }

    /// False where it has to be looked at again: something else stands there now, or nobody knows.
    private func put(_ item: Item, replacing revision: UInt64) async throws(StoreError) -> Bool {
        do throws(DynamoDBError) {
            let unchanged = Expression("revision = :r", values: [":r": .number(revision)])
            try await database.putItem(table: table, item, where: unchanged)
            return true
        } catch .conditionFailed {
            return false
        } catch let error where error.mayHaveBeenDone {
            return false
        } catch { throw failure(error) }
    }

    func marks(in item: Item) throws(StoreError) -> ValidatorMarks {
        guard let marks = ValidatorMarks(item) else {
            throw .storage(reason: "\(place) holds marks that are not those of a slashing record")
        }
        return marks
    }

    /// Everything in the table, a page at a time.
    func forEachItem(_ body: (Item) throws(StoreError) -> Void) async throws(StoreError) {
        var next: Item?
        repeat {
            let page = try await attempt { () throws(DynamoDBError) in try await database.scan(table: table, from: next)
            }
            for item in page.items { try body(item) }
            next = page.next
        } while next != nil
    }

    /// All validators with their marks.
    func validators() async throws(StoreError) -> [PublicKey: ValidatorMarks] {
        var validators: [PublicKey: ValidatorMarks] = [:]
        try await forEachItem { item throws(StoreError) in
            guard item["entry_key"]?.string == "marks", let key = item.publicKey else { return }
            validators[key] = try marks(in: item)
        }
        return validators
    }

    func status(_ health: StoreHealth) async throws(StoreError) -> RecordStatus {
        let header = try await header()
        let validators = try await validators().values
        return RecordStatus(
            backend: "dynamodb",
            path: place,
            schemaVersion: Int(DynamoDBLayout.version),
            genesisValidatorsRoot: header.genesisValidatorsRoot.description,
            validators: validators.count,
            disabled: validators.count { $0.isDisabled },
            highWatermark: header.highWatermark,
            health: health
        )
    }

    /// Raises the low watermarks of all validators, and of those to come. Upward only.
    func raise(slot: Slot?, epoch: Epoch?) async throws(StoreError) -> Int {
        guard max(slot?.value ?? 0, epoch?.value ?? 0) <= UInt64(Int64.max) else {
            throw .refused(reason: "a low watermark must be below 2^63")
        }
        let high = try await header().highWatermark
        if let high, let slot, slot > high.slot {
            throw .refused(reason: "slot \(slot) is above the high watermark \(high.slot)")
        }
        if let high, let epoch, epoch > high.epoch {
            throw .refused(reason: "epoch \(epoch) is above the high watermark \(high.epoch)")
        }
        return try await raiseAll(to: Watermarks(slot: slot, source: epoch, target: epoch)).count
    }

    /// Sets or clears the end of signing: for validators to come in the header, for the others in their marks, where the
    /// transaction of every signature looks at it.
    func setHighWatermark(_ mark: HighWatermark?) async throws(StoreError) -> HighWatermark? {
        if let mark {
            guard max(mark.slot.value, mark.epoch.value) <= UInt64(Int64.max) else {
                throw .refused(reason: "a high watermark must be below 2^63")
            }
            try await refuse(mark, notAbove: header().floor)
            for marks in try await validators().values { try refuse(mark, notAbove: marks.low) }
        }
        try await changeHeader { header in
            guard header.highWatermark != mark else { return false }
            header.highWatermark = mark
            return true
        }
        for key in try await validators().keys.sorted() {
            try await change(key) { marks in
                guard marks.highWatermark != mark else { return false }
                marks.highWatermark = mark
                return true
            }
        }
        return mark
    }

    private func refuse(_ mark: HighWatermark, notAbove low: Watermarks) throws(StoreError) {
        if let slot = low.slot, mark.slot <= slot {
            throw .refused(reason: "the high watermark slot \(mark.slot) is not above the low watermark \(slot)")
        }
        if let epoch = [low.source, low.target].compactMap(\.self).max(), mark.epoch <= epoch {
            throw .refused(reason: "the high watermark epoch \(mark.epoch) is not above the low watermark \(epoch)")
        }
    }
}

extension Item {
    /// Whose item it is; nil for the header.
    var publicKey: PublicKey? {
        guard let text = self["record_key"]?.string, text.hasPrefix("0x") else { return nil }
        return try? PublicKey(hex: text)
    }
}
