// SPDX-License-Identifier: Apache-2.0
package import BLS
internal import Consensus
package import SlashingProtection

/// How a key is named in requests and policies.
package enum KeyIdentifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A key of the consensus layer, by its public key.
    case bls(PublicKey)

    package var description: String {
        switch self {
        case .bls(let key): key.description
        }
    }

    /// The public key of a key of the consensus layer.
    package var publicKey: PublicKey? {
        switch self {
        case .bls(let key): key
        }
    }
}

/// The kinds of sources, as listings and metrics name them.
package enum KeySourceName {
    /// Descriptors and keystores in folders.
    package static let filesystem = "filesystem"
    /// Imported over the API, gone with the process.
    package static let memory = "memory"
    /// Encrypted under the chamber's master key.
    package static let sqlite = "sqlite"
    package static let postgres = "postgres"
    package static let dynamodb = "dynamodb"
    package static let all = [filesystem, memory, sqlite, postgres, dynamodb]
}

/// Where a key came from.
package struct KeyOrigin: Hashable, Sendable {
    /// The kind of source: one of `KeySourceName`.
    package let source: String
    /// The place within it: a path.
    package let location: String
    /// The EIP-2334 path that the keystore names, if any.
    package let derivationPath: String?

    package init(source: String, location: String, derivationPath: String? = nil) {
        self.source = source
        self.location = location
        self.derivationPath = derivationPath
    }
}

/// A key that can sign, if a permit says so. The scalar stays in the arena; it is wiped when the last holder lets go.
package final class SigningKey: Sendable {
    package let identifier: KeyIdentifier
    /// Whose history its signatures enter. For a share of a threshold key this is not the key's own public key.
    package let record: RecordIdentity
    package let origin: KeyOrigin
    /// A `wallet/account` name, where the source gives one.
    package let name: String?
    private let secret: SecretKey

    package init(_ secret: SecretKey, origin: KeyOrigin, name: String? = nil) {
        identifier = .bls(secret.publicKey)
        record = RecordIdentity(secret.publicKey)
        self.origin = origin
        self.name = name
        self.secret = secret
    }

    fileprivate func sign(_ message: borrowing PreparedMessage) -> Signature { secret.sign(message) }
}

/// Why permits were not turned into signatures. The first two are mistakes of the calling code; they refuse.
package enum PermitMismatch: Error, Hashable, Sendable {
    /// The prepared message is not over the permitted root.
    case otherMessage
    /// The keys are not those of the permitted records, one for one.
    case otherRecords
    /// Authority has changed since the permits were given: something was revoked, deleted or sealed.
    case olderGeneration
}

extension SigningPermits {
    /// Consumes the permits and signs: one signature for each permitted record, in order. This is the only place where
    /// a validator's key meets a message.
    package consuming func sign(
        _ message: borrowing PreparedMessage,
        with keys: [SigningKey],
        authority: Authority
    ) throws(PermitMismatch) -> [Signature] {
        guard message.root == signingRoot.bytes else { throw .otherMessage }
        guard keys.count == records.count, zip(keys, records).allSatisfy({ $0.record == $1 }) else {
            throw .otherRecords
        }
        guard authority.isCurrent(generation) else { throw .olderGeneration }
        var signatures: [Signature] = []
        signatures.reserveCapacity(keys.count)
        for key in keys { signatures.append(key.sign(message)) }
        return signatures
    }
}
