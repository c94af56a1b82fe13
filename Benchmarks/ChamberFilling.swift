// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Encoding
internal import Foundation
internal import SealedKeys
internal import Sealing
internal import Secrets
internal import SignerState

/// Many new keys in the store of a chamber, encrypted as a signer does it and written past the API, which would make each of
/// them durable for itself.
struct ChamberFilling {
    private static let atOnce = 500
    private let sealer: KeyRowSealer
    private let arena = SecretArena()

    /// Puts the master key together from the chamber's own record and KMS keys.
    init(_ store: ChamberStore) async throws(BenchmarkFailure) {
        let state = try await store.state()
        let row = try await attempt("reading the master key's row") {
            try await state.rows(after: 0).rows.first { $0.name == ChamberRows.masterKey }
        }
        await state.close()
        guard let body = row?.body else { throw BenchmarkFailure("\(store.name): the chamber has no master key") }
        let wrappers = KeyWrappers(KeyWrapperSettings())
        let custodian = Custodian { name throws(WrappingError) in try wrappers.wrapper(for: name) }
        sealer = try await attempt("putting the master key together") {
            let record = try MasterKeyRecord(reading: body)
            let secret = try await custodian.open(record.custody, of: record.identity).take()
            return try KeyRowSealer(MasterKeys(MasterKey(secret, record.identity)))
        }
    }

    /// Writes so many keys; their public keys in the order of their bytes.
    func write(_ count: Int, to store: any SealedKeyStore) async throws(BenchmarkFailure) -> [PublicKey] {
        var keys: [PublicKey] = []
        while keys.count < count {
            var entries: [SealedKeyEntry] = []
            for _ in 0..<min(Self.atOnce, count - keys.count) {
                let row = try attempt("sealing a key") { try newRow() }
                keys.append(PublicKey(row.publicKey))
                entries.append(.standing(row))
            }
            let outcomes = try await attempt("writing keys") { try await store.apply(entries) }
            guard outcomes.allSatisfy({ $0 == .done }) else { throw BenchmarkFailure("a key could not be written") }
        }
        return keys.sorted { $0.bytes.array.lexicographicallyPrecedes($1.bytes.array) }
    }

    private func newRow() throws -> SealedKeyRow {
        // 31 random bytes behind a zero byte are below the order of the group. These keys guard nothing.
        let scalar = SecretBytes(copying: ([0] + Random.bytes(31)).span)
        let key = try scalar.withBytes { (bytes) throws(SecretKey.Failure) in
            try SecretKey(bigEndian: bytes, arena: arena)
        }
        let now = UInt64(Date().timeIntervalSince1970)
        let facts = KeyRowSealer.Facts(version: 1, status: .active, createdAt: now, updatedAt: now)
        return try sealer.row(of: key.publicKey, secret: scalar, facts)
    }
}
