// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Encoding
package import Files
internal import Foundation

/// What this instance remembers of a chamber outside the signer state: how far it has seen the catalogue of policies and
/// tokens, the custody of the master key, and the list of withdrawn keys. So a state that was set back as a whole while the
/// process was stopped is known for what it is (docs/formats.md).
///
/// Its numbers only rise. Without a path they end with the process.
package final class StateMemory: Sendable {
    /// What is remembered.
    package struct Mark: Hashable, Sendable {
        package let chamber: Bytes<16>
        package fileprivate(set) var catalogue: UInt64 = 0
        package fileprivate(set) var custody: UInt64 = 0
        /// The highest order to seal that was seen, and up to which one they are over.
        package fileprivate(set) var sealed: UInt64 = 0
        package fileprivate(set) var answered: UInt64 = 0
        /// Of each row of the list of withdrawn keys; empty where nothing is known of it.
        package fileprivate(set) var withdrawn: [UInt64] = []
    }

    package let path: String?
    private let files: any FileSystem
    private struct Held {
        var mark: Mark?
        /// Whether the file says less than `mark`.
        var isAhead = false
    }
    private let held: Lock<Held>
    /// Held while the file is written: one writer after the other, so that an older mark cannot come last.
    private let writing = Lock(())

    /// Reads what is remembered.
    ///
    /// - Throws: where the file is there and cannot be read: it would be forgotten with the first writing.
    package init(path: String?, files: any FileSystem = SystemFiles()) throws(StateMemoryError) {
        self.path = path
        self.files = files
        held = Lock(Held(mark: try path.map { path throws(StateMemoryError) in try Self.read(path, files) } ?? nil))
    }

    /// Nil where nothing is remembered yet.
    package var known: Mark? { held.withLock { $0.mark } }

    /// The highest sequence of the catalogue that was seen of a chamber; 0 where nothing is known of it.
    package func highestCatalogue(of chamber: Bytes<16>) -> UInt64 {
        known.flatMap { $0.chamber == chamber ? $0.catalogue : nil } ?? 0
    }

    /// The highest sequence of the custody record that was seen of a chamber; 0 where nothing is known of it.
    package func highestCustody(of chamber: Bytes<16>) -> UInt64 {
        known.flatMap { $0.chamber == chamber ? $0.custody : nil } ?? 0
    }

    /// The highest sequences of the list of withdrawn keys that were seen of a chamber; empty where nothing is known of it.
    package func highestWithdrawn(of chamber: Bytes<16>) -> [UInt64] {
        known.flatMap { $0.chamber == chamber ? $0.withdrawn : nil } ?? []
    }

    package func remember(catalogue: UInt64, of chamber: Bytes<16>) async throws(StateMemoryError) {
        try await raise(chamber) { $0.catalogue = max($0.catalogue, catalogue) }
    }

    package func remember(custody: UInt64, of chamber: Bytes<16>) async throws(StateMemoryError) {
        try await raise(chamber) { $0.custody = max($0.custody, custody) }
    }

    package func remember(
        sealed: UInt64,
        answered: UInt64,
        of chamber: Bytes<16>
    ) async throws(StateMemoryError) {
        try await raise(chamber) { mark in
            mark.sealed = max(mark.sealed, sealed)
            mark.answered = max(mark.answered, answered)
        }
    }

    package func remember(withdrawn: [UInt64], of chamber: Bytes<16>) async throws(StateMemoryError) {
        try await raise(chamber) { mark in
            let before = mark.withdrawn + [UInt64](repeating: 0, count: max(0, withdrawn.count - mark.withdrawn.count))
            mark.withdrawn = zip(before, withdrawn).map { max($0, $1) }
        }
    }

    /// Another chamber than the one that is remembered is only ever taken up here, by an operator's order.
    package func begin(_ chamber: Bytes<16>) async throws(StateMemoryError) {
        held.withLock { held in
            guard held.mark?.chamber != chamber else { return }
            held = Held(mark: Mark(chamber: chamber), isAhead: true)
        }
        try await write()
    }

    private func raise(
        _ chamber: Bytes<16>,
        _ change: @Sendable (inout Mark) -> Void
    ) async throws(StateMemoryError) {
        try held.withLock { (held) throws(StateMemoryError) in
            var next = held.mark ?? Mark(chamber: chamber)
            guard next.chamber == chamber else { throw StateMemoryError(path ?? "", "it remembers another chamber") }
            change(&next)
            if next != held.mark { held = Held(mark: next, isAhead: true) }
        }
        try await write()
    }

    // MARK: The file

    private struct Document: Codable {
        let chamber: String
        let catalogue: UInt64
        let custody: UInt64
        /// Nil for none, and in files of before.
        let sealed: UInt64?
        let answered: UInt64?
        let withdrawn: [UInt64]?
    }

    /// Syncing waits for the disk.
    private func write() async throws(StateMemoryError) {
        guard let path, held.withLock({ $0.isAhead }) else { return }
        let result = await Blocking.run(name: "state-memory") { [self] () -> Result<Void, FileProblem> in
            writing.withLock { _ in
                // What is newest now, which may be more than its caller asked for.
                guard let mark = known else { return .success(()) }
                return Result { () throws(FileProblem) in
                    try Self.write(mark, path, files)
                    held.withLock { held in
                        if held.mark == mark { held.isAhead = false }
                    }
                }
            }
        }
        do throws(FileProblem) { try result.get() } catch { throw StateMemoryError(path, error.description) }
    }

    private static func write(_ mark: Mark, _ path: String, _ files: any FileSystem) throws(FileProblem) {
        let document = Document(
            chamber: Hex.encode(mark.chamber.span, prefix: false),
            catalogue: mark.catalogue,
            custody: mark.custody,
            sealed: mark.sealed > 0 ? mark.sealed : nil,
            answered: mark.answered > 0 ? mark.answered : nil,
            withdrawn: mark.withdrawn.isEmpty ? nil : mark.withdrawn
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(document) else { preconditionFailure("a mark cannot be encoded") }
        let new = path + ".new"
        try files.remove(new)
        let file = try files.openForAppending(new, isNew: true)
        let bytes = Array(data) + Array("\n".utf8)
        var written = 0
        while written < bytes.count { written += try file.append(bytes, from: written) }
        try file.sync()
        try files.replace(path, with: new)
        try files.syncFolder(of: path)
    }

    private static func read(_ path: String, _ files: any FileSystem) throws(StateMemoryError) -> Mark? {
        do throws(FileProblem) {
            guard try files.mark(of: path) != nil else { return nil }
            let bytes = try files.openForReading(path).read(at: 0, count: 4096)
            guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)),
                let chamber: Bytes<16> = try? Hex.decode(document.chamber)
            else { throw FileProblem(path, "read", .notAFile, "it is not the memory of a signer state") }
            return Mark(
                chamber: chamber,
                catalogue: document.catalogue,
                custody: document.custody,
                sealed: document.sealed ?? 0,
                answered: document.answered ?? 0,
                withdrawn: document.withdrawn ?? []
            )
        } catch {
            throw StateMemoryError(path, error.description)
        }
    }
}

/// Why something cannot be remembered outside the signer state, or is not known any more.
package struct StateMemoryError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ path: String, _ reason: String) { description = "\(path): \(reason)" }
}
