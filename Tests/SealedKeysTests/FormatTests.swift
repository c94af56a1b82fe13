// SPDX-License-Identifier: Apache-2.0
import DynamoDB
import Encoding
import Foundation
import SealedKeys
import TestSupport
import Testing

/// What docs/formats.md says to other programs.
@Suite(.enabled(if: MotoServer.isPresent), .timeLimit(.minutes(3))) struct FormatTests {
    private static func item(_ place: KeyPlace, _ name: String) async throws -> Item? {
        try await KeyPlace.database().getItem(table: place.name, key: ["public_key": .string(name)])
    }

    @Test func `keys, tombstones, the header and changes lie in DynamoDB as they are described`() async throws {
        let place = try await KeyPlace(.dynamodb)
        let store = try await place.openDynamoDB()
        let publicKey = try #require(Bytes<48>([UInt8](repeating: 0x11, count: 48)))
        let row = SealedKeyRow(
            publicKey: publicKey,
            version: 1,
            status: .active,
            createdAt: 10,
            updatedAt: 20,
            keyGeneration: 3,
            name: "wallet/account",
            secret: [1, 2],
            encryptedMnemonic: [3],
            seal: [4, 5]
        )
        try await store.make([.standing(row), .put(7)])
        try await store.make([.delete(7, 2)])
        let digits = "0x" + String(repeating: "11", count: 48)
        #expect(
            try await Self.item(place, digits) == [
                "public_key": .string(digits), "row_version": .number(1), "status": .string("active"),
                "status_shard": .string("active#01"), "created_at": .number(10), "updated_at": .number(20),
                "key_generation": .number(3), "key_name": .string("wallet/account"), "secret": .bytes([1, 2]),
                "encrypted_mnemonic": .bytes([3]), "seal": .bytes([4, 5]),
            ]
        )
        #expect(
            try await Self.item(place, "\(key(7))") == [
                "public_key": .string("\(key(7))"), "row_version": .number(2), "status": .string("deleted"),
                "updated_at": .number(1_700_000_002), "key_generation": .number(3),
                "seal": .bytes(Array("gone 7 2 ".utf8)),
            ]
        )
        var header = try #require(try await Self.item(place, "header"))
        #expect(header.removeValue(forKey: "store_id")?.bytes?.count == 16)
        #expect(
            header == [
                "public_key": .string("header"), "format_version": .number(1), "revision": .number(2),
                "change_slots": .number(4096), "active_count": .number(1), "inactive_count": .number(0),
                "active_sum": .bytes(try Hex.decode(Self.vector)),
                "inactive_sum": .bytes([UInt8](repeating: 0, count: 8)),
            ]
        )
        #expect(
            try await Self.item(place, "change#2") == [
                "public_key": .string("change#2"), "revision": .number(2),
                "changed": .bytes(key(7).array + [0, 0, 0, 0, 0, 0, 0, 2]),
            ]
        )
    }

    /// Made by another program.
    private static let vector = "0x8d66e7d0719a0974"

    @Test func `the vector is the one of the document`() throws {
        let document = Vectors.packageRoot.appending(path: "docs/formats.md")
        #expect(try String(contentsOf: document, encoding: .utf8).contains("has the hash `\(Self.vector)`"))
    }
}
