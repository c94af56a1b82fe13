// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import BLS
internal import Foundation
internal import JSON
internal import Keystores
internal import Secrets

/// `keys import`: keystores and plain keys go to a running signer, which encrypts them under its master key. Some at a time:
/// each keystore costs the signer a second of a core.
struct KeyImport {
    /// A key that is sent.
    fileprivate enum Item {
        case keystore(path: String, json: [UInt8], password: Password, key: PublicKey?)
        case plain(name: String, digits: SecretBox, key: PublicKey)

        var name: String {
            switch self {
            case .keystore(let path, _, _, _): path
            case .plain(let name, _, _): name
            }
        }

        var key: PublicKey? {
            switch self {
            case .keystore(_, _, _, let key): key
            case .plain(_, _, let key): key
            }
        }
    }

    private static let usualBatch = 10
    /// Bytes of a keystore file: hundreds of times what they have.
    private static let longestKeystore = 1 << 20

    private let invocation: Invocation
    private let status: String
    private let history: KeyHistories?
    private var items: [Item] = []
    /// Files that were not sent, with the reason.
    private var outcomes: [SignerKeys.Outcome] = []

    private init(_ invocation: Invocation) throws(Failure) {
        self.invocation = invocation
        status = ChamberKeyCommands.status(invocation)
        history = try invocation["slashing-protection"].map { path throws(Failure) in try KeyHistories(path) }
        try readKeystores(Self.files(invocation.positionals, withExtension: "json"))
        try readPlainKeys(invocation.values(of: "private-key"))
        guard !items.isEmpty || !outcomes.isEmpty else {
            throw Failure("no key is named", hint: "give keystore files or folders, or --private-key", exitCode: .usage)
        }
        if let history { try check(history) }
    }

    static func run(_ invocation: Invocation) throws(Failure) {
        var order = try KeyImport(invocation)
        try order.send()
        try SignerKeys.conclude(order.outcomes, invocation)
    }

    /// Files as they are named, and of folders those with an extension.
    static func files(_ paths: [String], withExtension suffix: String) throws(Failure) -> [String] {
        var files: [String] = []
        for path in paths {
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
                guard FileManager.default.isReadableFile(atPath: path) else {
                    throw Failure("\(path) does not exist or cannot be read", exitCode: .usage)
                }
                files.append(path)
                continue
            }
            let found = names.filter { $0.hasSuffix(".\(suffix)") }.sorted()
            guard !found.isEmpty else { throw Failure("\(path) has no file *.\(suffix)", exitCode: .usage) }
            files += found.map { "\(path)/\($0)" }
        }
        return files
    }

    // MARK: Reading

    private mutating func readKeystores(_ paths: [String]) throws(Failure) {
        guard !paths.isEmpty else { return }
        let folder = invocation["passwords-dir"]
        guard folder == nil || invocation["password-file"] == nil else {
            throw Failure("--password-file and --passwords-dir exclude each other", exitCode: .usage)
        }
        let one = folder == nil ? try Self.password(invocation, question: "password of the keystores") : nil
        for path in paths {
            do throws(Failure) {
                let (json, key) = try Self.keystore(path)
                let password = if let one { one } else { try Self.password(for: path, in: folder ?? "") }
                items.append(.keystore(path: path, json: json, password: password, key: key))
            } catch {
                outcomes.append(.init(status: "error", message: error.message, file: path))
            }
        }
    }

    private static func keystore(_ path: String) throws(Failure) -> ([UInt8], PublicKey?) {
        // Encrypted, so it may pass through `Data`.
        guard let data = FileManager.default.contents(atPath: path) else { throw Failure("it cannot be read") }
        guard data.count <= longestKeystore else { throw Failure("it has \(data.count) bytes, which no keystore has") }
        do throws(KeystoreError) { return (Array(data), try Keystore(json: data).publicKey) } catch {
            throw Failure("\(error)")
        }
    }

    /// Of `--password-file`, or what a person enters.
    static func password(_ invocation: Invocation, question: String) throws(Failure) -> Password {
        let text =
            if let path = invocation["password-file"] {
                try SecretInput.file(path, of: "--password-file")
            } else {
                try SecretInput.ask(question, instead: "--password-file PATH")
            }
        return try password(text)
    }

    static func password(_ text: borrowing SecretBytes) throws(Failure) -> Password {
        do throws(KeystoreError) {
            let password = try Password(normalizing: text.span)
            guard !password.isEmpty else { throw .emptyPassword }
            return password
        } catch { throw Failure("\(error)", exitCode: .usage) }
    }

    /// The file of the keystore's name, with `.txt` in the place of `.json`.
    private static func password(for keystore: String, in folder: String) throws(Failure) -> Password {
        let name = URL(filePath: keystore).deletingPathExtension().lastPathComponent
        return try password(try SecretInput.file("\(folder)/\(name).txt", of: "--passwords-dir"))
    }

    private mutating func readPlainKeys(_ references: [String]) throws(Failure) {
        let reader = RawKeyReader(arena: SecretArena())
        for reference in references {
            let digits = SecretBox(try SecretInput.read(reference, of: "--private-key"))
            do throws(KeystoreError) {
                let key = try digits.bytes.withSpan { (text) throws(KeystoreError) in try reader.key(digits: text) }
                items.append(.plain(name: reference, digits: digits, key: key.publicKey))
            } catch { throw Failure("--private-key \(reference): \(error)", exitCode: .usage) }
        }
    }

    /// A history goes with its key: what cannot be put together is refused before anything was sent.
    private func check(_ history: KeyHistories) throws(Failure) {
        for item in items where item.key == nil {
            throw Failure(
                "\(item.name) does not state its public key, so its history cannot be found in --slashing-protection",
                hint: "take the whole file over with `anti-slashing import` first, then import the keys without it"
            )
        }
        let others = history.keys.subtracting(items.compactMap { $0.key?.description })
        if !others.isEmpty {
            Output.complain(
                "note: the history has \(others.count) validators that are not among the keys; theirs is not sent"
            )
        }
    }

    // MARK: Sending

    private mutating func send() throws(Failure) {
        guard !items.isEmpty else { return }
        let size = try SignerKeys.batch(invocation, otherwise: Self.usualBatch)
        let api = try SignerKeys.connection(invocation, scope: "chamber_keys_import", verb: "import")
        var progress = ProgressLine("importing", total: items.count, "keys", unit: "keys")
        for first in stride(from: 0, to: items.count, by: size) {
            let part = items[first..<min(first + size, items.count)]
            // The API answers keystores first, whatever stands first in the body.
            let ordered = part.filter(\.isKeystore) + part.filter { !$0.isKeystore }
            do throws(Failure) {
                let answer = try api.send("POST", SignerKeys.path, secret: try body(ordered))
                let results = try SignerKeys.outcomes(answer)
                guard results.count == ordered.count else {
                    throw Failure("the signer answered \(results.count) keys of the \(ordered.count) that were sent")
                }
                for (var outcome, item) in zip(results, ordered) {
                    outcome.file = item.name
                    outcomes.append(outcome)
                }
            } catch {
                SignerKeys.show(outcomes, invocation)
                Output.complain(
                    "\(first) of \(items.count) keys were answered; run the same command again: what was imported is answered as a duplicate"
                )
                throw error
            }
            progress.reached(first + ordered.count)
        }
    }

    private func body(_ items: [Item]) throws(Failure) -> SecretBytes {
        var body = SecretBody()
        body.append("{\"keystores\":[")
        var (count, isFirst) = (0, true)
        for case .keystore(_, let json, _, _) in items {
            if count > 0 { body.append(",") }
            body.append(string: json.span)
            count += 1
        }
        body.append("],\"passwords\":[")
        for case .keystore(_, _, let password, _) in items {
            if !isFirst { body.append(",") }
            isFirst = false
            password.withBytes { body.append(string: $0) }
        }
        body.append("],\"private_keys\":[")
        isFirst = true
        for case .plain(_, let digits, _) in items {
            if !isFirst { body.append(",") }
            isFirst = false
            digits.bytes.withSpan { body.append(string: $0) }
        }
        body.append("],\"status\":\"\(status)\",\"storage\":{\"persist\":true}")
        if let text = try history?.json(of: items.compactMap(\.key)) {
            body.append(",\"slashing_protection\":")
            body.append(string: text.span)
        }
        body.append("}")
        return body.bytes
    }
}

extension KeyImport.Item {
    fileprivate var isKeystore: Bool { if case .keystore = self { true } else { false } }
}
