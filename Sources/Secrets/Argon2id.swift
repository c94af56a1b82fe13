// SPDX-License-Identifier: Apache-2.0
internal import CSodium

/// Argon2id (RFC 9106), one lane: keys out of passphrases that people type.
package struct Argon2id: Hashable, Sendable {
    /// Passes over the memory.
    package let passes: UInt64
    /// KiB of memory.
    package let memory: UInt64

    /// Bytes of a salt.
    package static let saltLength = 16

    package init(passes: UInt64, memory: UInt64) {
        self.passes = passes
        self.memory = memory
    }

    /// What RFC 9106 §4 recommends second, with less memory and more passes; it recommends four lanes, libsodium has one.
    /// Some tenths of a second.
    package static let least = Argon2id(passes: 3, memory: 64 << 10)
    /// What may be asked of this machine by parameters that come from elsewhere: 2 GiB, and some ten seconds.
    package static let most = Argon2id(passes: 16, memory: 2 << 20)

    /// Whether a guess costs enough, and a derivation not too much.
    package var isAcceptable: Bool {
        (Self.least.passes...Self.most.passes).contains(passes)
            && (Self.least.memory...Self.most.memory).contains(memory)
    }

    /// A key of `count` bytes (16 or more). Nil where the system does not give the memory. The working memory is ordinary,
    /// because so much cannot be locked under any usual limit; libsodium wipes what it can of it before it gives it back.
    package func derive(passphrase: Span<UInt8>, salt: Span<UInt8>, count: Int) -> SecretBytes? {
        precondition(salt.count == Self.saltLength && count >= 16, "a salt has 16 bytes, a key at least as many")
        precondition(!passphrase.isEmpty, "an empty passphrase protects nothing")
        Sodium.require()
        struct NotEnoughMemory: Error {}
        return try? SecretBytes(count: count) { target throws(NotEnoughMemory) in
            let code = unsafe passphrase.withUnsafeBytes { passphrase in
                unsafe salt.withUnsafeBufferPointer { salt in
                    unsafe target.withUnsafeMutableBytes { target in
                        guard let key = unsafe target.bindMemory(to: UInt8.self).baseAddress,
                            let words = unsafe passphrase.bindMemory(to: CChar.self).baseAddress,
                            let salt = salt.baseAddress
                        else { return Int32(-1) }
                        return unsafe crypto_pwhash(
                            key,
                            UInt64(target.count),
                            words,
                            UInt64(passphrase.count),
                            salt,
                            passes,
                            Int(memory) << 10,
                            crypto_pwhash_alg_argon2id13()
                        )
                    }
                }
            }
            guard code == 0 else { throw NotEnoughMemory() }
        }
    }
}
