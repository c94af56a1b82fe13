// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import SQLite

/// Disables or enables validators in one transaction: whoever asks for several wants all or none.
struct EnablingJob: AdministrativeJob {
    private let validators: [RecordIdentity]
    private let isEnabled: Bool

    init(_ validators: [RecordIdentity], isEnabled: Bool) {
        self.validators = validators
        self.isEnabled = isEnabled
    }

    func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        try writer.administrativeTransaction { record throws(SQLiteError) in
            var report = EnablingReport()
            for validator in validators {
                report.note(validator, hasChanged: try record.set(isEnabled: isEnabled, validator.publicKey))
            }
            return .changed(report)
        }
    }
}

/// Counts the rows of some validators, a few a step.
struct CountingJob: AdministrativeJob {
    private static let validatorsPerStep = 64
    private var remaining: ArraySlice<RecordIdentity>
    private var report = RecordCount()

    init(_ validators: [RecordIdentity]) { remaining = validators[...] }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard !remaining.isEmpty else { return .counted(report) }
        let part = remaining.prefix(Self.validatorsPerStep)
        remaining = remaining.dropFirst(Self.validatorsPerStep)
        report.append(try writer.count(part))
        return nil
    }
}

extension SQLiteWriter {
    /// A record that cannot be written can still be looked at.
    fileprivate func count(_ part: ArraySlice<RecordIdentity>) throws(StoreError) -> RecordCount {
        do throws(SQLiteError) {
            var count = RecordCount()
            for validator in part {
                guard let state = try record.statements.load(validator.publicKey) else { continue }
                let rows = try record.statements.counts(validator: state.id)
                count.validators += 1
                count.blocks += rows.blocks
                count.attestations += rows.attestations
            }
            return count
        } catch {
            throw StoreError(error, path: file.path)
        }
    }

    func disabled(among wanted: [RecordIdentity]?) throws(StoreError) -> AdministrativeAnswer {
        do throws(SQLiteError) {
            let disabled = try record.statements.disabledValidators().map { RecordIdentity($0) }
            let wanted = wanted.map { Set($0) }
            let listed = disabled.filter { wanted?.contains($0) ?? true }
            return .disabled(listed.map { DisabledValidator($0, by: nil) })
        } catch {
            throw StoreError(error, path: file.path)
        }
    }
}

extension SQLiteRecord {
    /// Gives whether that was a change.
    fileprivate mutating func set(isEnabled: Bool, _ key: PublicKey) throws(SQLiteError) -> Bool {
        let state = try validator(for: key)
        guard state.isEnabled != isEnabled else { return false }
        try statements.set(isEnabled: isEnabled, validator: state.id)
        forget(key)
        return true
    }
}
