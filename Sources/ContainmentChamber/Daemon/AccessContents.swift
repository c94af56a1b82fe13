// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Encoding
internal import Sealing
internal import SignerState

/// What lies under the master key: policies and tokens, which are verified first, and the keys. Nothing is signed before
/// both have been looked at.
final class AccessContents: ChamberContents {
    private let register: AccessRegister
    private let keys: any ChamberContents

    init(_ register: AccessRegister, _ keys: any ChamberContents) {
        self.register = register
        self.keys = keys
    }

    func admitFounding() async throws(ChamberContentsError) { try await keys.admitFounding() }

    func founding(_ master: MasterKey) async throws(ChamberContentsError) -> [StateChange] {
        let seals = try Self.seals([master])
        let catalogue: StateChange
        do throws(StateError) { catalogue = try await register.founding(under: seals[0]) } catch {
            throw ChamberContentsError("policies and tokens: \(error)")
        }
        return [catalogue] + (try await keys.founding(master))
    }

    func load(under keys: MasterKeys) async throws(ChamberContentsError) {
        try await open(keys)
        do throws(ChamberContentsError) { try await self.keys.load(under: keys) } catch {
            // The chamber does not open, and then nothing is tagged either.
            await register.seal()
            throw error
        }
    }

    func unload() async {
        await keys.unload()
        await register.seal()
    }

    func adopt(_ keys: MasterKeys) async {
        // Where this fails, what was believed goes on to be, and is looked at again with the next change.
        _ = try? await open(keys)
        await self.keys.adopt(keys)
    }

    func rekey(
        _ keys: MasterKeys,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws(ChamberContentsError) {
        try await self.keys.rekey(keys, progress: progress)
    }

    /// Policies and tokens come last: an instance that does not have the new key yet lets nobody in any more from here on.
    func conclude(_ keys: MasterKeys) async throws(ChamberContentsError) {
        let seals = try Self.seals([keys.newest])
        do throws(AccessChangeError) { try await register.retag(to: seals[0]) } catch {
            throw ChamberContentsError("policies and tokens: \(error)")
        }
        try await self.keys.conclude(keys)
    }

    private func open(_ keys: MasterKeys) async throws(ChamberContentsError) {
        let seals = try Self.seals(keys.all)
        do throws(StateError) { try await register.open(seals) } catch {
            throw ChamberContentsError("policies and tokens: \(error)")
        }
    }

    static func seals(_ masters: [MasterKey]) throws(ChamberContentsError) -> [AccessTagger] {
        do throws(SealingError) {
            var taggers: [AccessTagger] = []
            for master in masters { taggers.append(try AccessTagger(master)) }
            return taggers
        } catch { throw ChamberContentsError("\(error)") }
    }
}

extension AccessService {
    /// Whether somebody may unseal, by the policies and tokens that lie under the master key.
    func mayUnseal(_ grant: Grant, under keys: MasterKeys) async -> Bool {
        guard let seals = try? AccessContents.seals(keys.all) else { return false }
        return (try? await register.verifies(grant, for: .chamberUnseal, under: seals)) ?? false
    }
}

extension AccessTagger: AccessSeal {
    var chamber: Bytes<16> { identity.chamber.bytes }
    var generation: UInt64 { identity.generation }
}
