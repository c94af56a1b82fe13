// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Encoding
internal import SealedKeys
internal import Sealing
internal import SignerState

/// New keys. Under a request identifier the same request again makes nothing new, whichever instance it comes to, and while the
/// first is still at work too.
extension ChamberKeys {
    func generate(_ order: KeyGeneration) async throws(Refusal) -> [Status] {
        guard let request = order.request else {
            let first = try await made(order.count, order.status)
            return try await redoing(first) { places async throws(Refusal) in
                try await made(places.count, order.status)
            }
        }
        _ = try await writer()
        let planned = try await plan(of: request)
        guard planned.fits(order) else { throw .otherRequest("the request \(request) was for \(planned.words)") }
        let standing = try await entries(of: planned.keys).filter { !$0.isWithdrawal }
        if standing.count >= order.count { return standing.map { Self.existing($0) } }
        if let seconds = planned.secondsLeft(at: now()) { throw Self.underWay(request, seconds) }
        var plan = planned
        (plan.count, plan.status) = (order.count, order.status)
        try await write(&plan, request, isBusy: true)
        do throws(Refusal) {
            return try await carryOut(&plan, request)
        } catch {
            // Whoever sends it again need not wait for the end of this one.
            try? await write(&plan, request, isBusy: false)
            throw error
        }
    }

    /// Whoever had the plan before may be slow and not gone. So that it makes nothing behind this one, each of its keys is either
    /// there by now or never will be: its place is taken. That decides the store of the keys, whatever clocks say.
    private func carryOut(_ plan: inout KeyRequests.Plan, _ request: String) async throws(Refusal) -> [Status] {
        let standing = try await withdrawMissing(plan.keys)
        let kept = standing.map(\.publicKey)
        let first = try await made(&plan, request, kept, plan.count - kept.count)
        let new = try await redoing(first) { places async throws(Refusal) in
            let done = first.filter { $0.word == .generated }.compactMap { $0.key?.bytes }
            return try await made(&plan, request, kept + done, places.count)
        }
        // What did not come about can be asked for again at once.
        if new.contains(where: { $0.word == .error }) { try? await write(&plan, request, isBusy: false) }
        return standing.map { Self.existing($0) } + new
    }

    /// First the names, then the keys: a request that is cut off between the two finds out what became of it.
    private func made(
        _ plan: inout KeyRequests.Plan,
        _ request: String,
        _ kept: [Bytes<48>],
        _ count: Int
    ) async throws(Refusal) -> [Status] {
        let rows = try await factory.make(count, facts(plan.status), try await writer())
        plan.keys = kept + rows.map(\.publicKey)
        try await write(&plan, request, isBusy: true)
        return try await store(rows, .generated) { key in
            Status(.error, key, "another request under the same request_id took over meanwhile; send it again")
        }
    }

    private func made(_ count: Int, _ status: SealedKeyStatus) async throws(Refusal) -> [Status] {
        try await store(try await factory.make(count, facts(status), try await writer()), .generated)
    }

    /// The entries of keys that are there, deleted ones too; nobody brings the others any more.
    private func withdrawMissing(_ keys: [Bytes<48>]) async throws(Refusal) -> [SealedKeyEntry] {
        let missing = Set(keys).subtracting(try await entries(of: keys).map(\.publicKey)).sorted()
        let sealer = try await writer()
        var withdrawals: [SealedKeyChange] = []
        do throws(KeyRowFault) {
            for key in missing {
                withdrawals.append(SealedKeyChange(.deleted(try sealer.withdrawal(of: key, at: now()))))
            }
        } catch { throw .sealed("\(error)") }
        if try await apply(withdrawals).contains(.outdated) {
            throw await exchanged()
        }
        return try await entries(of: keys).filter { !$0.isWithdrawal }
    }

    /// A key that is gone is not made again: whoever sends the request again need not be who deleted it.
    private static func existing(_ entry: SealedKeyEntry) -> Status {
        let key = PublicKey(entry.publicKey)
        guard let row = entry.row else {
            return Status(
                .notFound,
                key,
                "it was made by this request before, and has been deleted since; another request_id makes new keys"
            )
        }
        return Status(.existing, key, "it was made by this request before", row: row)
    }

    // MARK: The plan

    private func plan(of request: String) async throws(Refusal) -> KeyRequests.Plan {
        do throws(StateError) { return try await requests.plan(of: request) ?? .none } catch { throw .state(error) }
    }

    /// Only in the place of the plan that was read.
    private func write(
        _ plan: inout KeyRequests.Plan,
        _ request: String,
        isBusy: Bool
    ) async throws(Refusal) {
        plan.busyUntil = isBusy ? now() + KeyRequests.lease : 0
        do throws(StateError) { try await requests.write(plan, of: request) } catch {
            if case .conflict = error { throw Self.underWay(request, 1) }
            throw .state(error)
        }
        plan.version += 1
    }

    private static func underWay(_ request: String, _ seconds: Int) -> Refusal {
        .underWay("the request \(request) is being carried out; send it again to learn what it made", seconds: seconds)
    }
}

extension SealedKeyEntry {
    /// Of a key that was never made: a deletion has version 2 at least.
    fileprivate var isWithdrawal: Bool { row == nil && version == 1 }
}
