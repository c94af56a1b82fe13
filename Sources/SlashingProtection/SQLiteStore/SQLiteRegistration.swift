// SPDX-License-Identifier: Apache-2.0
internal import SQLite

/// Makes rows for validators that have none yet, some hundred a step, and remembers what the others signed last, so
/// that their first message is as fast as the next.
struct RegistrationJob: AdministrativeJob {
    private static let recordsPerStep = 256
    private var remaining: ArraySlice<RecordIdentity>

    init(_ records: [RecordIdentity]) { remaining = records[...] }

    mutating func step(_ writer: inout SQLiteWriter) throws(StoreError) -> AdministrativeAnswer? {
        guard !remaining.isEmpty else { return .registered }
        let records = remaining.prefix(Self.recordsPerStep)
        remaining = remaining.dropFirst(Self.recordsPerStep)
        try writer.administrativeTransaction { record throws(SQLiteError) in
            for identity in records { _ = try record.validator(for: identity.publicKey) }
        }
        return nil
    }
}
