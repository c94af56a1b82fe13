// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Secrets

/// A validator's key that was made here, with the words it can be made from again. Each key has words of its own: they are
/// put away beside the key, encrypted for the owner, so whoever opens one backup has one key and not its neighbours', and
/// a key that is deleted takes its words with it.
package final class GeneratedKey: Sendable {
    package let mnemonic: Mnemonic
    /// Of the signing key in the tree of its own words.
    package let path: DerivationPath
    /// In the arena, ready to sign.
    package let key: SecretKey
    private let secret: DerivationSecret

    /// Makes one out of new words. Takes two milliseconds of a core, half of them for the seed.
    package convenience init(arena: SecretArena) throws(MnemonicError) {
        try self.init(from: Mnemonic.random(), path: .signing(validator: 0), arena: arena)
    }

    /// Makes the key at a path of given words again.
    package init(
        from mnemonic: consuming Mnemonic,
        passphrase: Span<UInt8> = Span(),
        path: DerivationPath,
        arena: SecretArena
    ) throws(MnemonicError) {
        secret = try mnemonic.secret(at: path, passphrase: passphrase)
        key = secret.secretKey(arena: arena)
        self.path = path
        self.mnemonic = mnemonic
    }

    /// Makes this many, or none. Computes all the time: not on the pool. Each holds two pages of locked memory while it is
    /// there: a hundred 800 kB, of the 8 MB that a process usually may lock.
    package static func batch(_ count: Int, arena: SecretArena) throws(MnemonicError) -> [GeneratedKey] {
        var keys: [GeneratedKey] = []
        keys.reserveCapacity(count)
        for _ in 0..<count { keys.append(try GeneratedKey(arena: arena)) }
        return keys
    }

    /// The scalar for whoever encrypts it: a key source, a keystore.
    package func bigEndianBytes() -> SecretBytes { secret.bigEndianBytes() }
}
