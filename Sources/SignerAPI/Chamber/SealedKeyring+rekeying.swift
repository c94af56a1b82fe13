// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import SealedKeys
package import Sealing

extension SealedKeyring {
    /// Encrypts every row anew that lies under another master key than the newest, page by page. A row that somebody changes
    /// meanwhile is left to the next pass; the last pass finds none.
    ///
    /// First the list of withdrawn keys is tagged anew: from then on an instance without the next key learns that it needs it
    /// before it has changed anything. Then the store is told to take nothing under the old key any more: what a stalled
    /// instance has sealed with it and brings behind the last pass would be lost.
    ///
    /// A row that was tampered with or put back cannot be encrypted anew, and it comes to a halt there: with the old master key
    /// everything would go that such a row could still be restored with, and the next version of a row that was put back would
    /// count again.
    package func rekey(
        _ keys: MasterKeys,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws(ChamberContentsError) {
        let sealer: KeyRowSealer
        do throws(SealingError) { sealer = try KeyRowSealer(keys) } catch { throw ChamberContentsError("\(error)") }
        do throws(WithdrawnKeysError) { try await withdrawn.retag() } catch { throw ChamberContentsError("\(error)") }
        do throws(SealedKeyError) {
            try await store.raiseFence(to: keys.newest.identity.generation)
            let count = try await store.count()
            let total = Int(count.active + count.inactive)
            progress(0, total)
            var pass = Pass()
            repeat { pass = try await rekeyOnce(sealer, { progress(min($0, total), total) }) } while pass.renewed > 0
            try pass.check()
            progress(total, total)
        } catch { throw ChamberContentsError("\(error)") }
    }

    private struct Pass {
        var renewed = 0
        var refused: [Bytes<48>] = []

        func check() throws(SealedKeyError) {
            guard !refused.isEmpty else { return }
            let named = refused.prefix(10).map { "\($0)" }.joined(separator: ", ") + (refused.count > 10 ? ", …" : "")
            throw .unusable(
                reason:
                    "the rows of \(refused.count) keys were tampered with or put back and cannot be encrypted anew: \(named); restore them from a backup, switch off with `keys deactivate` what was put back, or take them away with `keys delete --yes`; until then the old master key stays"
            )
        }
    }

    /// One pass over all rows.
    private func rekeyOnce(
        _ sealer: KeyRowSealer,
        _ progress: (Int) -> Void
    ) async throws(SealedKeyError) -> Pass {
        var (pass, seen) = (Pass(), 0)
        var last: Bytes<48>?
        while true {
            if Task.isCancelled { throw Self.closed }
            let page = try await store.page(after: last, limit: Self.rekeyedAtOnce, status: nil)
            let old = page.filter { !sealer.isNew($0) }
            if !old.isEmpty {
                let renewed = try await renewed(old, sealer, &pass)
                if !renewed.isEmpty, try await store.apply(renewed).contains(.outdated) { throw Self.outrun }
            }
            seen += page.count
            progress(seen)
            guard page.count == Self.rekeyedAtOnce, let end = page.last?.publicKey else { return pass }
            last = end
        }
    }

    private func renewed(
        _ rows: [SealedKeyRow],
        _ sealer: KeyRowSealer,
        _ pass: inout Pass
    ) async throws(SealedKeyError) -> [SealedKeyEntry] {
        // Behind the rows: whoever withdrew one of the keys before has said so there.
        let versions: WithdrawnVersions
        do throws(WithdrawnKeysError) { versions = try await withdrawn.refresh() } catch {
            throw .unusable(reason: "\(error)")
        }
        var renewed: [SealedKeyEntry] = []
        for row in rows {
            do throws(KeyRowFault) {
                guard !versions.isWithdrawn(row.publicKey, at: row.version) else { throw .replayed }
                renewed.append(.standing(try sealer.renewed(row)))
            } catch {
                if error == .sealed { throw Self.closed }
                pass.refused.append(row.publicKey)
            }
        }
        pass.renewed += renewed.count
        return renewed
    }

    private static let closed = SealedKeyError.unavailable(reason: "the chamber was closed meanwhile")

    private static let outrun = SealedKeyError.unusable(
        reason:
            "the store takes rows of a later rotation only: this instance has to open the chamber anew, or the store holds keys of another chamber"
    )

    private static let rekeyedAtOnce = 100
}
