// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Crypto
internal import FoundationEssentials
internal import Secrets
internal import YAML

/// What one thread needs to turn files into keys: the memory into which it reads, which is secret memory and used again for every
/// file.
struct KeyFileReader: ~Copyable {
    let settings: KeyLoader.Settings
    let arena: SecretArena
    let budget: MemoryBudget
    private var file = SecretFileReader()
    private let rawKeys: RawKeyReader

    /// Bytes of a keystore file. Real ones have about one thousand.
    private static let keystoreLimit = 1 << 20

    init(settings: KeyLoader.Settings, arena: SecretArena, budget: MemoryBudget) {
        self.settings = settings
        self.arena = arena
        self.budget = budget
        rawKeys = RawKeyReader(arena: arena)
    }

    /// Reads one job's file and what it points to. Every failure ends up in the result.
    mutating func load(_ job: LoadJob) -> LoadedFile {
        var result = LoadedFile()
        do throws(KeystoreError) {
            switch job.content {
            case .descriptors: try descriptors(job, &result)
            case .keystore(let password): try bulkKeystore(job, password, &result)
            }
        } catch { result.fail(job, error) }
        file.wipe()
        return result
    }
}

// Descriptors.
extension KeyFileReader {
    private mutating func descriptors(_ job: LoadJob, _ result: inout LoadedFile) throws(KeystoreError) {
        let identity = try read(job.path, limit: settings.descriptorBytes, &result)
        let before = result.keys.count
        if let plain = PlainDescriptor.parse(file.contents) {
            for (number, descriptor) in plain.enumerated() where descriptor.keyType == .bls {
                let document = plain.count > 1 ? number + 1 : nil
                do throws(KeystoreError) {
                    let key = try rawKeys.key(digits: file.contents.extracting(descriptor.digits))
                    result.keys.append(LoadedKey(key: key, provenance: job.provenance(.fileRaw)))
                } catch { result.fail(job, error, document: document) }
            }
        } else {
            try parsedDescriptors(job, &result)
        }
        // The descriptor of a keystore holds no secret; one with a key in it does.
        guard result.keys[before...].contains(where: { $0.provenance.kind == .fileRaw }) else { return }
        do throws(KeystoreError) { try judge(identity, job.path, &result) } catch {
            result.keys.removeAll { $0.provenance.kind == .fileRaw }
            throw error
        }
    }

    /// Every form that YAML has. The digits of a key come as bytes in memory of the parser's, which it wipes; they are never
    /// in its tree and never a `String`. What libyaml copies while it scans is the parser's to wipe; after a load no trace
    /// of them was found in the process (SecretTraceTests).
    private mutating func parsedDescriptors(_ job: LoadJob, _ result: inout LoadedFile) throws(KeystoreError) {
        var keys: [Result<SecretKey, KeystoreError>] = []
        let limits = YAMLParser.Limits(bytes: settings.descriptorBytes, nodes: 4_000_000)
        let documents: [YAMLNode]
        let rawKeys = rawKeys
        do throws(YAMLError) {
            documents = try YAMLParser(limits: limits)
                .documents(in: file.contents, withholding: [Descriptor.secretField]) { digits in
                    keys.append(rawKeys.result(digits: digits))
                }
        } catch { throw .yaml(error) }
        guard documents.contains(where: { !$0.isNull }) else { throw .emptyDescriptor }
        for (number, document) in documents.enumerated() where !document.isNull {
            do throws(KeystoreError) {
                switch try Descriptor(document) {
                case .raw(let number):
                    result.keys.append(LoadedKey(key: try keys[number].get(), provenance: job.provenance(.fileRaw)))
                case .keystore(let file, let passwordFile):
                    result.keys.append(try keystore(job, file, passwordFile, &result))
                case .otherCurve: break
                }
            } catch { result.fail(job, error, document: documents.count > 1 ? number + 1 : nil) }
        }
    }

    private mutating func keystore(
        _ job: LoadJob,
        _ file: String,
        _ passwordFile: String,
        _ result: inout LoadedFile
    ) throws(KeystoreError) -> LoadedKey {
        let keystore = try keystore(at: job.resolve(file), &result)
        let passwordPath = job.resolve(passwordFile)
        let identity = try read(passwordPath, limit: Password.limit, &result)
        try judge(identity, passwordPath, &result)
        let password = try Password(normalizing: Self.firstLine(self.file.contents))
        guard !password.isEmpty else { throw .emptyPassword }
        return try decrypt(keystore, password, job.provenance(.fileKeystore))
    }

    /// The password of a descriptor is the first line of its file (Web3Signer reads it so); nothing where that is blank.
    @_lifetime(copy text)
    private static func firstLine(_ text: Span<UInt8>) -> Span<UInt8> {
        var end = 0
        var isBlank = true
        while end < text.count, text[end] != UInt8(ascii: "\n"), text[end] != UInt8(ascii: "\r") {
            if text[end] > UInt8(ascii: " ") { isBlank = false }
            end += 1
        }
        return text.extracting(0..<(isBlank ? 0 : end))
    }
}

// Keystores.
extension KeyFileReader {
    private mutating func bulkKeystore(
        _ job: LoadJob,
        _ source: LoadJob.PasswordSource,
        _ result: inout LoadedFile
    ) throws(KeystoreError) {
        let keystore = try keystore(at: job.path, &result)
        let password: Password
        switch source {
        case .shared(let shared, let dependency):
            password = shared
            result.dependencies.append(dependency)
            try judge(dependency.identity, dependency.path, &result)
        case .file(let path):
            let identity = try read(path, limit: Password.limit, &result)
            try judge(identity, path, &result)
            password = try Password(normalizing: file.contents)
            guard !password.isEmpty else { throw .emptyPassword }
        }
        result.keys.append(try decrypt(keystore, password, job.provenance(.bulkKeystore)))
    }

    /// Reads and parses. A keystore is encrypted, so it may pass through `Data`.
    private mutating func keystore(at path: String, _ result: inout LoadedFile) throws(KeystoreError) -> Keystore {
        let identity = try read(path, limit: Self.keystoreLimit, &result)
        try judge(identity, path, &result)
        var json = Data(capacity: file.contents.count)
        for position in file.contents.indices { json.append(file.contents[position]) }
        return try Keystore(json: json)
    }

    private func decrypt(
        _ keystore: Keystore,
        _ password: Password,
        _ provenance: KeyProvenance
    ) throws(KeystoreError) -> LoadedKey {
        let key = try budget.withReservation(keystore.derivation.memory) { () throws(KeystoreError) in
            try keystore.secretKey(password, arena: arena, limits: settings.limits)
        }
        return LoadedKey(
            key: key,
            provenance: provenance,
            derivationPath: keystore.path.flatMap { $0.isEmpty ? nil : $0 }
        )
    }
}

// Shared steps.
extension KeyFileReader {
    /// Reads a file into `file.contents` and notes what it was.
    private mutating func read(
        _ path: String,
        limit: Int,
        _ result: inout LoadedFile
    ) throws(KeystoreError) -> FileIdentity {
        do throws(FileFailure) {
            let identity = try file.read(path, limit: limit)
            result.dependencies.append(LoadedFile.Dependency(path: path, identity: identity, settings))
            return identity
        } catch { throw .file(error, path: path) }
    }

    /// Holds the permissions of a file with a secret in it against the rule: strict refuses, otherwise it is noted.
    private func judge(
        _ identity: FileIdentity,
        _ path: String,
        _ result: inout LoadedFile
    ) throws(KeystoreError) {
        guard identity.isOpenToOthers else { return }
        if settings.isStrict { throw .openToOthers(path: path, mode: identity.mode) }
        result.openToOthers.append(path)
    }
}

extension LoadedFile {
    fileprivate mutating func fail(_ job: LoadJob, _ reason: KeystoreError, document: Int? = nil) {
        failures.append(KeyLoadFailure(source: job.source, path: job.path, document: document, reason: reason))
    }
}
