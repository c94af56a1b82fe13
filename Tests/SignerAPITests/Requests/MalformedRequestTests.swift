// SPDX-License-Identifier: Apache-2.0
import Consensus
import Encoding
import JSON
import SignerAPI
import Testing

private func request(_ body: String) throws -> SigningRequest { try SigningRequest(json: Array(body.utf8)) }

private func isNotJSON(_ body: [UInt8]) -> Bool {
    do throws(RequestDecodingError) {
        _ = try SigningRequest(json: body)
        return false
    } catch {
        if case .notJSON = error { return true }
        return false
    }
}

@Suite struct MalformedRequestTests {
    @Test(arguments: [
        "", " ", "{", "{}x", "{\"type\":}", "{'type':'BLOCK'}", "\"", "nul", "{\"type\":\"BLOCK\"} {}",
        "{\"type\":\"\u{1}\"}", "{\"type\":\"BLOCK\",}", "{\"type\":\"BLOCK\",\"a\":[1,]}", "\u{feff}{}",
        "{\"type\":\"\\ud800\"}",
    ])
    func `what is not JSON is refused`(body: String) { #expect(isNotJSON(Array(body.utf8))) }

    @Test func `what is wrong with the text is said`() {
        let error = RequestDecodingError.notJSON(.tooDeep(limit: 64))
        #expect(error.description == "the body is not valid JSON: it is nested more than 64 levels deep")
        #expect(throws: RequestDecodingError.notJSON(.unexpectedByte(at: 8))) { try request("{\"type\":}") }
    }

    @Test(arguments: ["[]", "null", "1", "\"BLOCK\"", "true"])
    func `what is not an object is refused`(body: String) {
        #expect(throws: RequestDecodingError.wrongKind(at: "the body", expected: "a JSON object")) { try request(body) }
    }

    @Test(arguments: [[0xff, 0xfe], [0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x31, 0x7d], [0, 0, 0, 0x7b]] as [[UInt8]])
    func `broken text is refused`(body: [UInt8]) {
        #expect(isNotJSON(body))
    }

    @Test(arguments: ["utf-16", "utf-32"]) func `text in another encoding is refused`(name: String) {
        let width = name == "utf-16" ? 2 : 4
        let body = Array("{\"type\":\"BLOCK\"}".utf8)
        #expect(isNotJSON(body.flatMap { [$0] + Array(repeating: 0, count: width - 1) }))
        #expect(isNotJSON(body.flatMap { Array(repeating: 0, count: width - 1) + [$0] }))
    }

    @Test(arguments: ["[", "{\"a\":", "{\"type\":["]) func `a hundred thousand levels are refused`(open: String) {
        #expect(isNotJSON(Array(String(repeating: open, count: 100_000).utf8)))
    }

    @Test func `an unknown type is named, but only a name`() {
        #expect(throws: RequestDecodingError.unknownType("BLOCK_V9")) { try request("{\"type\":\"BLOCK_V9\"}") }
        #expect(throws: RequestDecodingError.unknownType("…")) { try request("{\"type\":\"<b>\"}") }
        #expect(throws: RequestDecodingError.unknownType(String(repeating: "A", count: 64))) {
            try request("{\"type\":\"\(String(repeating: "A", count: 5000))\"}")
        }
    }

    @Test(arguments: [
        ("{}", "type"), ("{\"type\":null}", "type"), ("{\"type\":\"BLOCK\"}", "block"),
        ("{\"type\":\"BLOCK\",\"block\":{\"slot\":\"1\"}}", "block.proposer_index"),
        ("{\"type\":\"BLOCK_V2\",\"beacon_block\":{}}", "beacon_block.version"),
        ("{\"type\":\"BLOCK_V2\",\"beacon_block\":{\"version\":\"FULU\",\"block\":{}}}", "beacon_block.block_header"),
        ("{\"type\":\"BLOCK_V2\",\"beacon_block\":{\"version\":\"ALTAIR\"}}", "beacon_block.block"),
        ("{\"type\":\"ATTESTATION\",\"attestation\":null}", "attestation"),
        ("{\"type\":\"RANDAO_REVEAL\",\"fork_info\":{\"fork\":{}}}", "fork_info.fork.previous_version"),
        (
            "{\"type\":\"AGGREGATE_AND_PROOF_V2\",\"aggregate_and_proof\":{\"version\":\"FULU\",\"data\":{}}}",
            "aggregate_and_proof.data.aggregator_index"
        ),
    ])
    func `a missing field is named by its path`(body: String, path: String) {
        #expect(throws: RequestDecodingError.missingField(at: path)) { try request(body) }
    }

    @Test func `what is inside an array is named by its place`() {
        let exits = "[{\"message\":{\"epoch\":1,\"validator_index\":2},\"signature\":\"0x\"}]"
        let body = """
            {"type":"EXECUTION_PAYLOAD_BID","execution_payload_bid":{"parent_block_hash":"0x","parent_block_root":"0x",\
            "block_hash":"0x","prev_randao":"0x","fee_recipient":"0x0000000000000000000000000000000000000000",\
            "gas_limit":1,"builder_index":1,"slot":1,"value":1,"execution_payment":1,"blob_kzg_commitments":["0x00"],\
            "unknown":\(exits)}}
            """
        #expect(
            throws: RequestDecodingError.notHexadecimal(
                at: "execution_payload_bid.blob_kzg_commitments[0]",
                .wrongLength(bytes: 1, expected: 48)
            )
        ) { try request(body) }
    }

    @Test(arguments: [
        ("0x0g", Hex.Failure.notHexadecimal), ("0x1", .oddDigits), ("xx", .notHexadecimal), ("0x0x01", .notHexadecimal),
        ("0x" + String(repeating: "00", count: 33), .tooLong(bytes: 33, limit: 32)),
    ])
    func `bad digits are refused at their path`(digits: String, failure: Hex.Failure) {
        #expect(throws: RequestDecodingError.notHexadecimal(at: "sync_committee_message.beacon_block_root", failure)) {
            try request(
                "{\"type\":\"SYNC_COMMITTEE_MESSAGE\",\"sync_committee_message\":{\"beacon_block_root\":\"\(digits)\",\"slot\":1}}"
            )
        }
    }

    @Test func `an unknown or unfit version is refused`() {
        #expect(throws: RequestDecodingError.unknownVersion(at: "beacon_block.version", "Fulu")) {
            try request("{\"type\":\"BLOCK_V2\",\"beacon_block\":{\"version\":\"Fulu\",\"block_header\":{}}}")
        }
        #expect(throws: RequestDecodingError.unsupportedVersion(at: "proposer_preferences.version", .fulu)) {
            try request(
                "{\"type\":\"PROPOSER_PREFERENCES\",\"proposer_preferences\":{\"version\":\"FULU\",\"data\":{}}}"
            )
        }
    }

    @Test func `another kind of value is refused`() {
        #expect(throws: RequestDecodingError.wrongKind(at: "attestation", expected: "an object")) {
            try request("{\"type\":\"ATTESTATION\",\"attestation\":[]}")
        }
        #expect(throws: RequestDecodingError.wrongKind(at: "type", expected: "a string")) {
            try request("{\"type\":5}")
        }
        for list in ["{}", "\"\"", "[1]", "[null]", "[{},[]]"] {
            let block = "{\"type\":\"BLOCK\",\"block\":{\"slot\":1,\"proposer_index\":1,\"parent_root\":\"\","
            #expect(throws: RequestDecodingError.self) {
                try request(block + "\"state_root\":\"\",\"body\":{\"proposer_slashings\":\(list)}}}")
            }
        }
    }

    @Test func `a name that is not ours is not repeated in an error`() {
        let header = "{\"<script>\":{\"version\":\"FULU\",\"block_header\":{}}}"
        #expect(throws: RequestDecodingError.missingField(at: "beacon_block.….block_header.slot")) {
            try request("{\"type\":\"BLOCK_V2\",\"beacon_block\":\(header)}")
        }
    }
}

/// Valid requests, damaged. Nothing may stop the process; what still parses may have a root or an error.
@Suite(.enabled(if: !SigningVector.all.isEmpty, "the signing vectors are not on this machine"))
struct DamagedRequestTests {
    /// The shortest vector of each type and fork.
    private static let samples: [SigningVector] = {
        var shortest: [String: SigningVector] = [:]
        for vector in SigningVector.all {
            let kind = vector.name.split(separator: "/").prefix(2).joined(separator: "/")
            if let other = shortest[kind], other.request.count <= vector.request.count { continue }
            shortest[kind] = vector
        }
        return shortest.values.sorted { $0.name < $1.name }
    }()

    /// Reads and hashes; true where the body was taken for a request.
    private func survives(_ body: [UInt8]) -> Bool {
        do throws(RequestDecodingError) {
            let request = try SigningRequest(json: body)
            _ = request.duty
            do throws(SigningRequestError) {
                _ = try request.signingRoot(on: .mainnet)
            } catch {
                #expect(!error.description.isEmpty)
            }
            return true
        } catch {
            #expect(!error.description.isEmpty)
            return false
        }
    }

    @Test(arguments: samples) func `a request that ends early is refused`(vector: SigningVector) {
        let step = max(1, vector.request.count / 200)
        for length in stride(from: 0, to: vector.request.count, by: step) {
            #expect(!survives(Array(vector.request[..<length])), "\(length) bytes")
        }
        #expect(survives(vector.request))
    }

    @Test(arguments: samples) func `a damaged request is read or refused`(vector: SigningVector) {
        var random = SplitMix(seed: UInt64(vector.request.count))
        let marks = Array("{}[]\",:0x-.eE\\/nt \u{7f}".utf8) + [0, 0xff, 0xc3]
        for _ in 0..<200 {
            var body = vector.request
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<body.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: body[position] = marks.randomElement(using: &random) ?? 0
                case 1: body.remove(at: position)
                case 2: body.insert(marks.randomElement(using: &random) ?? 0, at: position)
                default:
                    let end = min(body.count, position + Int.random(in: 1...40, using: &random))
                    body.insert(contentsOf: body[position..<end], at: Int.random(in: 0..<body.count, using: &random))
                }
                if body.isEmpty { body = [0x7b] }
            }
            _ = survives(body)
        }
    }

    @Test(arguments: samples) func `a request without one of its values is read or refused`(vector: SigningVector) {
        // Every `"text"` in turn becomes null, an empty string, an object, a number.
        let body = vector.request
        var strings: [Range<Int>] = []
        var start: Int?
        for (position, byte) in body.enumerated() where byte == UInt8(ascii: "\"") {
            if let begin = start {
                strings.append(begin..<(position + 1))
                start = nil
            } else {
                start = position
            }
        }
        for range in strings.prefix(150) {
            for replacement in ["null", "\"\"", "{}", "[]", "99999999999999999999", "\"0x\""] {
                var changed = body
                changed.replaceSubrange(range, with: Array(replacement.utf8))
                _ = survives(changed)
            }
        }
    }
}
