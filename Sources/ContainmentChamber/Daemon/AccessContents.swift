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

    /// What a new chamber begins with, besides its record.
    func founding(under master: MasterKey) async throws(StateError) -> [StateChange] {
        let tagger: AccessTagger
        do throws(SealingError) { tagger = try AccessTagger(master) } catch { throw .unusable(reason: "\(error)") }
        return [try await register.founding(under: tagger)]
    }

    func load(under master: MasterKey) async throws(ChamberContentsError) {
        let tagger: AccessTagger
        do throws(SealingError) { tagger = try AccessTagger(master) } catch { throw ChamberContentsError("\(error)") }
        do throws(StateError) { try await register.open([tagger]) } catch {
            throw ChamberContentsError("policies and tokens: \(error)")
        }
        do throws(ChamberContentsError) { try await keys.load(under: master) } catch {
            // The chamber stays sealed, and then nothing is tagged either.
            await register.seal()
            throw error
        }
    }

    func unload() async {
        await keys.unload()
        await register.seal()
    }
}

extension AccessTagger: AccessSeal {
    var chamber: Bytes<16> { identity.chamber.bytes }
    var generation: UInt64 { identity.generation }
}
