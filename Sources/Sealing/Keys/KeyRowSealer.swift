// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Crypto
package import Encoding
package import SealedKeys
package import Secrets

/// Closes and opens the rows of validators' keys under the master keys of an open chamber (docs/formats.md): what is written
/// lies under the newest, what is read may lie under either.
///
/// The secret key is encrypted for its public key; a tag over the whole row, under another key, says that the chamber wrote
/// it: its status, its version and its times too. So a row can be activated without its secret being touched, and a row
/// that was edited or moved is known for what it is.
package final class KeyRowSealer: Sendable {
    private let keys: MasterKeys
    /// By the generation of the master key.
    private let tagKeys: [UInt64: SecretBox]

    package static let version: UInt8 = 1

    package init(_ keys: MasterKeys) throws(SealingError) {
        self.keys = keys
        var tagKeys: [UInt64: SecretBox] = [:]
        for key in keys.all { tagKeys[key.identity.generation] = SecretBox(try key.key(for: .keyRow)) }
        self.tagKeys = tagKeys
    }

    private var newest: MasterKey { keys.newest }

    /// Of the newest master key: what is written lies under it.
    package var generation: UInt64 { newest.identity.generation }

    /// Whether a row lies under the newest key, or says so.
    package func isNew(_ row: SealedKeyRow) -> Bool { row.keyGeneration == newest.identity.generation }

    /// Whether a row was written under a key that comes after those that are here.
    package func isAhead(_ generation: UInt64) -> Bool { generation > newest.identity.generation }

    /// What a row says besides its secret.
    package struct Facts: Sendable {
        package var version: UInt64
        package var status: SealedKeyStatus
        package var createdAt: UInt64
        package var updatedAt: UInt64
        package var name: String?
        package var encryptedMnemonic: [UInt8]?

        package init(
            version: UInt64,
            status: SealedKeyStatus,
            createdAt: UInt64,
            updatedAt: UInt64,
            name: String? = nil,
            encryptedMnemonic: [UInt8]? = nil
        ) {
            self.version = version
            self.status = status
            self.createdAt = createdAt
            self.updatedAt = updatedAt
            self.name = name
            self.encryptedMnemonic = encryptedMnemonic
        }
    }

    // MARK: Closing

    /// - Parameter secret: the scalar, the highest byte first.
    package func row(
        of publicKey: PublicKey,
        secret: borrowing SecretBytes,
        _ facts: Facts
    ) throws(SealingError) -> SealedKeyRow {
        let body = try SealedBody.seal(
            secret.span,
            under: newest,
            .validatorKey,
            place: publicKey.bytes.array
        )
        return try sealed(
            SealedKeyRow(
                publicKey: publicKey.bytes,
                version: facts.version,
                status: facts.status,
                createdAt: facts.createdAt,
                updatedAt: facts.updatedAt,
                keyGeneration: newest.identity.generation,
                name: facts.name,
                secret: body,
                encryptedMnemonic: facts.encryptedMnemonic,
                seal: []
            )
        )
    }

    /// The next version of a row, under the newest master key. Nothing else of it changes.
    package func renewed(_ row: SealedKeyRow) throws(KeyRowFault) -> SealedKeyRow {
        let secret = try secret(of: row)
        do throws(SealingError) {
            var next = row
            next.version += 1
            next.keyGeneration = newest.identity.generation
            next.secret = try SealedBody.seal(
                secret.span,
                under: newest,
                .validatorKey,
                place: row.publicKey.array
            )
            return try sealed(next)
        } catch { throw .sealed }
    }

    /// A later version of a row: with another status, or as it is. While the master key is being rotated it comes to lie
    /// under the next one by that: the store takes nothing else then.
    ///
    /// - Parameter version: nil for the next one.
    package func successor(
        of row: SealedKeyRow,
        status: SealedKeyStatus,
        at time: UInt64,
        version: UInt64? = nil
    ) throws(KeyRowFault) -> SealedKeyRow {
        var next = isNew(row) ? row : try renewed(row)
        next.version = version ?? row.version + 1
        next.status = status
        next.updatedAt = time
        do throws(SealingError) { return try sealed(next) } catch { throw .sealed }
    }

    /// What is left of a row that is deleted.
    ///
    /// - Parameter version: nil for the next one.
    package func tombstone(
        of row: SealedKeyRow,
        at time: UInt64,
        version: UInt64? = nil
    ) throws(KeyRowFault) -> SealedKeyTombstone {
        try tombstone(row.publicKey, version: version ?? row.version + 1, at: time)
    }

    /// Version 1 of a key that is never to be made: whoever brings it later finds its place taken.
    package func withdrawal(of publicKey: Bytes<48>, at time: UInt64) throws(KeyRowFault) -> SealedKeyTombstone {
        try tombstone(publicKey, version: 1, at: time)
    }

    private func tombstone(
        _ publicKey: Bytes<48>,
        version: UInt64,
        at time: UInt64
    ) throws(KeyRowFault) -> SealedKeyTombstone {
        var tombstone = SealedKeyTombstone(
            publicKey: publicKey,
            version: version,
            deletedAt: time,
            keyGeneration: newest.identity.generation,
            seal: []
        )
        do throws(SealingError) { tombstone.seal = try tag(of: .deleted(tombstone)) } catch { throw .sealed }
        return tombstone
    }

    private func sealed(_ row: SealedKeyRow) throws(SealingError) -> SealedKeyRow {
        var row = row
        row.seal = try tag(of: .standing(row))
        return row
    }

    // MARK: Opening

    /// Whether the chamber wrote this entry as it stands.
    package func verify(_ entry: SealedKeyEntry) throws(KeyRowFault) {
        guard tagKeys[entry.keyGeneration] != nil else { throw .otherGeneration }
        let own: [UInt8]
        do throws(SealingError) { own = try tag(of: entry) } catch { throw .sealed }
        guard entry.seal.first == Self.version, ConstantTime.areEqual(own.span, entry.seal.span) else {
            throw .tampered
        }
    }

    /// The key of a row, ready to sign.
    package func open(_ row: SealedKeyRow, arena: SecretArena) throws(KeyRowFault) -> SecretKey {
        let secret = try secret(of: row)
        let key: SecretKey
        do throws(SecretKey.Failure) {
            key = try secret.withBytes { (bytes) throws(SecretKey.Failure) in
                try SecretKey(bigEndian: bytes, arena: arena)
            }
        } catch { throw .otherKey }
        guard key.publicKey.bytes == row.publicKey else { throw .otherKey }
        return key
    }

    private func secret(of row: SealedKeyRow) throws(KeyRowFault) -> SecretBytes {
        try verify(.standing(row))
        guard let master = keys.key(row.keyGeneration) else { throw .otherGeneration }
        do throws(SealingError) {
            return try SealedBody.open(
                row.secret,
                under: master,
                .validatorKey,
                place: row.publicKey.array
            )
        } catch {
            throw error == .sealed ? .sealed : .tampered
        }
    }

    // MARK: The tag

    private func tag(of entry: SealedKeyEntry) throws(SealingError) -> [UInt8] {
        let message = Self.message(of: entry)
        guard let tagKey = tagKeys[entry.keyGeneration] else { throw .sealed }
        do throws(CryptoError) {
            let tag = try tagKey.bytes.withSpan { (key) throws(CryptoError) in
                try HMAC.sha256(key: key, message.span)
            }
            return [Self.version] + tag.array
        } catch { throw SealingError(error) }
    }

    /// Every part behind its length, so that no two entries have the same message.
    private static func message(of entry: SealedKeyEntry) -> [UInt8] {
        var message: [UInt8] = [version]
        func add(_ number: UInt64) {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                message.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        func add(_ bytes: [UInt8]) {
            add(UInt64(bytes.count))
            message += bytes
        }
        add(entry.publicKey.array)
        add(entry.version)
        add(entry.keyGeneration)
        add(entry.updatedAt)
        switch entry {
        case .deleted: add(Array("deleted".utf8))
        case .standing(let row):
            add(Array(row.status.rawValue.utf8))
            add(row.createdAt)
            add(row.secret)
            // One that is empty is another than none.
            for part in [row.name.map { Array($0.utf8) }, row.encryptedMnemonic] {
                message.append(part == nil ? 0 : 1)
                add(part ?? [])
            }
        }
        return message
    }
}

/// What is wrong with an entry of a key. It is refused, named and counted; the key is not signed with.
package enum KeyRowFault: String, Error, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Its tag or its ciphertext does not fit: edited, moved from another key, or of another chamber.
    case tampered
    /// What is in it is the secret of another key.
    case otherKey
    /// An older version than was seen before, or than the list of withdrawn keys has, stands in its place.
    case replayed
    /// It was there, and is gone without a tombstone.
    case vanished
    /// It lies under a master key that is not the chamber's.
    case otherGeneration
    /// The chamber was sealed meanwhile.
    case sealed

    package var description: String {
        switch self {
        case .tampered: "the row was tampered with, moved from another key, or written by another chamber"
        case .otherKey: "what the row holds is the secret of another key"
        case .replayed: "an older version of the row was put back"
        case .vanished: "the row is gone, and no deletion of this chamber says so"
        case .otherGeneration: "the row lies under another master key, or was written by another chamber"
        case .sealed: "the chamber is sealed"
        }
    }
}
