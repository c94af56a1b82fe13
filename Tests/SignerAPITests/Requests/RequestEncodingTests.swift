// SPDX-License-Identifier: Apache-2.0
import Consensus
import Encoding
import Foundation
import SignerAPI
import Testing

private let fork = """
    "fork_info":{"fork":{"previous_version":"0x05000000","current_version":"0x06000000","epoch":"411392"},\
    "genesis_validators_root":"0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"}
    """

private func request(_ body: String) throws -> SigningRequest { try SigningRequest(json: Array(body.utf8)) }
private func signed(_ body: String) throws -> SigningRequest { try request("{\(body),\(fork)}") }

/// How a client may write a request.
@Suite struct RequestEncodingTests {
    private let header = """
        "slot":"13164544","proposer_index":"7","parent_root":"0x01","state_root":"0x02","body_root":"0x03"
        """

    @Test(arguments: SigningVector.all)
    func `every field has a name in camelCase`(vector: SigningVector) throws {
        let document = try JSONSerialization.jsonObject(with: Data(vector.request))
        let camel = try JSONSerialization.data(withJSONObject: inCamelCase(document))
        let root = try SigningRequest(json: [UInt8](camel)).signingRoot(on: .mainnet)
        #expect(root.description == vector.signingRoot)
    }

    private func inCamelCase(_ value: Any) -> Any {
        if let object = value as? [String: Any] {
            return Dictionary(
                uniqueKeysWithValues: object.map { name, value in
                    let words = name.split(separator: "_")
                    let rest = words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }
                    return ((words.prefix(1).map(String.init) + rest).joined(), inCamelCase(value))
                }
            )
        }
        if let array = value as? [Any] { return array.map(inCamelCase) }
        return value
    }

    @Test(arguments: ["\"13164544\"", "13164544"])
    func `a number is a string of digits or a JSON number`(number: String) throws {
        let request = try signed("\"type\":\"aggregation_slot\",\"aggregation_slot\":{\"slot\":\(number)}")
        #expect(request.message == .aggregationSlot(13_164_544))
    }

    @Test func `numbers reach to the last one`() throws {
        for number in ["18446744073709551615", "\"18446744073709551615\""] {
            let request = try signed("\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"epoch\":\(number)}")
            #expect(request.message == .randaoReveal(.farFuture))
        }
    }

    @Test(arguments: [
        "-1", "-0", "1.5", "1.0", "1e3", "1E0", "0.0", "18446744073709551616", "true", "[]", "{}", "\"\"", "\"-1\"",
        "\"+1\"", "\" 1\"", "\"1.0\"",
        "\"0x1\"", "\"1e3\"", "\"18446744073709551616\"", "\"١\"",
    ])
    func `what is no unsigned number of 64 bits is refused at its path`(number: String) {
        #expect(throws: RequestDecodingError.notANumber(at: "randao_reveal.epoch")) {
            try signed("\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"epoch\":\(number)}")
        }
    }

    @Test(arguments: ["0x", "", "0x01", "01", "0X0000000000000000000000000000000000000000000000000000000000000001"])
    func `a root may come without its leading zeros`(digits: String) throws {
        let request = try signed(
            "\"type\":\"SYNC_COMMITTEE_MESSAGE\",\"sync_committee_message\":{\"beacon_block_root\":\"\(digits)\",\"slot\":\"1\"}"
        )
        guard case .syncCommitteeMessage(let message) = request.message else {
            Issue.record("another message")
            return
        }
        #expect(message.beaconBlockRoot.bytes[31] == (digits.hasSuffix("1") ? 1 : 0))
        #expect(message.beaconBlockRoot.bytes.array.dropLast().allSatisfy { $0 == 0 })
    }

    @Test(arguments: [
        "\"type\":\"BLOCK_V2\",\"beacon_block\":{\"version\":\"FULU\",\"block_header\":{\"slot\":\"4\",\"slot\":\"5\"}}",
        "\"type\":\"BLOCK_V2\",\"beacon_block\":{\"version\":\"FULU\",\"block_header\":{\"slot\":\"4\",\"sl\\u006ft\":\"4\"}}",
        "\"type\":\"AGGREGATION_SLOT\",\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"epoch\":2}",
        "\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"epoch\":1},\"randao_reveal\":{\"epoch\":2}",
        "\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"epoch\":1,\"epoch\":null}",
        "\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"epoch\":1,\"x\":{\"y\":1,\"y\":1}}",
    ])
    func `a name that stands twice is refused, whatever it says`(members: String) {
        let error = #expect(throws: RequestDecodingError.self) { try signed(members) }
        #expect(error.map { "\($0)" }?.contains("stands there twice") == true)
    }

    @Test func `snake_case counts before camelCase, unless it is null`() throws {
        for (first, root) in [("\"0x05\"", UInt8(5)), ("null", 6)] {
            let names = "\"signing_root\":\(first),\"signingRoot\":\"0x06\""
            let request = try signed("\"type\":\"RANDAO_REVEAL\",\(names),\"randao_reveal\":{\"epoch\":1}")
            #expect(request.claimedSigningRoot?.bytes.array.last == root)
        }
    }

    @Test func `names and values may be written with escapes`() throws {
        let plain = try signed("\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"epoch\":\"12\"}")
        let escaped = try signed(
            "\"ty\\u0070e\":\"RAND\\u0041O_REVEAL\",\"randao\\u005freveal\":{\"\\u0065poch\":\"1\\u0032\"}"
        )
        #expect(plain == escaped)
        let camel = try signed("\"type\":\"RANDAO_REVEAL\",\"randao\\u0052eveal\":{\"epoch\":\"12\"}")
        #expect(plain == camel)
    }

    @Test(arguments: ["{\"b\":[{},\"\\\"}\",-1.5e3,null]}", "[[[]]]", "\"]}\"", "18446744073709551616", "1E400"])
    func `what is not asked for is ignored`(value: String) throws {
        let request = try signed(
            "\"x\":\(value),\"type\":\"RANDAO_REVEAL\",\"randao_reveal\":{\"y\":\(value),\"epoch\":1}"
        )
        #expect(request.message == .randaoReveal(1))
    }

    @Test(arguments: ["signing_root", "signingRoot"])
    func `a claimed root has two names`(name: String) throws {
        let request = try signed("\"type\":\"RANDAO_REVEAL\",\"\(name)\":\"0x05\",\"randao_reveal\":{\"epoch\":1}")
        #expect(request.claimedSigningRoot?.bytes.array.last == 5)
        let null = try signed("\"type\":\"RANDAO_REVEAL\",\"\(name)\":null,\"randao_reveal\":{\"epoch\":1}")
        #expect(null.claimedSigningRoot == nil)
    }

    @Test(arguments: Fork.allCases)
    func `a header stands for a block of any fork`(fork: Fork) throws {
        let body = "\"beacon_block\":{\"version\":\"\(fork)\",\"block_header\":{\(header)}}"
        #expect(try signed("\"type\":\"BLOCK_V2\",\(body)").duty == .block(13_164_544))
    }

    @Test(arguments: [
        "\"beacon_block\":{\"data\":{\"version\":\"FULU\",\"block_header\":{HEADER}}}",
        "\"beacon_block\":{\"version\":\"FULU\",\"message\":{\"inner\":{\"block_header\":{HEADER}}}}",
        "\"beacon_block\":{\"meta\":{\"version\":\"FULU\"},\"block_header\":{HEADER}}",
        "\"beaconBlock\":{\"version\":\"FULU\",\"blockHeader\":{HEADER}}",
    ])
    func `version and header are found inside beacon_block`(body: String) throws {
        let body = body.replacingOccurrences(of: "HEADER", with: header)
        #expect(try signed("\"type\":\"BLOCK_V2\",\(body)").duty == .block(13_164_544))
    }

    @Test func `a search inside beacon_block ends`() {
        let wide = (0..<50_000).map { "\"k\($0)\":{}" }.joined(separator: ",")
        let deep = String(repeating: "{\"a\":", count: 200) + "1" + String(repeating: "}", count: 200)
        let long = (10..<40).map { "\"\(String(repeating: "k", count: 10_000))\($0)\":{\"version\":\"FULU\"}" }
        for inner in ["{\(wide)}", deep, "{\(long.joined(separator: ","))}", "{\"version\":\"FULU\",\(wide)}"] {
            #expect(throws: RequestDecodingError.self) { try signed("\"type\":\"BLOCK_V2\",\"beacon_block\":\(inner)") }
        }
    }

    @Test func `a builder request has a field that is called like a wrapper`() throws {
        let bare = try request(
            "{\"type\":\"BUILDER_REQUEST_AUTH\",\"builder_request_auth\":{\"data\":\"0x0102\",\"slot\":3}}"
        )
        #expect(bare.message == .builderRequestAuth(BuilderRequestAuth(data: [1, 2], slot: 3)))
        let wrapped = try request(
            "{\"type\":\"BUILDER_REQUEST_AUTH\",\"builder_request_auth\":{\"version\":\"GLOAS\",\"data\":{\"data\":\"0x0102\",\"slot\":3}}}"
        )
        #expect(wrapped == bare)
    }

    @Test(arguments: ["PAYLOAD_ATTESTATION", "PAYLOAD_ATTESTATION_MESSAGE"])
    func `a payload attestation has two names, and either goes with either field`(type: String) throws {
        let data =
            "{\"beacon_block_root\":\"0x\",\"slot\":1,\"payload_present\":true,\"blob_data_available\":\"false\"}"
        let expected = try signed("\"type\":\"\(type)\",\"payload_attestation_message\":\(data)")
        for body in [
            "\"payload_attestation_data\":\(data)", "\"payloadAttestationData\":\(data)",
            "\"payload_attestation_data\":{\"version\":\"GLOAS\",\"data\":\(data)}",
            "\"payload_attestation_message\":{\"version\":\"GLOAS\",\"data\":\(data)}",
        ] {
            #expect(try signed("\"type\":\"\(type)\",\(body)") == expected)
        }
    }
}
