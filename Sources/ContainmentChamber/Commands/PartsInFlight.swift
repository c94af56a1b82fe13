// SPDX-License-Identifier: Apache-2.0

/// Work on several parts at once, whose results come in the order in which it was begun.
struct PartsInFlight<Output: Sendable>: ~Copyable {
    private let most: Int
    private var tasks: [Task<Result<Output, Failure>, Never>] = []

    init(most: Int) { self.most = most }

    /// Begins with a part; gives the result of the oldest one where there are enough under way.
    mutating func begin(
        _ work: @escaping @Sendable () async throws(Failure) -> Output
    ) async throws(Failure) -> Output? {
        let finished = tasks.count >= most ? try await next() : nil
        tasks.append(
            Task { do throws(Failure) { return .success(try await work()) } catch { return .failure(error) } }
        )
        return finished
    }

    /// The result of the oldest; nil where nothing is under way. After a failure the others have ended, too: nobody works on
    /// a record that is being closed.
    mutating func next() async throws(Failure) -> Output? {
        guard !tasks.isEmpty else { return nil }
        switch await tasks.removeFirst().value {
        case .success(let output): return output
        case .failure(let failure):
            await drain()
            throw failure
        }
    }

    /// Waits for all that is under way, whatever comes of it.
    mutating func drain() async {
        for task in tasks { _ = await task.value }
        tasks = []
    }
}
