// SPDX-License-Identifier: Apache-2.0
internal import SealedKeys
package import Sealing

/// A store that another chamber has used before: it takes nothing under a generation of the master key that is lower than
/// that chamber's was, and a new chamber begins with the first.
extension SealedKeyring {
    /// No chamber is founded over a store that has keys, which it could not open, or that would take none of its own.
    package func admitFounding() async throws(ChamberContentsError) {
        let (least, count): (UInt64, SealedKeyCount)
        do throws(SealedKeyError) {
            least = try await store.leastGeneration()
            count = try await store.count()
        } catch { throw ChamberContentsError("\(error)") }
        if let fault = fault(of: least, over: MasterKeyIdentity.firstGeneration) {
            throw ChamberContentsError("\(fault)")
        }
        guard count.active + count.inactive > 0 else { return }
        throw ChamberContentsError(
            "the store of key_sources.\(source) holds \(count.active + count.inactive) keys of another chamber, which no new master key opens. Name an empty store, or put the MASTER_KEY row of the chamber that they belong to back into the signer state"
        )
    }

    /// Why a store with this fence takes nothing of a chamber whose master key has that generation; nil where it does. A
    /// rotation raises the fence behind the record of the master key: so it is to be read first, and the record then.
    func fault(of fence: UInt64, over generation: UInt64) -> SealedKeyError? {
        guard fence > generation else { return nil }
        return .unusable(
            reason:
                "the store of key_sources.\(source) takes only what lies under generation \(fence) of a master key or a later one, and this chamber's has generation \(generation): it holds keys of another chamber, or an older MASTER_KEY row was put back. Name an empty store, or put the MASTER_KEY row of the chamber that it belongs to back into the signer state"
        )
    }
}
