// SPDX-License-Identifier: Apache-2.0
internal import Crypto
internal import Encoding
package import Secrets

/// A key in a file of this machine, for development and tests: whoever has the file has the key, so it guards nothing
/// against who has the machine. Read for each use and not kept.
///
/// The wrapped form (docs/formats.md): a byte for its version, the nonce, the ciphertext with its tag.
package struct LocalKey: KeyWrapper {
    /// Bytes in front of the ciphertext.
    private static let headerLength = 1 + AEAD.nonceLength
    private static let version: UInt8 = 1
    /// Never another use of the same 32 bytes under the same key.
    private static let purpose = Array("containment-chamber/local-key/v1".utf8)
    private static let digits = 2 * AEAD.keyLength

    package let name: KeyName
    private let path: String

    init(_ path: String, name: KeyName) {
        self.path = path
        self.name = name
    }

    /// Makes the file of a key that is named `local:/path`: 32 random bytes in hexadecimal, mode 0600, durable. A file that
    /// is there is left alone.
    package static func makeFile(for name: KeyName) throws(WrappingError) {
        guard case .local(let path) = name.holder else {
            throw WrappingError(.name, key: name.text, "local key was not made", "only local:/path names a file")
        }
        let key = SecretBytes(random: AEAD.keyLength)
        var text = SecretBytes(count: digits + 1) { _ in }
        text.withMutableSpan { target in
            Hex.encode(key.span, into: &target)
            target[digits] = UInt8(ascii: "\n")
        }
        do { try SecretFile.create(path, text.span) } catch {
            throw WrappingError(.file, key: name.text, "local key was not made", "\(path) \(error)")
        }
    }

    /// Random nonces of 96 bits are good for 2³² shares under one key (NIST SP 800-38D §8.3), which nobody wraps.
    package func wrap(
        _ share: borrowing SecretBytes,
        context: WrappingContext
    ) async throws(WrappingError) -> [UInt8] {
        let key = try key()
        let nonce = Random.bytes(AEAD.nonceLength)
        do {
            let ciphertext = try AEAD.aes256GCM.seal(
                share.span,
                key: key.span,
                nonce: nonce.span,
                associatedData: Self.associatedData(context).span
            )
            return [Self.version] + nonce + ciphertext
        } catch { throw failure(.failing, "\(error)") }
    }

    package func unwrap(
        _ ciphertext: [UInt8],
        context: WrappingContext,
        recipient: AttestedRecipient?
    ) async throws(WrappingError) -> SecretBytes {
        guard recipient == nil else { throw failure(.recipient, "a local key answers nobody but the caller") }
        guard ciphertext.first == Self.version, ciphertext.count > Self.headerLength + AEAD.tagLength else {
            throw failure(
                .notAuthentic,
                "these \(ciphertext.count) bytes were not wrapped by a local key of this version"
            )
        }
        let key = try key()
        let bytes = ciphertext.span
        do {
            return try AEAD.aes256GCM.open(
                bytes.extracting(Self.headerLength...),
                key: key.span,
                nonce: bytes.extracting(1..<Self.headerLength),
                associatedData: Self.associatedData(context).span
            )
        } catch .notAuthentic {
            throw failure(
                .notAuthentic,
                "the share was changed, lies under the key of another file, or belongs to another chamber, another number or another generation"
            )
        } catch { throw failure(.failing, "\(error)") }
    }

    /// The version and the context: what the ciphertext is bound to.
    private static func associatedData(_ context: WrappingContext) -> [UInt8] { [version] + context.encoded }

    /// The key for this use, out of the file.
    private func key() throws(WrappingError) -> SecretBytes {
        var file = SecretFileReader(capacity: 256)
        let identity: FileIdentity
        do { identity = try file.read(path, limit: Self.digits + 1, followsLink: false) } catch {
            throw failure(.file, "\(path) \(error)")
        }
        guard identity.isOwn else { throw failure(.file, "\(path) belongs to another user") }
        let mode = identity.mode & 0o7777
        guard mode == 0o600 else {
            throw failure(
                .file,
                "\(path) has the mode \(String(mode, radix: 8)); give it to its owner alone with chmod 600"
            )
        }
        let text = file.contents
        let isWhole = text.count == Self.digits || (text.count == Self.digits + 1 && text[Self.digits] == 0x0a)
        var secret = SecretBytes(count: AEAD.keyLength) { _ in }
        let isRead =
            isWhole
            && secret.withMutableSpan { target in
                (try? Hex.decode(text.extracting(0..<Self.digits), into: &target)) != nil
            }
        guard isRead else {
            throw failure(.file, "\(path) does not hold \(Self.digits) hexadecimal digits and no more")
        }
        let salt: [UInt8] = []
        do {
            return try HKDF.sha256(secret.span, salt: salt.span, info: Self.purpose.span, count: AEAD.keyLength)
        } catch { throw failure(.failing, "\(error)") }
    }

    private func failure(_ cause: WrappingError.Cause, _ detail: String) -> WrappingError {
        WrappingError(cause, key: name.text, "local key failed", detail)
    }
}
