// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// Bytes that derivations may use together. Whoever wants more than is free waits for the others; whoever wants more than
/// there is in all runs when nobody else does, so that a small budget slows down and never stops.
final class MemoryBudget: Sendable {
    private let limit: Int
    private let used = Condition(0)

    init(_ limit: Int) { self.limit = limit }

    /// Runs `body` once `bytes` are free. Blocks: only on a thread of our own.
    func withReservation<Result, Failure: Error>(
        _ bytes: Int,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        _ = used.wait { used -> Void? in
            guard used == 0 || used + bytes <= limit else { return nil }
            used += bytes
            return ()
        }
        defer { used.broadcast { $0 -= bytes } }
        return try body()
    }
}
