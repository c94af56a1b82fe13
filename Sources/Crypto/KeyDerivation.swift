// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import Secrets

/// How much a key derivation may cost. The parameters come out of files that others wrote: without limits a keystore could
/// make us allocate 64 GiB or compute for hours.
package struct DerivationLimits: Hashable, Sendable {
    /// Bytes of working memory. The usual keystore (scrypt, n = 262144, r = 8) takes 256 MiB.
    package var memory = 1 << 30
    /// Block mixings of scrypt, `n · r · p`: the usual keystore has 2²¹ and takes about a second; 2²⁵ is some fifteen.
    package var scryptSteps = 1 << 25
    /// Iterations of PBKDF2 over all blocks of output: the usual keystore has 2¹⁸; 2²⁵ is some twenty seconds.
    package var pbkdf2Steps = 1 << 25
    /// Bytes of derived key.
    package var output = 1024

    package init() {}
}

/// The parameters of scrypt (RFC 7914 §2).
package struct ScryptParameters: Hashable, Sendable {
    /// Cost in CPU and memory, a power of two.
    package let n: Int
    /// Block size, in units of 128 bytes.
    package let r: Int
    /// Parallelisation.
    package let p: Int

    package init(n: Int, r: Int, p: Int) {
        self.n = n
        self.r = r
        self.p = p
    }

    /// Working memory in bytes: the big table, the blocks and the scratch block. Saturates instead of overflowing.
    package var memory: Int {
        saturating(128, r, saturatingSum(n, p, 2))
    }

    /// Block mixings.
    var steps: Int { saturating(n, r, p) }
}

/// Slow derivation of keys from passphrases. The results are secrets and appear only in secret memory.
package enum KeyDerivation {
    /// scrypt (RFC 7914). libcrypto wipes its table before it gives it back; the table itself is ordinary memory, because
    /// 256 MiB cannot be locked under any usual limit.
    package static func scrypt(
        password: Span<UInt8>,
        salt: Span<UInt8>,
        _ parameters: ScryptParameters,
        count: Int,
        limits: DerivationLimits = DerivationLimits()
    ) throws(CryptoError) -> SecretBytes {
        try check(parameters, count: count, limits)
        return try unsafe derive("EVP_PBE_scrypt", password, salt, count: count) { password, salt, target in
            unsafe EVP_PBE_scrypt(
                password.baseAddress,
                password.count,
                salt.baseAddress,
                salt.count,
                UInt64(parameters.n),
                UInt64(parameters.r),
                UInt64(parameters.p),
                UInt64(limits.memory),
                target.baseAddress,
                target.count
            )
        }
    }

    /// PBKDF2 (RFC 8018 §5.2) over HMAC-SHA256.
    package static func pbkdf2SHA256(
        password: Span<UInt8>,
        salt: Span<UInt8>,
        iterations: Int,
        count: Int,
        limits: DerivationLimits = DerivationLimits()
    ) throws(CryptoError) -> SecretBytes {
        try check(iterations: iterations, count: count, block: 32, limits)
        return try unsafe pbkdf2(EVP_sha256(), password, salt, iterations, count)
    }

    /// PBKDF2 (RFC 8018 §5.2) over HMAC-SHA512.
    package static func pbkdf2SHA512(
        password: Span<UInt8>,
        salt: Span<UInt8>,
        iterations: Int,
        count: Int,
        limits: DerivationLimits = DerivationLimits()
    ) throws(CryptoError) -> SecretBytes {
        try check(iterations: iterations, count: count, block: 64, limits)
        return try unsafe pbkdf2(EVP_sha512(), password, salt, iterations, count)
    }

    private static func pbkdf2(
        _ hash: OpaquePointer?,
        _ password: Span<UInt8>,
        _ salt: Span<UInt8>,
        _ iterations: Int,
        _ count: Int
    ) throws(CryptoError) -> SecretBytes {
        try unsafe derive("PKCS5_PBKDF2_HMAC", password, salt, count: count) { password, salt, target in
            unsafe PKCS5_PBKDF2_HMAC(
                password.baseAddress,
                Int32(password.count),
                salt.baseAddress,
                Int32(salt.count),
                Int32(iterations),
                hash,
                Int32(target.count),
                target.baseAddress
            )
        }
    }
}

extension KeyDerivation {
    private static func check(
        _ parameters: ScryptParameters,
        count: Int,
        _ limits: DerivationLimits
    ) throws(CryptoError) {
        let (n, r, p) = (parameters.n, parameters.r, parameters.p)
        guard n >= 2, n & (n - 1) == 0 else {
            throw .undefinedParameter("scrypt's n is \(n), which is not a power of two above 1")
        }
        guard r >= 1, p >= 1 else {
            throw .undefinedParameter("scrypt's r and p are \(r) and \(p); both must be above 0")
        }
        // RFC 7914 §2: n < 2^(128 r / 8); p <= (2³² - 1) · 32 / (128 r).
        guard r >= 4 || n < 1 << (16 * r) else {
            throw .undefinedParameter("scrypt's n is \(n), too large for r = \(r)")
        }
        try check(count, limits)
        guard parameters.memory <= limits.memory else {
            throw .tooMuchMemory(bytes: parameters.memory, limit: limits.memory)
        }
        guard parameters.steps <= limits.scryptSteps else {
            throw .tooManySteps(count: parameters.steps, limit: limits.scryptSteps)
        }
    }

    private static func check(
        iterations: Int,
        count: Int,
        block: Int,
        _ limits: DerivationLimits
    ) throws(CryptoError) {
        guard iterations >= 1 else { throw .undefinedParameter("PBKDF2's iteration count is \(iterations)") }
        try check(count, limits)
        let steps = saturating(iterations, (count + block - 1) / block)
        guard steps <= limits.pbkdf2Steps, Int32(exactly: iterations) != nil else {
            throw .tooManySteps(count: steps, limit: limits.pbkdf2Steps)
        }
    }

    private static func check(_ count: Int, _ limits: DerivationLimits) throws(CryptoError) {
        guard count >= 1 else { throw .undefinedParameter("a derived key of \(count) bytes was asked for") }
        guard count <= limits.output else { throw .outputTooLong(bytes: count, limit: limits.output) }
    }

    /// Bytes of a password or salt: far above any real one, and far below what C's `int` can count.
    private static let inputLimit = 1 << 20

    /// Runs one of libcrypto's derivations into secret memory. Its own copies of the password are wiped when it frees its
    /// context.
    private static func derive(
        _ function: String,
        _ password: Span<UInt8>,
        _ salt: Span<UInt8>,
        count: Int,
        _ body: (
            UnsafeBufferPointer<CChar>, UnsafeBufferPointer<UInt8>, UnsafeMutableBufferPointer<UInt8>
        ) -> Int32
    ) throws(CryptoError) -> SecretBytes {
        for (name, input) in [("password", password.count), ("salt", salt.count)] where input > inputLimit {
            throw .wrongLength(of: name, bytes: input, expected: inputLimit)
        }
        return try SecretBytes(count: count) { target throws(CryptoError) in
            let code = unsafe password.withUnsafeBytes { password in
                unsafe salt.withUnsafeBufferPointer { salt in
                    unsafe target.withUnsafeMutableBytes { target in
                        unsafe body(password.bindMemory(to: CChar.self), salt, target.bindMemory(to: UInt8.self))
                    }
                }
            }
            guard code == 1 else { throw CryptoError.last(function) }
        }
    }
}

/// The product, or `Int.max` where it does not fit.
private func saturating(_ factors: Int...) -> Int {
    factors.reduce(1) { product, factor in
        let (result, overflow) = product.multipliedReportingOverflow(by: factor)
        return overflow ? .max : result
    }
}

/// The sum, or `Int.max` where it does not fit.
private func saturatingSum(_ terms: Int...) -> Int {
    terms.reduce(0) { sum, term in
        let (result, overflow) = sum.addingReportingOverflow(term)
        return overflow ? .max : result
    }
}
