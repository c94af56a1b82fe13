// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import JSON

extension ExecutionPayloadEnvelope {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            payload: try ExecutionPayload(object.object("payload")),
            executionRequests: try ExecutionRequests(object.object("execution_requests")),
            builderIndex: try object.number("builder_index"),
            beaconBlockRoot: try object.root("beacon_block_root"),
            parentBeaconBlockRoot: try object.root("parent_beacon_block_root")
        )
    }
}

extension ExecutionPayload {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            parentHash: try object.chunk("parent_hash"),
            feeRecipient: try object.bytes("fee_recipient"),
            stateRoot: try object.root("state_root"),
            receiptsRoot: try object.root("receipts_root"),
            logsBloom: try object.bytes("logs_bloom"),
            prevRandao: try object.chunk("prev_randao"),
            blockNumber: try object.number("block_number"),
            gasLimit: try object.number("gas_limit"),
            gasUsed: try object.number("gas_used"),
            timestamp: try object.number("timestamp"),
            extraData: try object.byteList("extra_data"),
            baseFeePerGas: try object.wideNumber("base_fee_per_gas"),
            blockHash: try object.chunk("block_hash"),
            transactions: try object.texts("transactions") { text throws(Hex.Failure) in try Hex.decode(text) },
            withdrawals: try object.list("withdrawals", Withdrawal.init),
            blobGasUsed: try object.number("blob_gas_used"),
            excessBlobGas: try object.number("excess_blob_gas"),
            blockAccessList: try object.byteList("block_access_list"),
            slotNumber: try object.slot("slot_number")
        )
    }
}

extension JSONObject {
    /// A `uint256` in decimal digits, as a string or a JSON number; 32 bytes little-endian.
    fileprivate func wideNumber(_ name: String) throws(RequestDecodingError) -> Bytes<32> {
        guard let text = try required(name).text else { throw .notANumber(at: path(name)) }
        let digits = text.span
        // 2^256 has 78 digits.
        guard (1...78).contains(digits.count) else { throw .notANumber(at: path(name)) }
        var value = Bytes<32>()
        for place in digits.indices {
            let byte = digits[place]
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { throw .notANumber(at: path(name)) }
            var carry = UInt16(byte - UInt8(ascii: "0"))
            for position in 0..<32 {
                carry += UInt16(value[position]) * 10
                value[position] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
            guard carry == 0 else { throw .notANumber(at: path(name)) }
        }
        return value
    }
}

extension Withdrawal {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            index: try object.number("index"),
            validatorIndex: try object.number("validator_index"),
            address: try object.bytes("address"),
            amount: try object.number("amount")
        )
    }
}

extension ExecutionRequests {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            deposits: try object.list("deposits") { deposit throws(RequestDecodingError) in
                DepositRequest(deposit: try DepositData(deposit), index: try deposit.number("index"))
            },
            withdrawals: try object.list("withdrawals") { withdrawal throws(RequestDecodingError) in
                WithdrawalRequest(
                    sourceAddress: try withdrawal.bytes("source_address"),
                    validatorPubkey: try withdrawal.publicKey("validator_pubkey"),
                    amount: try withdrawal.number("amount")
                )
            },
            consolidations: try object.list("consolidations") { consolidation throws(RequestDecodingError) in
                ConsolidationRequest(
                    sourceAddress: try consolidation.bytes("source_address"),
                    sourcePubkey: try consolidation.publicKey("source_pubkey"),
                    targetPubkey: try consolidation.publicKey("target_pubkey")
                )
            },
            builderDeposits: try object.list("builder_deposits") { deposit throws(RequestDecodingError) in
                BuilderDepositRequest(deposit: try DepositData(deposit))
            },
            builderExits: try object.list("builder_exits") { exit throws(RequestDecodingError) in
                BuilderExitRequest(
                    sourceAddress: try exit.bytes("source_address"),
                    pubkey: try exit.publicKey("pubkey")
                )
            }
        )
    }
}
