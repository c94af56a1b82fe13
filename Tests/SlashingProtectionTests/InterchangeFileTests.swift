// SPDX-License-Identifier: Apache-2.0
import BLS
import Concurrency
import Consensus
import Foundation
import SlashingProtection
import TestSupport
import Testing

/// Files that are read piece by piece.
@Suite(.timeLimit(.minutes(10))) struct InterchangeFileTests {
    /// Bytes that can change while they are read, and that count how much is asked for at once.
    private final class Source: InterchangeSource {
        private let state: Lock<(bytes: [UInt8], largest: Int)>
        init(_ bytes: [UInt8]) { state = Lock((bytes, 0)) }

        var largest: Int { state.withLock { $0.largest } }
        func change(_ bytes: [UInt8]) { state.withLock { $0.bytes = bytes } }

        func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
            state.withLock { state in
                let end = min(offset + count, state.bytes.count)
                guard offset < end else { return [] }
                state.largest = max(state.largest, end - offset)
                return Array(state.bytes[offset..<end])
            }
        }
    }

    private static let metadata =
        "\"metadata\":{\"interchange_format_version\":\"5\",\"genesis_validators_root\":\"\(network)\"}"

    private func element(_ number: Int, slot: UInt64 = 1) -> String {
        "{\"pubkey\":\"\(validator(number))\",\"signed_blocks\":[{\"slot\":\"\(slot)\"}],\"signed_attestations\":[]}"
    }

    private func histories(_ file: InterchangeFile) throws -> [ValidatorRecord] {
        try file.histories(file.places.indices)
    }

    @Test func `metadata and data may come in either order, with other members between them`() throws {
        let data = "\"data\":[\(element(1)),\(element(2))]"
        let more = "\"more\":{\"data\":[1,{}],\"x\":\"]}\"}"
        for parts in [
            [Self.metadata, data], [data, Self.metadata], [more, data, more, Self.metadata, "\"n\":1e3"],
        ] {
            let text = " {\n" + parts.joined(separator: " ,\t") + "\r\n} \n"
            for chunk in [1, 2, 7, 64, 4_096] {
                let file = try InterchangeFile(Source(Array(text.utf8)), chunk: chunk)
                #expect(file.genesisValidatorsRoot == network)
                #expect(try histories(file).map(\.publicKey) == [validator(1).publicKey, validator(2).publicKey])
            }
        }
    }

    @Test(arguments: [
        "{METADATA,\"data\":[E,E,]}", "{METADATA,\"data\":[E E]}", "{METADATA,\"data\":[E}", "{METADATA,\"data\":[E]",
        "{METADATA,\"data\":[E]}}", "{METADATA,\"data\":[E]} 1", "{METADATA,\"data\":[E],}", "{METADATA \"data\":[E]}",
        "{METADATA,\"data\":[E],\"data\":[]}", "{METADATA,METADATA,\"data\":[E]}", "{METADATA,\"data\":{\"a\":E}}",
        "[METADATA]", "{METADATA,\"data\":[{\"pubkey\":01}]}", "{METADATA,\"data\":[{\"pubkey\":\"\\ud800\"}]}",
        "{METADATA,\"data\":[[[}]]]}", "{METADATA,\"data\":[tru]}", "{METADATA,data:[E]}",
        "\u{feff}{METADATA,\"data\":[E]}",
        "{\"data\":[E]}", "{METADATA}", "{METADATA,\"data\":[\"\u{1}\"]}",
    ])
    func `what is not JSON at any place, or says something twice, is refused whole`(text: String) {
        let bytes = Array(
            text.replacing("METADATA", with: Self.metadata).replacing("E", with: element(1)).utf8
        )
        for chunk in [1, 3, 50, 4_096] {
            #expect(throws: StoreError.self, "\(text)") { try InterchangeFile(Source(bytes), chunk: chunk) }
        }
    }

    @Test func `a refusal names the place in the file`() throws {
        let start = "{\(Self.metadata),\"data\":[\(element(1)),"
        let error = #expect(throws: StoreError.self) {
            try InterchangeFile(Source(Array("\(start){\"pubkey\";1}]}".utf8)), chunk: 11)
        }
        #expect(error?.description.contains("byte \(start.utf8.count + 9) ") == true, "\(String(describing: error))")
    }

    @Test func `a list that stands in an element twice makes the element unreadable`() throws {
        let doubled = [
            "{\"pubkey\":\"\(validator(1))\",\"signed_blocks\":[],\"signed_blocks\":[],\"signed_attestations\":[]}",
            "{\"pubkey\":\"\(validator(1))\",\"signed_blocks\":[{\"slot\":\"1\",\"slot\":\"2\"}],\"signed_attestations\":[]}",
            "{\"pubkey\":\"\(validator(1))\",\"pubkey\":\"\(validator(2))\",\"signed_blocks\":[],\"signed_attestations\":[]}",
        ]
        let text = "{\(Self.metadata),\"data\":[\(doubled.joined(separator: ","))]}"
        let file = try InterchangeFile(Source(Array(text.utf8)))
        #expect(file.places.isEmpty)
        #expect(file.unreadable.map(\.position) == [0, 1, 2])
        #expect(file.unreadable.allSatisfy { $0.reason.contains("twice") })
    }

    @Test func `a file that names hardly any validator is refused whole`() {
        let text = "{\(Self.metadata),\"data\":[\(String(repeating: "0,", count: 100_000))0]}"
        #expect(throws: StoreError.self) { try InterchangeFile(Source(Array(text.utf8))) }
    }

    @Test func `no more is read at once than a chunk or an element`() throws {
        let all = Interchange(
            genesisValidatorsRoot: network,
            validators: (0..<400).map { number in
                let blocks = (0..<UInt64(40)).map { RecordedBlock($0, root: 3) }
                return ValidatorRecord(publicKey: validator(number).publicKey, blocks: blocks, attestations: [])
            }
        )
        let source = Source(all.json())
        let file = try InterchangeFile(source, chunk: 2_000)
        #expect(try histories(file).count == 400)
        #expect(source.largest < 6_000)
        let parts = file.parts(entries: 100)
        #expect(parts.flatMap(\.self) == Array(0..<400))
        #expect(parts.allSatisfy { $0.count == 2 })
    }

    @Test func `elements for one key come together where that is asked for`() throws {
        let text = "{\(Self.metadata),\"data\":[\([1, 2, 1, 3, 2, 1].map { element($0) }.joined(separator: ","))]}"
        let file = try InterchangeFile(Source(Array(text.utf8)))
        #expect(file.parts(entries: 1, togetherByKey: true) == [[0, 2, 5], [1, 4], [3]])
        #expect(file.parts(entries: 4) == [[0, 1, 2, 3], [4, 5]])
    }

    @Test func `a file that is changed between the two readings is refused`() throws {
        let bytes = Array("{\(Self.metadata),\"data\":[\(element(1)),\(element(2))]}".utf8)
        let source = Source(bytes)
        let file = try InterchangeFile(source)
        for other in [
            Array(bytes.dropLast(30)), Array("{\(Self.metadata),\"data\":[\(element(1)),\(element(3))]}".utf8), [],
        ] {
            source.change(other)
            #expect(throws: StoreError.self) { try self.histories(file) }
        }
    }

    /// Files as a generator makes them, some damaged: what Foundation's decoder reads of a whole file is what the reader gives,
    /// whatever the size of the pieces. It may refuse what Foundation forgives, never the other way round.
    @Test func `reading in pieces gives what reading the whole gives`() throws {
        var random = SeededGenerator.fromEnvironment()
        var (same, damaged) = (0, 0)
        for round in 0..<400 {
            var bytes = generated(&random)
            if round % 2 == 1 {
                for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] = "{}[],:\"0x5 \\n".utf8.randomElement(using: &random) ?? 0
                }
            }
            let chunk = Int.random(in: 1...300, using: &random)
            let whole = try? Interchange(decoding: Data(bytes))
            guard let file = try? InterchangeFile(Source(bytes), chunk: chunk) else {
                #expect(round % 2 == 1, "an undamaged file was refused")
                continue
            }
            guard let whole else {
                Issue.record("read what the other reader refuses: \(String(decoding: bytes, as: UTF8.self))")
                continue
            }
            let read = try histories(file)
            #expect(file.genesisValidatorsRoot == whole.genesisValidatorsRoot)
            if file.unreadable.isEmpty || round % 2 == 0 {
                #expect(file.unreadable.map(\.position) == whole.unreadable.map(\.position))
                #expect(read.map(\.publicKey) == whole.validators.map(\.publicKey))
                #expect(read.map(\.blocks) == whole.validators.map(\.blocks))
                #expect(read.map(\.attestations) == whole.validators.map(\.attestations))
            }
            if round % 2 == 0 { same += 1 } else { damaged += 1 }
        }
        #expect(same == 200 && damaged > 10, "\(damaged)")
    }

    private func generated(_ random: inout SeededGenerator) -> [UInt8] {
        func blank() -> String { ["", "", " ", "\n\t"].randomElement(using: &random) ?? "" }
        func number() -> String {
            let number = UInt64.random(in: 0...5_000, using: &random)
            return random.once(in: 4) ? "\(number)" : "\"\(number)\""
        }
        func signingRoot() -> String {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: ""
            case 1: ",\(blank())\"signing_root\":null"
            default: ",\"signing_root\":\(blank())\"\(root(Int.random(in: 0..<9, using: &random)))\""
            }
        }
        func list(_ name: String, _ entry: () -> String) -> String {
            let entries = (0..<Int.random(in: 0...5, using: &random)).map { _ in entry() }
            return "\"\(name)\":\(blank())[\(entries.joined(separator: "," + blank()))]"
        }
        func element() -> String {
            if random.once(in: 12) { return ["7", "null", "\"a]\"", "[{}]"].randomElement(using: &random) ?? "7" }
            let name = random.once(in: 12) ? "pub_key" : "pubkey"
            var members = [
                "\"\(name)\":\"\(validator(Int.random(in: 0..<4, using: &random)))\"",
                list("signed_blocks") { "{\"slot\":\(number())\(signingRoot())}" },
                list("signed_attestations") {
                    "{\"source_epoch\":\(number()),\(blank())\"target_epoch\":\(number())\(signingRoot())}"
                },
            ]
            if random.once(in: 5) { members.append("\"note\":{\"a\":[1.5e3,\"\\\"}\"]}") }
            return "{\(blank())\(members.shuffled(using: &random).joined(separator: blank() + ","))}"
        }
        let elements = (0..<Int.random(in: 0...6, using: &random)).map { _ in element() }
        let members = [Self.metadata, "\"data\":\(blank())[\(blank())\(elements.joined(separator: "," + blank()))]"]
        return Array("\(blank()){\(members.shuffled(using: &random).joined(separator: blank() + ","))}\(blank())".utf8)
    }
}
