// SPDX-License-Identifier: Apache-2.0
import Encoding
import Foundation
import Sealing
import Secrets
import SignerState
import TestSupport
import Testing

/// The secrets of a chamber in files, put together from its record as the signer does it: what the KMS keys hold shares of,
/// and those shares.
struct CustodySecrets {
    /// Of KMS keys alone the master key; of a quorum the master key under the operators' key.
    let held: SecretForms
    let shares: [SecretForms]
    let record: MasterKeyRecord
    private let secret: SecretBox

    /// A signer that runs may hold the state: a copy of it is read.
    init(_ place: SealedPlace) async throws {
        let copy = try TemporaryFolder()
        let folder = place.workplace.folder
        for name in try folder.names where ["state.sqlite", "state.sqlite-wal"].contains(name) {
            try FileManager.default.copyItem(atPath: folder.file(name), toPath: copy.file(name))
        }
        let state = try SQLiteState(path: copy.file("state.sqlite"))
        let row = try #require(try await state.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey })
        await state.close()
        record = try MasterKeyRecord(reading: try #require(row.body))
        let wrappers = KeyWrappers(KeyWrapperSettings())
        let custodian = Custodian { name throws(WrappingError) in try wrappers.wrapper(for: name) }
        secret = SecretBox(try await custodian.open(record.custody, of: record.identity).take())
        let digits = Self.digits(secret.bytes)
        held = try SecretForms(record.quorum == nil ? "master key" : "envelope", digits: digits)
        var shares: [SecretForms] = []
        for share in record.custody.shares {
            let context = WrappingContext(
                chamber: record.identity.chamber.bytes,
                generation: record.identity.generation,
                share: share.number
            )
            let wrapper = try wrappers.wrapper(for: share.key)
            let opened = try await wrapper.unwrap(share.wrapped, context: context, recipient: nil)
            let digits = Self.digits(opened, from: KeyShare.headerLength)
            shares.append(try SecretForms("KMS share \(share.number)", digits: digits))
        }
        self.shares = shares
    }

    /// The operators' key and the master key, of operators' shares with their numbers.
    func opened(with shares: [(number: UInt8, digits: String)]) throws -> [SecretForms] {
        let values = try shares.flatMap { try Hex.decode($0.digits) as [UInt8] }
        let unsealKey = Shamir.combine(shares.map(\.number), values.span)
        let master = try QuorumEnvelope.open(secret.bytes, with: unsealKey, record.identity).copy()
        return [
            try SecretForms("operators' key", digits: Self.digits(unsealKey)),
            try SecretForms("master key", digits: Self.digits(master)),
        ]
    }

    /// 32 bytes, of a secret of a test.
    static func digits(_ secret: borrowing SecretBytes, from start: Int = 0) -> String {
        let bytes = secret.withSpan { span in (start..<start + 32).map { span[$0] } }
        return Hex.encode(bytes, prefix: false)
    }
}
