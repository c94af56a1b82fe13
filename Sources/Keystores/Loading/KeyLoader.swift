// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
package import Crypto
package import Secrets

/// Loads all keys of all sources: on threads of its own, as many at once as there are processors and memory for. A bad file
/// is named, counted and skipped.
package struct KeyLoader: Sendable {
    package struct Settings: Sendable {
        /// Threads at most; never more than there are files.
        package var threads = Machine.processors
        /// Bytes that the derivations running at one time may take together (scrypt's usual parameters take 256 MiB each).
        package var memoryBudget = Machine.derivationBudget
        /// Any failure makes the whole load fail, and files with secrets must be their owner's alone.
        package var isStrict = false
        /// What a single keystore may ask for.
        package var limits = DerivationLimits()
        /// Bytes of a descriptor file (Web3Signer's `--key-store-config-file-max-size`).
        package var descriptorBytes = 104_857_600
        /// A file that changed this shortly before it was read is read again by the next load: file systems stamp changes
        /// with clocks that tick every few milliseconds, some every two seconds, and the next change may carry the same
        /// time.
        package var timestampGranularity = Duration.seconds(2)
        /// Time between two reports of progress.
        package var progressInterval = Duration.seconds(1)

        package init() {}
    }

    package let sources: [KeySource]
    package let settings: Settings
    private let arena: SecretArena
    private let onProgress: @Sendable (KeyLoadProgress) -> Void

    /// `onProgress` is called on a thread of the loader's.
    package init(
        sources: [KeySource],
        arena: SecretArena,
        settings: Settings = Settings(),
        onProgress: @escaping @Sendable (KeyLoadProgress) -> Void = { _ in }
    ) {
        self.sources = sources
        self.arena = arena
        self.settings = settings
        self.onProgress = onProgress
    }

    /// Loads everything. The caller's task waits; no thread of the shared pool does.
    package func load() async throws(KeyLoadError) -> LoadedKeys { try await reload(previous: .none) }

    /// Loads what has changed: a file that is the same by path, inode, size and times, and whose keystore and password file
    /// are the same too, gives the same `SecretKey` objects as before without being read. A source that cannot be listed
    /// keeps the keys it had, and fails by name: not to know is not to know that they are gone.
    package func reload(previous: LoadedKeys) async throws(KeyLoadError) -> LoadedKeys {
        let run = LoadRun(
            sources: sources,
            settings: settings,
            arena: arena,
            previous: previous,
            onProgress: onProgress
        )
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                _ = Thread(name: "key-loader") { continuation.resume(returning: run.perform()) }
            }
        } onCancel: {
            run.cancel()
        }
        return try result.get()
    }
}

/// Why there are no loaded keys at all.
package enum KeyLoadError: Error, Equatable, CustomStringConvertible {
    /// In strict mode, everything that failed.
    case strict([KeyLoadFailure])
    /// The task that waited was cancelled.
    case cancelled

    package var description: String {
        switch self {
        case .strict(let failures):
            "\(failures.count) keys failed to load in strict mode, the first: \(failures.first?.description ?? "")"
        case .cancelled: "loading was cancelled"
        }
    }
}
