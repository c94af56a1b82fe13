// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// EIP-3076 files as other programs, people and attackers write them.
@Suite(.timeLimit(.minutes(10))) struct InterchangeTests {
    private static let key = String(repeating: "ab", count: 48)

    private func file(_ data: String, version: String = "\"5\"", root: String = "\"\(network)\"") -> Data {
        Data(
            """
            {"metadata":{"interchange_format_version":\(version),"genesis_validators_root":\(root)},"data":\(data)}
            """.utf8
        )
    }

    private func element(_ pubkey: String, blocks: String = "[]", attestations: String = "[]") -> String {
        "{\"pubkey\":\(pubkey),\"signed_blocks\":\(blocks),\"signed_attestations\":\(attestations)}"
    }

    @Test func `numbers are taken as text and as numbers, keys with and without prefix in any case`() throws {
        let blocks = "[{\"slot\":\"7\"},{\"slot\":8,\"signing_root\":\"\(root(1))\"}]"
        let votes = "[{\"source_epoch\":1,\"target_epoch\":\"2\"}]"
        for spelling in ["0x\(Self.key)", Self.key, Self.key.uppercased(), "0X\(Self.key.uppercased())"] {
            let read = try Interchange(
                json: file("[\(element("\"\(spelling)\"", blocks: blocks, attestations: votes))]")
            )
            #expect(read.unreadable.isEmpty)
            #expect(read.validators[0].publicKey.description == "0x\(Self.key)")
            #expect(read.validators[0].blocks == [RecordedBlock(7), RecordedBlock(8, root: 1)])
            #expect(read.validators[0].attestations == [RecordedAttestation(1, 2)])
        }
    }

    @Test func `missing lists are empty, unknown members are passed over, null roots are unknown`() throws {
        let odd =
            "{\"pubkey\":\"\(Self.key)\",\"signed_blocks\":[{\"slot\":\"1\",\"signing_root\":null,\"x\":1}],"
            + "\"signed_attestations\":[],\"more\":{}}"
        let read = try Interchange(json: file("[\(odd)]"))
        #expect(read.validators[0].blocks == [RecordedBlock(1)])
        #expect(read.validators[0].attestations.isEmpty)
        #expect(try Interchange(json: file("[]")).validators.isEmpty)
    }

    @Test func `one bad element does not hide the others`() throws {
        let good = element("\"\(Self.key)\"", blocks: "[{\"slot\":\"1\"}]")
        let bad = [
            // Both arrays are required: a misspelt name must not count as an empty history.
            "{\"pubkey\":\"\(Self.key)\",\"signed_blocks\":[],\"signed_attestation\":[]}",
            "{\"pubkey\":\"\(Self.key)\",\"signed_attestations\":[]}",
            "17", "null", "[]", "{}", element("\"0x12\""), element("5"), element("\"\(Self.key)\"", blocks: "{}"),
            element("\"\(Self.key)\"", blocks: "[{}]"), element("\"\(Self.key)\"", blocks: "[{\"slot\":\"x\"}]"),
            element("\"\(Self.key)\"", blocks: "[{\"slot\":\"-1\"}]"),
            element("\"\(Self.key)\"", blocks: "[{\"slot\":-1}]"),
            element("\"\(Self.key)\"", blocks: "[{\"slot\":1.5}]"),
            element("\"\(Self.key)\"", blocks: "[{\"slot\":\"18446744073709551616\"}]"),
            element("\"\(Self.key)\"", blocks: "[{\"slot\":\"1\",\"signing_root\":\"0x12\"}]"),
            element("\"\(Self.key)\"", attestations: "[{\"source_epoch\":\"1\"}]"),
        ]
        let read = try Interchange(json: file("[\((bad + [good]).joined(separator: ","))]"))
        #expect(read.validators.count == 1)
        #expect(read.unreadable.map(\.position) == Array(bad.indices))
        #expect(read.unreadable.allSatisfy { !$0.reason.isEmpty })
        #expect(read.unreadable[8].publicKey == Self.key)
    }

    @Test(arguments: [
        "", "null", "[]", "17", "{}", "{\"data\":[]}", "{\"metadata\":{},\"data\":[]}", "not json", "{\"metadata\":",
    ])
    func `what is not an interchange file is refused whole`(text: String) {
        #expect(throws: StoreError.self) { try Interchange(json: Data(text.utf8)) }
    }

    @Test func `another version, another root form, and data that is no array are refused whole`() {
        for data in ["{}", "null", "17", "\"x\""] {
            #expect(throws: StoreError.self) { try Interchange(json: file(data)) }
        }
        for version in ["\"4\"", "\"6\"", "\"\"", "5", "null"] {
            #expect(throws: StoreError.self) { try Interchange(json: file("[]", version: version)) }
        }
        for root in ["\"0x00\"", "null", "5", "\"zz\""] {
            #expect(throws: StoreError.self) { try Interchange(json: file("[]", root: root)) }
        }
        let withoutData =
            "{\"metadata\":{\"interchange_format_version\":\"5\",\"genesis_validators_root\":\"\(network)\"}}"
        #expect(throws: StoreError.self) { try Interchange(json: Data(withoutData.utf8)) }
    }

    @Test func `an error of a file names the place and none of its content`() {
        let error = #expect(throws: StoreError.self) {
            try Interchange(json: Data("{\"metadata\":{\"genesis_validators_root\":\"secret\"},\"data\":[]}".utf8))
        }
        #expect(error?.description.contains("interchange_format_version") == true)
        #expect(error?.description.contains("secret") == false)
    }

    @Test func `what is written is read back the same`() throws {
        var random = SeededGenerator(seed: 3)
        let validators = (0..<50).map { number in
            ValidatorRecord(
                publicKey: validator(number).publicKey,
                blocks: (0..<random.next() % 8).map { RecordedBlock($0 << 50, root: random.once(in: 2) ? 4 : nil) },
                attestations: (0..<random.next() % 8).map { RecordedAttestation($0, .max - $0, root: 5) }
            )
        }
        let written = Interchange(genesisValidatorsRoot: otherNetwork, validators: validators)
        let read = try Interchange(json: written.json())
        #expect(read.genesisValidatorsRoot == otherNetwork)
        #expect(read.validators.map(\.publicKey) == validators.map(\.publicKey))
        #expect(read.validators.map(\.blocks) == validators.map(\.blocks))
        #expect(read.validators.map(\.attestations) == validators.map(\.attestations))
        #expect(read.json() == written.json())
    }

    @Test func `nesting without end is refused`() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(throws: StoreError.self) { try Interchange(json: Data(deep.utf8)) }
        _ = try? Interchange(json: file(deep))
    }

    /// Bytes of real files changed, dropped, doubled and moved. Whatever is still read is written and read again.
    @Test func `no mutation of a real file makes a crash`() throws {
        var random = SeededGenerator.fromEnvironment()
        var seeds = [Interchange(blocks: [RecordedBlock(1, root: 2)], attestations: [RecordedAttestation(1, 2)]).json()]
        let folder = "slashing-protection-interchange"
        for name in Vectors.names(in: folder, suffix: ".json") {
            let vector =
                try JSONSerialization.jsonObject(with: try Vectors.contents("\(folder)/\(name)")) as? [String: Any]
            for step in vector?["steps"] as? [[String: Any]] ?? [] {
                guard let interchange = step["interchange"] else { continue }
                seeds.append([UInt8](try JSONSerialization.data(withJSONObject: interchange)))
            }
        }
        var taken = 0
        for _ in 0..<4_000 {
            guard var bytes = seeds.randomElement(using: &random) else { return }
            for _ in 0...Int.random(in: 0...3, using: &random) { mutate(&bytes, &random) }
            guard let read = try? Interchange(json: Data(bytes)) else { continue }
            let again = try Interchange(json: read.json())
            #expect(again.validators.map(\.blocks) == read.validators.map(\.blocks))
            taken += 1
        }
        #expect(taken > 100)
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let position = Int.random(in: 0..<bytes.count, using: &random)
        let end = min(bytes.count, position + Int.random(in: 1...12, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[position] = UInt8.random(in: .min ... .max, using: &random)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(position..<end)
        case 3: bytes.insert(contentsOf: bytes[position..<end], at: Int.random(in: 0..<bytes.count, using: &random))
        case 4: bytes.replaceSubrange(position..<end, with: Array("\"\\,:{}[]0x-1e999".utf8).shuffled(using: &random))
        default: bytes.removeLast(bytes.count - position)
        }
    }
}
