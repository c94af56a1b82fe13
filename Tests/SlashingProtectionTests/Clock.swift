// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Consensus

/// The clock guard's latest epoch, set by the test.
final class Clock: Sendable {
    private let epoch: Lock<Epoch?>
    init(_ epoch: Epoch?) { self.epoch = Lock(epoch) }
    var latest: Epoch? { epoch.withLock { $0 } }
    func set(_ epoch: Epoch?) { self.epoch.withLock { $0 = epoch } }
}
