// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import SealedKeys
package import Sealing

extension SealedKeyring {
    /// Encrypts every row anew that lies under another master key than the newest, page by page. A row that somebody changes
    /// meanwhile is left to the next pass; the last pass finds none. What was tampered with cannot be encrypted anew: it is
    /// left as it is, and refused like before.
    package func rekey(
        _ keys: MasterKeys,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws(ChamberContentsError) {
        let sealer: KeyRowSealer
        do throws(SealingError) { sealer = try KeyRowSealer(keys) } catch { throw ChamberContentsError("\(error)") }
        do throws(SealedKeyError) {
            let count = try await store.count()
            let total = Int(count.active + count.inactive)
            progress(0, total)
            while try await rekeyOnce(sealer, { progress(min($0, total), total) }) > 0 {}
            progress(total, total)
        } catch { throw ChamberContentsError("\(error)") }
    }

    /// One pass over all rows; how many were old.
    private func rekeyOnce(
        _ sealer: KeyRowSealer,
        _ progress: (Int) -> Void
    ) async throws(SealedKeyError) -> Int {
        var (seen, old): (Int, Int) = (0, 0)
        var last: Bytes<48>?
        while true {
            if Task.isCancelled { throw .unavailable(reason: "the chamber was closed meanwhile") }
            let page = try await store.page(after: last, limit: Self.rekeyedAtOnce, status: nil)
            let renewed = page.filter(sealer.isOld).compactMap { try? sealer.renewed($0) }
            if !renewed.isEmpty { _ = try await store.apply(renewed.map { .standing($0) }) }
            old += renewed.count
            seen += page.count
            progress(seen)
            guard page.count == Self.rekeyedAtOnce, let end = page.last?.publicKey else { return old }
            last = end
        }
    }

    private static let rekeyedAtOnce = 100
}
