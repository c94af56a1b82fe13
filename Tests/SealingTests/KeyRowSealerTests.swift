// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import SealedKeys
import Sealing
import Secrets
import Testing

@Suite struct KeyRowSealerTests {
    private let identity = MasterKeyIdentity(chamber: .random(), generation: 1)
    private let master: MasterKey
    private let sealer: KeyRowSealer
    private let arena = SecretArena()

    init() throws {
        master = MasterKey.random(identity)
        sealer = try KeyRowSealer(MasterKeys(master))
    }

    /// A key, and its scalar with the highest byte first.
    private func key(_ number: UInt8) throws -> SecretKey {
        let bytes = SecretBytes([UInt8](repeating: 0, count: 31) + [number])
        return try bytes.withBytes { try SecretKey(bigEndian: $0, arena: arena) }
    }

    private func row(_ number: UInt8 = 1, version: UInt64 = 1) throws -> SealedKeyRow {
        let key = try key(number)
        return try sealer.row(
            of: key.publicKey,
            secret: key.bigEndianBytes(),
            .init(
                version: version,
                status: .active,
                createdAt: 1_790_000_000,
                updatedAt: 1_790_000_001,
                name: "wallet/account",
                encryptedMnemonic: [1, 2, 3]
            )
        )
    }

    @Test func `a row opens to the key it was made of`() throws {
        let row = try row(7)
        let opened = try sealer.open(row, arena: arena)
        #expect(opened.publicKey == (try key(7).publicKey))
        let again = try KeyRowSealer(MasterKeys(try MasterKey(try master.copy(), identity)))
        #expect(try again.open(row, arena: arena).publicKey == opened.publicKey)
    }

    @Test func `whatever is edited in a row, it is refused`() throws {
        let good = try row(1)
        let other = try row(2)
        func edited(_ change: (inout SealedKeyRow) -> Void) -> SealedKeyRow {
            var row = good
            change(&row)
            return row
        }
        let edits: [(String, SealedKeyRow)] = [
            ("status", edited { $0.status = .inactive }), ("version", edited { $0.version += 1 }),
            ("created", edited { $0.createdAt += 1 }), ("updated", edited { $0.updatedAt += 1 }),
            ("name", edited { $0.name = nil }), ("other name", edited { $0.name = "wallet/accounu" }),
            ("backup", edited { $0.encryptedMnemonic = nil }), ("empty backup", edited { $0.encryptedMnemonic = [] }),
            ("secret", edited { $0.secret[20] ^= 1 }), ("secret of another", edited { $0.secret = other.secret }),
            ("cut secret", edited { $0.secret.removeLast() }), ("seal", edited { $0.seal[5] ^= 1 }),
            ("no seal", edited { $0.seal = [] }), ("seal of another", edited { $0.seal = other.seal }),
            ("form", edited { $0.seal[0] = 2 }),
        ]
        for (name, row) in edits {
            #expect(throws: KeyRowFault.tampered, "\(name)") { _ = try sealer.open(row, arena: arena) }
        }
        // Moved as a whole to another key's place.
        let moved = SealedKeyRow(
            publicKey: other.publicKey,
            version: good.version,
            status: good.status,
            createdAt: good.createdAt,
            updatedAt: good.updatedAt,
            keyGeneration: good.keyGeneration,
            name: good.name,
            secret: good.secret,
            encryptedMnemonic: good.encryptedMnemonic,
            seal: good.seal
        )
        #expect(throws: KeyRowFault.tampered) { _ = try sealer.open(moved, arena: arena) }
        var generation = good
        generation.keyGeneration = 2
        #expect(throws: KeyRowFault.otherGeneration) { _ = try sealer.open(generation, arena: arena) }
    }

    @Test func `a row of another chamber is refused`() throws {
        let row = try row()
        for other in [identity, MasterKeyIdentity(chamber: .random(), generation: 1)] {
            let sealer = try KeyRowSealer(MasterKeys(.random(other)))
            #expect(throws: KeyRowFault.tampered) { _ = try sealer.open(row, arena: arena) }
        }
    }

    @Test func `the secret of another key under the right name is noticed`() throws {
        let (one, two) = (try key(1), try key(2))
        let row = try sealer.row(
            of: one.publicKey,
            secret: two.bigEndianBytes(),
            .init(version: 1, status: .active, createdAt: 1, updatedAt: 1)
        )
        #expect(throws: KeyRowFault.otherKey) { _ = try sealer.open(row, arena: arena) }
    }

    @Test func `a change goes on with versions and leaves the secret alone`() throws {
        let row = try row()
        let next = try sealer.successor(of: row, status: .inactive, at: 1_790_000_009)
        #expect(next.version == 2 && next.status == .inactive && next.secret == row.secret && next.seal != row.seal)
        try sealer.verify(.standing(next))
        let tombstone = try sealer.tombstone(of: next, at: 1_790_000_010)
        #expect(tombstone.version == 3)
        try sealer.verify(.deleted(tombstone))
        var edited = tombstone
        edited.version = 2
        #expect(throws: KeyRowFault.tampered) { try sealer.verify(.deleted(edited)) }
    }

    @Test func `after the master key is gone no secret opens`() throws {
        let row = try row()
        master.destroy()
        #expect(throws: KeyRowFault.sealed) { _ = try sealer.open(row, arena: arena) }
    }

    // MARK: The ledger

    @Test func `the ledger loads, replaces and removes by version`() throws {
        var ledger = KeyLedger(statuses: [.active])
        let one = try row(1)
        guard case .load(let loaded)? = ledger.take(.standing(one)) else { return #expect(Bool(false), "not loaded") }
        #expect(loaded == one && ledger.count == 1)
        #expect(ledger.take(.standing(one)) == nil)
        let off = try sealer.successor(of: one, status: .inactive, at: 5)
        guard case .remove(one.publicKey)? = ledger.take(.standing(off)) else {
            return #expect(Bool(false), "not removed")
        }
        let on = try sealer.successor(of: off, status: .active, at: 6)
        guard case .load? = ledger.take(.standing(on)) else { return #expect(Bool(false), "not loaded again") }
        // What was signed with before is put back.
        for old in [one, off] {
            guard case .refuse(one.publicKey, .replayed)? = ledger.take(.standing(old)) else {
                Issue.record("version \(old.version) was taken")
                continue
            }
        }
        let tombstone = try sealer.tombstone(of: on, at: 7)
        guard case .remove? = ledger.take(.deleted(tombstone)) else { return #expect(Bool(false), "not deleted") }
        guard case .refuse(_, .replayed)? = ledger.take(.standing(on)) else {
            return #expect(Bool(false), "a deleted key came back")
        }
        #expect(ledger.count == 0)
    }

    @Test func `an entry below the list of withdrawn keys is refused, whoever has seen it before`() async throws {
        let state = OpenState()
        let list = WithdrawnKeys(store: state)
        try await list.open(MasterKeys(master))
        let (one, two) = (try row(1), try row(2))
        var ledger = KeyLedger(statuses: [.active])
        _ = ledger.take(.standing(two))
        let off = try sealer.successor(of: one, status: .inactive, at: 5, version: 4)
        try await list.withdraw([one.publicKey: 4, two.publicKey: 2])
        ledger.withdrawn = list.versions
        for old in [one, two] {
            guard case .refuse(old.publicKey, .replayed)? = ledger.take(.standing(old)) else {
                return #expect(Bool(false), "an old row was taken")
            }
        }
        // Beside a row that is wrong, what was right before goes on.
        #expect(ledger.count == 1 && ledger.take(.standing(off)) == nil)
        let on = try sealer.successor(of: off, status: .active, at: 6)
        guard case .load? = ledger.take(.standing(on)) else { return #expect(Bool(false), "not loaded") }
    }

    @Test func `a key that signs ends with the list, where its row does not come`() async throws {
        let list = WithdrawnKeys(store: OpenState())
        try await list.open(MasterKeys(master))
        let (one, two) = (try row(1), try row(2))
        var ledger = KeyLedger(statuses: [.active])
        for row in [one, two] { _ = ledger.take(.standing(row)) }
        #expect(ledger.withdraw(list.versions).isEmpty)
        try await list.withdraw([one.publicKey: 9, two.publicKey: 9])
        // Whoever withdraws them writes the list first.
        #expect(ledger.withdraw(list.versions).isEmpty && ledger.count == 2)
        let off = try sealer.successor(of: two, status: .inactive, at: 5, version: 9)
        guard case .remove(two.publicKey)? = ledger.take(.standing(off)) else {
            return #expect(Bool(false), "not removed")
        }
        let steps = ledger.withdraw(list.versions)
        guard steps.count == 2, case .remove(one.publicKey) = steps[0],
            case .refuse(one.publicKey, .replayed) = steps[1]
        else { return #expect(Bool(false), "\(steps)") }
        #expect(ledger.count == 0 && ledger.withdraw(list.versions).isEmpty)
    }

    @Test func `after sealing everything is loaded again, and an old row still is an old row`() throws {
        var ledger = KeyLedger(statuses: [.active])
        let (one, two) = (try row(1), try row(2, version: 5))
        _ = ledger.take(.standing(one))
        _ = ledger.take(.standing(two))
        ledger.unload()
        #expect(ledger.count == 0 && ledger.missing(from: []).isEmpty)
        guard case .load? = ledger.take(.standing(one)) else { return #expect(Bool(false), "not loaded") }
        guard case .refuse(_, .replayed)? = ledger.take(.standing(try row(2, version: 4))) else {
            return #expect(Bool(false), "an old row was taken")
        }
        #expect(ledger.missing(from: []) == [one.publicKey])
        guard case .refuse(_, .vanished)? = ledger.lose(one.publicKey) else { return #expect(Bool(false), "not told") }
        #expect(ledger.lose(one.publicKey) == nil)
    }
}
