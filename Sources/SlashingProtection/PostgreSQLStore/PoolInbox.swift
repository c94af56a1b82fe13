// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Concurrency
internal import Consensus

/// One message of one validator on its way through the pool.
struct PendingEntry: Sendable {
    let batch: PendingBatch
    /// Its place in the batch.
    let position: Int
    /// When it may be tried again, on the monotonic clock.
    var earliest: UInt64 = 0
    /// Whether it goes in a call of its own: a call that held it has failed, and it may be the reason.
    var goesAlone = false

    init(batch: PendingBatch, position: Int) {
        self.batch = batch
        self.position = position
    }

    /// The generation of connections that it may be decided over; nil for any.
    var generation: UInt64? { batch.generation }

    var key: PublicKey { batch.batch.records[position].publicKey }
    var duty: SlashableDuty { batch.batch.duty }
    var slot: EntrySlot { EntrySlot(isBlock: duty.isBlock, key: key) }

    func answer(_ verdict: Verdict, identity: DatabaseIdentity? = nil) {
        batch.answer(verdict, at: position, identity)
    }
}

/// What one session of the database can work on at a time: the blocks, or the attestations, of a validator.
struct EntrySlot: Hashable {
    let isBlock: Bool
    let key: PublicKey
}

extension SlashableDuty {
    var isBlock: Bool { if case .block = self { true } else { false } }
}

/// A batch whose verdicts come one by one; the caller gets them together.
final class PendingBatch: Sendable {
    let batch: DutyBatch
    /// After this nobody waits for the database any longer, on the monotonic clock.
    let deadline: UInt64
    let generation: UInt64?
    private let state: Lock<State>

    private struct State: Sendable {
        var verdicts: [Verdict?]
        var missing: Int
        var identity: DatabaseIdentity?
        let continuation: CheckedContinuation<IdentifiedVerdicts, Never>
    }

    init(
        _ batch: DutyBatch,
        deadline: UInt64,
        generation: UInt64?,
        _ continuation: CheckedContinuation<IdentifiedVerdicts, Never>
    ) {
        self.batch = batch
        self.deadline = deadline
        self.generation = generation
        let count = batch.records.count
        state = Lock(State(verdicts: Array(repeating: nil, count: count), missing: count, continuation: continuation))
    }

    func answer(_ verdict: Verdict, at position: Int, _ identity: DatabaseIdentity?) {
        let finished = state.withLock { state -> State? in
            guard state.verdicts[position] == nil else { return nil }
            state.verdicts[position] = verdict
            state.missing -= 1
            state.identity = identity ?? state.identity
            return state.missing == 0 ? state : nil
        }
        guard let finished else { return }
        let refusal = Verdict.refused(.notCheckable(reason: "the record gave no answer"))
        let verdicts = finished.verdicts.map { $0 ?? refusal }
        finished.continuation.resume(returning: IdentifiedVerdicts(verdicts, identity: finished.identity))
    }
}

/// What waits for a lane of the pool. Blocks pass in front of attestations. A validator is with one lane at a time, so that
/// our own sessions never meet at its lock.
struct PoolInbox: Sendable {
    /// Entries of one call.
    static let largestCall = 512
    /// A lane is added when this much waits beside the calls under way: few lanes with large calls cost the database least.
    static let backlogForAnotherLane = 256
    /// A lane is added when the oldest entry has waited this long: the others hang on a slow database. Nanoseconds.
    static let waitForAnotherLane: UInt64 = 20_000_000

    private var blocks: [PendingEntry] = []
    private var attestations: [PendingEntry] = []
    private var underWay: Set<EntrySlot> = []
    private var oldest: UInt64 = .max
    /// Calls under way of one entry that may be waiting for somebody else's transaction, for as long as a call may take.
    private var suspectsUnderWay = 0
    var isClosing = false
    /// Lanes that run, and those of them that wait for work.
    var lanes = 0
    var idle = 0

    var isEmpty: Bool { blocks.isEmpty && attestations.isEmpty }

    /// Whether the work that is left calls for one more lane.
    func needsLane(limit: Int, now: UInt64) -> Bool {
        guard lanes < limit, idle == 0, !isEmpty else { return false }
        return lanes <= suspectsUnderWay || blocks.count + attestations.count >= Self.backlogForAnotherLane
            || now > oldest &+ Self.waitForAnotherLane
    }

    mutating func append(_ entries: [PendingEntry], now: UInt64) {
        if isEmpty { oldest = now }
        for entry in entries {
            if entry.duty.isBlock { blocks.append(entry) } else { attestations.append(entry) }
        }
    }

    /// Puts entries of a call back that were not decided, before those that came after them; those that may be the reason
    /// why it failed go behind everything, so that the one that is does not come up again before the others had a turn.
    mutating func putBack(_ entries: [PendingEntry]) {
        let suspects = entries.filter(\.goesAlone)
        let others = entries.filter { !$0.goesAlone }
        blocks.insert(contentsOf: others.filter { $0.duty.isBlock }, at: 0)
        attestations.insert(contentsOf: others.filter { !$0.duty.isBlock }, at: 0)
        blocks += suspects.filter { $0.duty.isBlock }
        attestations += suspects.filter { !$0.duty.isBlock }
    }

    /// Takes one call's work: all blocks, or all attestations, each validator once. Nil while nothing can be done.
    mutating func take(now: UInt64) -> [PendingEntry]? {
        let taken = Self.take(from: &blocks, &underWay, now) ?? Self.take(from: &attestations, &underWay, now)
        if let taken {
            oldest = now
            if taken[0].goesAlone { suspectsUnderWay += 1 }
        }
        return taken
    }

    private static func take(
        from queue: inout [PendingEntry],
        _ underWay: inout Set<EntrySlot>,
        _ now: UInt64
    ) -> [PendingEntry]? {
        guard !queue.isEmpty else { return nil }
        var taken: [PendingEntry] = []
        var left: [PendingEntry] = []
        for entry in queue {
            let fits = taken.isEmpty || taken.count < largestCall && !entry.goesAlone && !taken[0].goesAlone
            if fits, entry.earliest <= now, underWay.insert(entry.slot).inserted {
                taken.append(entry)
            } else {
                left.append(entry)
            }
        }
        guard !taken.isEmpty else { return nil }
        queue = left
        return taken
    }

    /// Lets the validators of a call go to the next lane.
    mutating func release(_ entries: [PendingEntry]) {
        for entry in entries { underWay.remove(entry.slot) }
        if entries.first?.goesAlone == true { suspectsUnderWay -= 1 }
    }

    /// When the first entry that waits for a retry is due; nil where nothing does.
    func nextRetry(after now: UInt64) -> UInt64? {
        (blocks + attestations).lazy.map(\.earliest).filter { $0 > now }.min()
    }

    /// Everything that waits, to be refused together.
    mutating func drain() -> [PendingEntry] {
        defer {
            blocks = []
            attestations = []
        }
        return blocks + attestations
    }
}
