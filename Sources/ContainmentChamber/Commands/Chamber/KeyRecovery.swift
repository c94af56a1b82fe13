// SPDX-License-Identifier: Apache-2.0
internal import Age
internal import Arguments
internal import BLS
internal import Concurrency
internal import Encoding
internal import Foundation
internal import Keystores
internal import Mnemonics
internal import Secrets

/// `keys recover`: from backups to keystores, on any machine, without the signer, its databases or its KMS keys. An identity of
/// age opens the words, the words give the key (EIP-2333), the key is put away under a password (EIP-2335).
struct KeyRecovery: Sendable {
    private let identities: [AgeIdentity]
    private let password: Password
    private let folder: OutputFolder
    private let writesRawKeys: Bool
    private let arena = SecretArena()

    private static let largestBackup = 1 << 20

    static func run(_ invocation: Invocation) async throws(Failure) {
        let files = try KeyImport.files(invocation.values(of: "backup"), withExtension: "age")
        let recovery = try KeyRecovery(invocation)
        var outcomes: [SignerKeys.Outcome] = []
        var progress = ProgressLine("recovering", total: files.count, "keys", unit: "keys")
        // Each takes 256 MiB and a core for two seconds.
        var parts = PartsInFlight<SignerKeys.Outcome>(most: Processors.available)
        for file in files {
            let done = try await parts.begin { () async throws(Failure) in
                await Blocking.run(name: "recovery", stackSize: 8 << 20) { recovery.recover(file) }
            }
            if let done { outcomes.append(done) }
            progress.reached(outcomes.count)
        }
        while let done = try await parts.next() {
            outcomes.append(done)
            progress.reached(outcomes.count)
        }
        try SignerKeys.conclude(outcomes, invocation)
    }

    private init(_ invocation: Invocation) throws(Failure) {
        folder = try OutputFolder(invocation["out"] ?? "")
        writesRawKeys = invocation.isSet("raw")
        var identities: [AgeIdentity] = []
        for path in invocation.values(of: "identity") { identities += try Self.identities(path, invocation) }
        self.identities = identities
        password =
            if invocation["password-file"] != nil {
                try KeyImport.password(invocation, question: "")
            } else {
                try KeyImport.password(
                    try SecretInput.askTwice("password for the keystores", instead: "--password-file PATH")
                )
            }
    }

    // MARK: Identities

    private static func identities(_ path: String, _ invocation: Invocation) throws(Failure) -> [AgeIdentity] {
        var reader = SecretFileReader()
        do throws(FileFailure) { try reader.read(path, limit: 1 << 20) } catch {
            throw Failure("--identity \(path) \(error)", exitCode: .usage)
        }
        do throws(AgeError) {
            guard AgeIdentityFile.isProtected(reader.contents) else {
                return try AgeIdentityFile(reader.contents).identities
            }
        } catch { throw Failure("--identity \(path): \(error)", exitCode: .usage) }
        let passphrase = try SecretInput.read(
            "identity-passphrase",
            in: invocation,
            asking: "passphrase of \(path)"
        )
        do throws(AgeError) {
            return try AgeIdentityFile(protected: reader.contents, passphrase: passphrase).identities
        } catch { throw Failure("--identity \(path): \(error)", exitCode: .usage) }
    }

    // MARK: One key

    private func recover(_ file: String) -> SignerKeys.Outcome {
        do throws(Failure) {
            let words = try words(in: file)
            let key: GeneratedKey
            do throws(MnemonicError) {
                key = try GeneratedKey(from: words, path: .signing(validator: 0), arena: arena)
            } catch { throw Failure("\(error)") }
            try check(key.key.publicKey, file)
            return try put(key)
        } catch {
            return .init(status: "error", message: error.message, file: file)
        }
    }

    private func words(in file: String) throws(Failure) -> Mnemonic {
        guard let data = FileManager.default.contents(atPath: file), data.count <= Self.largestBackup else {
            throw Failure("it cannot be read, or is no backup")
        }
        let bytes = Array(data)
        let text: SecretBytes
        do throws(AgeError) { text = try AgeFile.decrypt(bytes.span, with: identities) } catch {
            throw Failure("\(error)")
        }
        do throws(MnemonicError) { return try Mnemonic(reading: text.span) } catch { throw Failure("\(error)") }
    }

    /// Exported backups are named after their key. One that gives another is told, and not put away as what it is not.
    private func check(_ key: PublicKey, _ file: String) throws(Failure) {
        let name = URL(filePath: file).deletingPathExtension().lastPathComponent
        guard let bytes: Bytes<48> = try? Hex.decode(name) else { return }
        guard bytes == key.bytes else {
            throw Failure("its words give the key \(key), which is not the one that it is named after")
        }
    }

    private func put(_ generated: GeneratedKey) throws(Failure) -> SignerKeys.Outcome {
        let key = generated.key.publicKey
        let name = "keystore-\(key).json"
        if writesRawKeys { try putRaw(generated) }
        // Another password or salt gives other bytes: one that is there is looked at, not compared.
        if let data = FileManager.default.contents(atPath: folder.file(name)) {
            guard (try? Keystore(json: data))?.publicKey == key else {
                throw Failure("\(folder.file(name)) exists already, and is not a keystore of this key")
            }
            return .init(pubkey: key.description, status: "existing", file: folder.file(name))
        }
        let keystore: VerifiedKeystore
        do throws(KeystoreError) {
            keystore = try VerifiedKeystore(
                of: generated.bigEndianBytes(),
                password: password,
                path: generated.path,
                arena: arena
            )
        } catch { throw Failure("\(error)") }
        let json = Array(keystore.json)
        let written = folder.write(json.span, to: name)
        return .init(
            pubkey: key.description,
            status: written.status("recovered"),
            message: written.message,
            file: written.path
        )
    }

    /// The digits of the scalar, not encrypted, in a file that `--private-key file:` reads.
    private func putRaw(_ generated: GeneratedKey) throws(Failure) {
        let scalar = generated.bigEndianBytes()
        var text = SecretBytes(count: 2 * scalar.count + 1) { _ in }
        text.withMutableSpan { target in
            Hex.encode(scalar.span, into: &target)
            target[2 * scalar.count] = UInt8(ascii: "\n")
        }
        let written = folder.write(text.span, to: "\(generated.key.publicKey).key")
        if let message = written.message { throw Failure("\(written.path): \(message)") }
    }
}
