// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation
internal import Secrets

/// `keys export-backup`: the mnemonics of generated keys, as the signer keeps them: encrypted with age to the recipients of its
/// configuration. A file for each key, which the program `age` opens too.
enum BackupExport {
    static func run(_ invocation: Invocation) throws(Failure) {
        let names = try SignerKeys.names(invocation)
        guard names.isEmpty != invocation.isSet("all") else { return try export(Set(names), invocation) }
        throw Failure("give public keys, or --all for every key", exitCode: .usage)
    }

    /// - Parameter names: none for all.
    private static func export(_ names: Set<String>, _ invocation: Invocation) throws(Failure) {
        let folder = try OutputFolder(invocation["out"] ?? "")
        let api = try SignerKeys.connection(invocation, scope: "chamber_keys_list")
        var outcomes: [SignerKeys.Outcome] = []
        var missing = names
        var progress = ProgressLine("exporting", total: max(names.count, 1), "keys", unit: "keys")
        try SignerKeys.forEachPage(api, withBackups: true) { rows throws(Failure) in
            for row in rows where names.isEmpty || names.contains(row.pubkey) {
                missing.remove(row.pubkey)
                outcomes.append(write(row, to: folder))
                progress.reached(outcomes.count)
            }
        }
        outcomes += missing.sorted().map { .init(pubkey: $0, status: "not_found", message: "there is no such key") }
        guard !outcomes.isEmpty else { throw Failure("there are no keys") }
        try SignerKeys.conclude(outcomes, invocation)
    }

    private static func write(_ row: SignerKeys.Row, to folder: OutputFolder) -> SignerKeys.Outcome {
        guard let text = row.encrypted_mnemonic else {
            return .init(
                pubkey: row.pubkey,
                status: "no_backup",
                message: "it was imported, or generated without chamber.keys.generate.backup.enabled"
            )
        }
        let outcome = folder.write(Array(text.utf8).span, to: "\(row.pubkey).age")
        return .init(
            pubkey: row.pubkey,
            status: outcome.status("exported"),
            message: outcome.message,
            file: outcome.path
        )
    }
}

/// Where a command puts files of which each is for its owner alone, and none is ever overwritten.
struct OutputFolder {
    /// What came of a file.
    struct Written {
        let path: String
        /// Nil where it was written.
        let failure: FileFailure?
        /// Whether the same bytes stood there already.
        let isThere: Bool

        func status(_ done: String) -> String { isThere ? "existing" : failure == nil ? done : "error" }
        var message: String? { isThere ? nil : failure.map { "the file \($0)" } }
    }

    let path: String

    /// Makes the folder where there is none.
    init(_ path: String) throws(Failure) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch { throw Failure("--out \(path) is no folder and cannot become one") }
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Durable when it returns. One that is there with the same content is what was asked for.
    func write(_ content: Span<UInt8>, to name: String) -> Written {
        do throws(FileFailure) {
            try SecretFile.create(file(name), content)
            return Written(path: file(name), failure: nil, isThere: false)
        } catch {
            let isThere = error == .exists && holds(content, name)
            return Written(path: file(name), failure: error, isThere: isThere)
        }
    }

    private func holds(_ content: Span<UInt8>, _ name: String) -> Bool {
        var reader = SecretFileReader(capacity: content.count + 1)
        guard (try? reader.read(file(name), limit: content.count)) != nil else { return false }
        return ConstantTime.areEqual(reader.contents, content)
    }
}
