// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// Whether a key may sign.
package enum SealedKeyStatus: String, CaseIterable, Hashable, Sendable {
    case active
    case inactive
}

/// A key that is there. All bytes are opaque.
package struct SealedKeyRow: Hashable, Sendable {
    package let publicKey: Bytes<48>
    /// 1 when the key was first made; rises with every change, deletion and making it again included: by one, where the store
    /// has not lost anything that the chamber knows of.
    package var version: UInt64
    package var status: SealedKeyStatus
    /// Seconds since 1970, by the clock of whoever wrote it.
    package var createdAt: UInt64
    package var updatedAt: UInt64
    /// Which master key it lies under.
    package var keyGeneration: UInt64
    /// `wallet/account`.
    package var name: String?
    /// The encrypted secret key.
    package var secret: [UInt8]
    /// The backup of a key that was made here, encrypted to others than the chamber.
    package var encryptedMnemonic: [UInt8]?
    /// What shows that nobody else wrote any of this.
    package var seal: [UInt8]

    package init(
        publicKey: Bytes<48>,
        version: UInt64,
        status: SealedKeyStatus,
        createdAt: UInt64,
        updatedAt: UInt64,
        keyGeneration: UInt64,
        name: String? = nil,
        secret: [UInt8],
        encryptedMnemonic: [UInt8]? = nil,
        seal: [UInt8]
    ) {
        self.publicKey = publicKey
        self.version = version
        self.status = status
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.keyGeneration = keyGeneration
        self.name = name
        self.secret = secret
        self.encryptedMnemonic = encryptedMnemonic
        self.seal = seal
    }
}

/// What is left of a deleted key: that it was there, and its version.
package struct SealedKeyTombstone: Hashable, Sendable {
    package let publicKey: Bytes<48>
    package var version: UInt64
    /// Seconds since 1970.
    package var deletedAt: UInt64
    /// Which master key it is sealed under.
    package var keyGeneration: UInt64
    package var seal: [UInt8]

    package init(publicKey: Bytes<48>, version: UInt64, deletedAt: UInt64, keyGeneration: UInt64, seal: [UInt8]) {
        self.publicKey = publicKey
        self.version = version
        self.deletedAt = deletedAt
        self.keyGeneration = keyGeneration
        self.seal = seal
    }
}

/// What a store holds of a public key.
package enum SealedKeyEntry: Hashable, Sendable {
    case standing(SealedKeyRow)
    case deleted(SealedKeyTombstone)

    package var publicKey: Bytes<48> {
        switch self {
        case .standing(let row): row.publicKey
        case .deleted(let tombstone): tombstone.publicKey
        }
    }

    package var version: UInt64 {
        switch self {
        case .standing(let row): row.version
        case .deleted(let tombstone): tombstone.version
        }
    }

    package var updatedAt: UInt64 {
        switch self {
        case .standing(let row): row.updatedAt
        case .deleted(let tombstone): tombstone.deletedAt
        }
    }

    package var keyGeneration: UInt64 {
        switch self {
        case .standing(let row): row.keyGeneration
        case .deleted(let tombstone): tombstone.keyGeneration
        }
    }

    package var seal: [UInt8] {
        switch self {
        case .standing(let row): row.seal
        case .deleted(let tombstone): tombstone.seal
        }
    }

    /// Nil for a tombstone.
    package var row: SealedKeyRow? { if case .standing(let row) = self { row } else { nil } }

    /// Bytes of its parts.
    var size: Int {
        let own = row.map { $0.secret.count + ($0.encryptedMnemonic?.count ?? 0) + ($0.name?.utf8.count ?? 0) }
        return (own ?? 0) + seal.count
    }
}
