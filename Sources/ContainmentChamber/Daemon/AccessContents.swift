// SPDX-License-Identifier: Apache-2.0
internal import Authorization
internal import Concurrency
internal import Encoding
internal import Sealing
internal import SignerState

/// What lies under the master key: policies and tokens, which are verified first, and the keys. Nothing is signed before
/// both have been looked at.
final class AccessContents: ChamberContents {
    private let register: AccessRegister
    private let keys: any ChamberContents
    private let catalogueIsExpected = Lock<@Sendable (ChamberIdentifier) -> Bool>({ _ in true })

    init(_ register: AccessRegister, _ keys: any ChamberContents) {
        self.register = register
        self.keys = keys
    }

    /// - Parameter isExpected: whether a chamber has a catalogue already. Where it does not, what stands is adopted.
    func expectCatalogue(_ isExpected: @escaping @Sendable (ChamberIdentifier) -> Bool) {
        catalogueIsExpected.withLock { $0 = isExpected }
    }

    func load(under master: MasterKey) async throws(ChamberContentsError) {
        let tagger: AccessTagger
        do throws(SealingError) { tagger = try AccessTagger(master) } catch { throw ChamberContentsError("\(error)") }
        let isExpected = catalogueIsExpected.withLock { $0 }(master.identity.chamber)
        do throws(StateError) {
            try await register.open([tagger], catalogueIsExpected: isExpected)
        } catch { throw ChamberContentsError("policies and tokens: \(error)") }
        try await keys.load(under: master)
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
