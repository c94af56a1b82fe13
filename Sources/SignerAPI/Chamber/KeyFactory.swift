// SPDX-License-Identifier: Apache-2.0
package import Age
internal import BLS
internal import Concurrency
internal import Mnemonics
internal import SealedKeys
internal import Sealing
internal import Secrets

/// Who can open the backups of new keys: age public keys, each of which opens them alone.
package struct BackupRecipients: Sendable {
    let recipients: AgeRecipients

    package init(_ texts: [String]) throws(AgeError) { recipients = try AgeRecipients(texts: texts) }
}

/// Makes validators' keys and closes them at once: a new secret is in memory only until its row is made.
struct KeyFactory: Sendable {
    private let arena: SecretArena
    private let recipients: BackupRecipients?

    init(arena: SecretArena, recipients: BackupRecipients?) {
        self.arena = arena
        self.recipients = recipients
    }

    /// A key that somebody brings.
    func key(_ secret: borrowing SecretBytes) throws(SecretKey.Failure) -> SecretKey {
        try secret.withBytes { (bytes) throws(SecretKey.Failure) in try SecretKey(bigEndian: bytes, arena: arena) }
    }

    /// The rows of so many new keys, on as many threads as there are processors.
    func make(
        _ count: Int,
        _ facts: KeyRowSealer.Facts,
        _ sealer: KeyRowSealer
    ) async throws(ChamberKeys.Refusal) -> [SealedKeyRow] {
        let threads = min(Processors.available, count)
        let results = await withTaskGroup(of: Result<[SealedKeyRow], ChamberKeys.Refusal>.self) { group in
            for thread in 0..<threads {
                let share = count / threads + (thread < count % threads ? 1 : 0)
                group.addTask {
                    await Blocking.run(name: "key-factory") {
                        Result { () throws(ChamberKeys.Refusal) in try self.rows(share, facts, sealer) }
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var rows: [SealedKeyRow] = []
        for result in results { rows += try result.get() }
        return rows
    }

    private func rows(
        _ count: Int,
        _ facts: KeyRowSealer.Facts,
        _ sealer: KeyRowSealer
    ) throws(ChamberKeys.Refusal) -> [SealedKeyRow] {
        var rows: [SealedKeyRow] = []
        for _ in 0..<count {
            let generated: GeneratedKey
            do throws(MnemonicError) { generated = try GeneratedKey(arena: arena) } catch {
                throw .malformed("no key could be made: \(error)")
            }
            var facts = facts
            facts.encryptedMnemonic = try backup(generated)
            do throws(SealingError) {
                rows.append(try sealer.row(of: generated.key.publicKey, secret: generated.bigEndianBytes(), facts))
            } catch { throw .sealed("\(error)") }
        }
        return rows
    }

    /// The words under age. First they are read again as their owner will read them, and lead to the key; then the file is
    /// one that age can read. What the recipients' identities open only they can try.
    private func backup(_ key: GeneratedKey) throws(ChamberKeys.Refusal) -> [UInt8]? {
        guard let recipients else { return nil }
        try checkWords(of: key)
        do throws(AgeError) {
            let file = try key.mnemonic.withText { (text) throws(AgeError) in
                try AgeFile.encrypt(text, to: recipients.recipients, armored: true)
            }
            try Self.check(file)
            return file
        } catch { throw .malformed("the backup of a new key could not be encrypted: \(error)") }
    }

    private func checkWords(of key: GeneratedKey) throws(ChamberKeys.Refusal) {
        let secret = key.bigEndianBytes()
        let leadsThere: Bool
        do throws(MnemonicError) {
            leadsThere = try key.mnemonic.withText { (text) throws(MnemonicError) in
                let again = try Mnemonic(reading: text).secret(at: key.path).bigEndianBytes()
                return ConstantTime.areEqual(again.span, secret.span)
            }
        } catch { throw .malformed("the words of a new key cannot be read again: \(error)") }
        guard leadsThere else { throw .malformed("the words of a new key lead to another key; is the memory sound?") }
    }

    /// A stranger's identity gets as far as the stanzas of a file that is whole.
    private static func check(_ file: [UInt8]) throws(AgeError) {
        let stranger = try AgeIdentity.generate()
        do throws(AgeError) {
            _ = try AgeFile.decrypt(file.span, with: [stranger])
        } catch {
            guard error == .noMatch else { throw error }
        }
    }
}
