// SPDX-License-Identifier: Apache-2.0
import Consensus
import Foundation
import HTTPServer
import SealedKeys
import Sealing
import SignerAPI
import SlashingProtection
import TestSupport
import Testing

/// A process that ends before or behind any write of a rotation of the master key: no key is lost, none that was taken away
/// comes back, and whoever starts next goes on to the end.
@Suite(.timeLimit(.minutes(5))) struct InterruptedRekeyingTests {
    /// Two pages of rows, one key that is inactive and one that was deleted; the keys that sign.
    private func fill(_ instance: ChamberRig.Instance) async throws -> Set<String> {
        var keys: [String] = []
        for batch in 0..<2 {
            let scalars = (1...60).map { number in
                let digits = String(batch * 60 + number, radix: 16)
                return "\"0x" + String(repeating: "0", count: 64 - digits.count) + digits + "\""
            }
            let answers = try await instance.send(.post, "", #"{"private_keys":[\#(scalars.joined(separator: ","))]}"#)
            keys += answers.compactMap(\.pubkey)
        }
        #expect(keys.count == 120)
        _ = try await instance.send(.patch, "", #"{"pubkeys":["\#(keys[0])"],"status":"inactive"}"#)
        _ = try await instance.send(.delete, "", #"{"pubkeys":["\#(keys[1])"],"remove":true}"#)
        return Set(keys.dropFirst(2))
    }

    private func end(_ instance: ChamberRig.Instance) async throws {
        while instance.chamber.status.record?.current.generation != 2 { try await Task.sleep(for: .milliseconds(5)) }
        await instance.chamber.settle()
    }

    /// The record with both keys, the list of withdrawn keys, the fence, two pages of rows, the fence once more, the record with
    /// the new key.
    @Test(arguments: Power.Cut.all(7))
    func `no key is lost, and the next start goes on to the end`(cut: Power.Cut) async throws {
        let rig = try await ChamberRig()
        let first = try await rig.start()
        let keys = try await fill(first)
        await first.chamber.shutDown()
        let power = Power(cut)
        let dying = try await rig.start(power)
        #expect(Set(dying.loaded) == keys)
        _ = await dying.rotate()
        while !power.isOut { try await Task.sleep(for: .milliseconds(5)) }
        await dying.chamber.shutDown()

        let next = try await rig.start()
        #expect(Set(next.loaded) == keys && next.ring.faults.isEmpty)
        if cut == Power.Cut(write: 1, isWritten: false) {
            #expect(next.chamber.status.record?.sequence == 1)
            #expect(await next.rotate().status == 200)
        }
        try await end(next)
        #expect(Set(next.loaded) == keys && next.ring.faults.isEmpty)
        let rows = try await rig.keys.page(after: nil, limit: 200, status: nil)
        #expect(rows.count == 119 && rows.allSatisfy { $0.keyGeneration == 2 })
        #expect(rows.count { $0.status == .inactive } == 1)
        let last = try await rig.start()
        #expect(Set(last.loaded) == keys && last.ring.faults.isEmpty)
    }

    /// The list of withdrawn keys, then the tombstone; the record of what was signed has the key disabled in between.
    @Test(arguments: Power.Cut.all(2))
    func `a key whose deletion was cut off signs nothing any more, and can be deleted again`(
        cut: Power.Cut
    ) async throws {
        let isListed = cut != Power.Cut(write: 1, isWritten: false)
        let isDone = cut == Power.Cut(write: 2, isWritten: true)
        let folder = try TemporaryFolder()
        let record = try SQLiteStore(
            .init(path: folder.file("record"), genesisValidatorsRoot: .zero, createIfMissing: true)
        )
        let rig = try await ChamberRig(record: record)
        let scalar = String(repeating: "0", count: 63) + "7"
        let first = try await rig.start()
        let key = try #require(try await first.send(.post, "", #"{"private_keys":["\#(scalar)"]}"#).first?.pubkey)
        await first.chamber.shutDown()
        let order = #"{"pubkeys":["\#(key)"],"remove":true}"#
        let dying = try await rig.start(Power(cut))
        #expect(await dying.answer(.delete, "", order).status == 503)
        await dying.chamber.shutDown()
        #expect(try await disabled(record) == (cut.write == 2 ? [key] : []))
        let next = try await rig.start()
        #expect(next.loaded.isEmpty == isListed)
        let again = try await next.send(.delete, "", order)
        #expect(again.map(\.status) == [isDone ? "not_found" : "deleted"])
        #expect(try await disabled(record) == [key] && next.loaded.isEmpty)
        // An import is explicit.
        #expect(try await next.send(.post, "", #"{"private_keys":["\#(scalar)"]}"#).map(\.status) == ["imported"])
        #expect(try await disabled(record).isEmpty && next.loaded == [key])
        await record.close()
    }

    private func disabled(_ record: SQLiteStore) async throws -> [String] {
        guard case .disabled(let validators) = try await record.administer(.disabled(among: nil)) else { return [] }
        return validators.map { "\($0.record.publicKey)" }
    }
}
