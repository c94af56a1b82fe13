// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Secrets

/// One load from beginning to end: lists the sources, hands the files to threads, reports, puts the results together.
final class LoadRun: Sendable {
    private let sources: [KeySource]
    private let settings: KeyLoader.Settings
    private let arena: SecretArena
    private let previous: LoadedKeys
    private let onProgress: @Sendable (KeyLoadProgress) -> Void
    private let work = Condition(Work())

    /// What the threads share.
    private struct Work {
        var jobs: [LoadJob] = []
        var results: [LoadedFile?] = []
        var next = 0
        var finished = 0
        var keys = 0
        var failures = 0
        var isCancelled = false
    }

    init(
        sources: [KeySource],
        settings: KeyLoader.Settings,
        arena: SecretArena,
        previous: LoadedKeys,
        onProgress: @escaping @Sendable (KeyLoadProgress) -> Void
    ) {
        self.sources = sources
        self.settings = settings
        self.arena = arena
        self.previous = previous
        self.onProgress = onProgress
    }

    /// Threads finish the file they are at; nothing of the load is kept.
    func cancel() {
        work.broadcast { $0.isCancelled = true }
    }

    /// Blocks until everything is loaded.
    func perform() -> Result<LoadedKeys, KeyLoadError> {
        let plan = sources.map(plan)
        let jobs = plan.flatMap(\.jobs)
        work.broadcast { work in
            work.jobs = jobs
            work.results = Array(repeating: nil, count: jobs.count)
        }
        runThreads(count: min(settings.threads, jobs.count), total: jobs.count)
        let (results, isCancelled) = work.withLock(wake: false) { ($0.results, $0.isCancelled) }
        guard !isCancelled else { return .failure(.cancelled) }
        let loaded = collect(plan, results)
        return settings.isStrict && !loaded.failures.isEmpty ? .failure(.strict(loaded.failures)) : .success(loaded)
    }

    /// What there is to do for a source.
    private struct Plan {
        let source: KeySource
        var jobs: [LoadJob] = []
        var failure: KeyLoadFailure?
    }

    private func plan(_ source: KeySource) -> Plan {
        do throws(SourceFailure) {
            return Plan(source: source, jobs: try source.jobs(settings, previous: previous.files[source] ?? [:]))
        } catch {
            let failure = KeyLoadFailure(source: source, path: error.path, document: nil, reason: error.reason)
            return Plan(source: source, failure: failure)
        }
    }
}

// Threads.
extension LoadRun {
    private func runThreads(count: Int, total: Int) {
        let start = MonotonicClock.nanoseconds
        let budget = MemoryBudget(settings.memoryBudget)
        // A deeply nested file costs stack: Foundation's JSON reader and libyaml stop at a depth, but not within 512 KiB.
        let threads = (0..<count).map { number in
            Thread(name: "key-loader-\(number)", stackSize: 8 << 20) { self.takeJobs(budget) }
        }
        while true {
            let isDone = work.wait(timeout: settings.progressInterval) { work -> Bool? in
                work.finished == total || work.isCancelled ? true : nil
            }
            if isDone == true { break }
            report(since: start, total)
        }
        for thread in threads { thread.join() }
        report(since: start, total)
    }

    private func takeJobs(_ budget: MemoryBudget) {
        var reader = KeyFileReader(settings: settings, arena: arena, budget: budget)
        while true {
            let next = work.withLock(wake: false) { work -> (Int, LoadJob)? in
                guard work.next < work.jobs.count, !work.isCancelled else { return nil }
                defer { work.next += 1 }
                return (work.next, work.jobs[work.next])
            }
            guard let (number, job) = next else { return }
            let result = load(job, &reader)
            // The coordinator wakes once a second and at the end, not for every file.
            let isLast = work.withLock(wake: false) { work in
                work.results[number] = result
                work.finished += 1
                work.keys += result.keys.count
                work.failures += result.failures.count
                return work.finished == work.jobs.count
            }
            if isLast { work.broadcast { _ in } }
        }
    }

    private func load(_ job: LoadJob, _ reader: inout KeyFileReader) -> LoadedFile {
        if let previous = job.previous, previous.isCurrent, !settings.isStrict || previous.openToOthers.isEmpty {
            return previous.reused()
        }
        return reader.load(job)
    }

    private func report(since start: UInt64, _ total: Int) {
        let elapsed = Duration.nanoseconds(Int64(clamping: MonotonicClock.nanoseconds - start))
        onProgress(
            work.withLock(wake: false) {
                KeyLoadProgress(
                    finished: $0.finished,
                    total: total,
                    keys: $0.keys,
                    failures: $0.failures,
                    elapsed: elapsed
                )
            }
        )
    }
}

// Results.
extension LoadRun {
    private func collect(_ plan: [Plan], _ results: [LoadedFile?]) -> LoadedKeys {
        var collected = Collected()
        var next = 0
        for plan in plan {
            var files: [String: LoadedFile] = [:]
            var order: [String] = []
            for job in plan.jobs {
                files[job.path] = results[next]
                order.append(job.path)
                next += 1
            }
            if let failure = plan.failure {
                collected.failures.append(failure)
                files = (previous.files[plan.source] ?? [:]).mapValues { $0.reused() }
                order = files.keys.sorted()
            }
            collected.take(plan.source, order.compactMap { files[$0] })
            collected.files[plan.source] = files
        }
        return LoadedKeys(
            keys: collected.keys,
            failures: collected.failures,
            warnings: collected.warnings,
            reusedFiles: collected.reused,
            files: collected.files
        )
    }

    private struct Collected {
        var keys: [LoadedKey] = []
        var failures: [KeyLoadFailure] = []
        var warnings: [KeyLoadWarning] = []
        var reused = 0
        var files: [KeySource: [String: LoadedFile]] = [:]
        private var first: [PublicKey: String] = [:]

        mutating func take(_ source: KeySource, _ loaded: [LoadedFile]) {
            for file in loaded {
                failures += file.failures
                reused += file.isReused ? 1 : 0
                for key in file.keys { take(key) }
            }
            let open = loaded.flatMap(\.openToOthers)
            if let example = open.first {
                warnings.append(.openToOthers(source: source, count: Set(open).count, example: example))
            }
        }

        private mutating func take(_ key: LoadedKey) {
            if let path = first[key.key.publicKey] {
                warnings.append(.duplicate(key.key.publicKey, path: key.provenance.path, first: path))
            } else {
                first[key.key.publicKey] = key.provenance.path
                keys.append(key)
            }
        }
    }
}
