// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Encoding
import Sealing
import Secrets
import Testing

/// The tags of policies and tokens (docs/formats.md).
@Suite struct AccessTaggerTests {
    private static func master(generation: UInt64 = 1) throws -> MasterKey {
        let chamber = ChamberIdentifier(Bytes([UInt8](0..<16))!)
        return try MasterKey(
            SecretBytes(count: 32) { target in
                for place in 0..<32 { target.storeBytes(of: UInt8(place), toByteOffset: place, as: UInt8.self) }
            },
            MasterKeyIdentity(chamber: chamber, generation: generation)
        )
    }

    private static let row: [UInt8] = {
        var message: [UInt8] = [1]
        func add(_ number: Int) { message += [UInt8](repeating: 0, count: 7) + [UInt8(number)] }
        for text in ["policy", "vc-1"] {
            add(text.utf8.count)
            message += Array(text.utf8)
        }
        add(2)
        add(1)
        let body = #"{"name":"vc-1","rules":[{"effect":"allow"}]}"#
        add(body.utf8.count)
        return message + Array(body.utf8)
    }()

    @Test func `the test vector of a row`() throws {
        let tag = try AccessTagger(Self.master()).tag(row: Self.row)
        let text = Hex.encode(tag.span, prefix: false)
        #expect(text == "9ff57460fd04a64d13995c1f0e72f6f3b8f14b6fd0824fa94f58015f3aaa0cfa")
    }

    @Test func `rows, the catalogue and another generation have keys of their own`() throws {
        let tagger = try AccessTagger(Self.master())
        let other = try AccessTagger(Self.master(generation: 2))
        let tags = [
            tagger.tag(row: Self.row), tagger.tag(catalogue: Self.row), other.tag(row: Self.row),
            other.tag(catalogue: Self.row),
        ]
        #expect(Set(tags).count == 4)
        #expect(tagger.tag(row: Self.row) == tags[0])
    }

    @Test func `of a master key that is gone nothing is tagged`() throws {
        let master = try Self.master()
        let tagger = try AccessTagger(master)
        master.destroy()
        #expect(throws: SealingError.sealed) { try AccessTagger(master) }
        // What was derived before ends with whoever holds it.
        #expect(Hex.encode(tagger.tag(row: Self.row).span, prefix: false).hasPrefix("9ff57460"))
    }
}
