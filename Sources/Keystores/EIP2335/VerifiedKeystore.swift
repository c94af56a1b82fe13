// SPDX-License-Identifier: Apache-2.0
package import BLS
package import Crypto
package import FoundationEssentials
package import Secrets

/// A validator's key as a keystore file that was opened again before anybody got it: its JSON, read anew, gave back the
/// secret under the password. A key is put away in no other form, so that what would open for nobody (a fault of the memory,
/// of a library, of ours) shows while the key is still there.
package struct VerifiedKeystore: Sendable {
    package let publicKey: PublicKey
    /// The content of the file.
    package let json: Data

    /// Encrypts, writes, reads and opens: two derivations, with the usual parameters two seconds and 256 MiB.
    ///
    /// - Parameter secret: the scalar, big-endian.
    package init(
        of secret: borrowing SecretBytes,
        password: Password,
        derivation: Keystore.Derivation = .standardScrypt,
        path: DerivationPath? = nil,
        note: String? = nil,
        arena: SecretArena,
        limits: DerivationLimits = DerivationLimits()
    ) throws(KeystoreError) {
        guard !password.isEmpty else { throw .emptyPassword }
        let key = try Keystore.secretKey(secret, arena: arena)
        let keystore = try Keystore(
            encrypting: secret,
            publicKey: key.publicKey,
            password: password,
            derivation: derivation,
            path: path?.description,
            note: note,
            limits: limits
        )
        try self.init(
            verifying: keystore.json(),
            holds: secret,
            of: key.publicKey,
            password: password,
            arena: arena,
            limits: limits
        )
    }

    /// Takes a written file for verified when it states this key, opens to this secret, and the one belongs to the other.
    package init(
        verifying json: Data,
        holds secret: borrowing SecretBytes,
        of publicKey: PublicKey,
        password: Password,
        arena: SecretArena,
        limits: DerivationLimits = DerivationLimits()
    ) throws(KeystoreError) {
        let read = try Keystore(json: json)
        let opened = try read.decrypt(password, limits: limits)
        let isSame = ConstantTime.areEqual(opened.span, secret.span)
        guard isSame, read.publicKey == publicKey,
            try Keystore.secretKey(opened, arena: arena).publicKey == publicKey
        else { throw .notVerified }
        self.publicKey = publicKey
        self.json = json
    }
}
