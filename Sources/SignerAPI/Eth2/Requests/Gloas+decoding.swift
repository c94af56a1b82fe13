// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding

extension SigningMessage {
    init(gloas operation: OperationType, in body: JSONObject) throws(RequestDecodingError) {
        switch operation {
        case .executionPayloadBid:
            self = .executionPayloadBid(try ExecutionPayloadBid(body.gloasObject("execution_payload_bid")))
        case .executionPayloadEnvelope:
            self = .executionPayloadEnvelope(
                try ExecutionPayloadEnvelope(body.gloasObject("execution_payload_envelope"))
            )
        case .payloadAttestationMessage:
            // Lighthouse names the object after its type.
            let other: String = "payload_attestation_data"
            let name = try body.optionalObject(other) == nil ? "payload_attestation_message" : other
            self = .payloadAttestation(try PayloadAttestationData(body.gloasObject(name)))
        case .proposerPreferences:
            self = .proposerPreferences(try ProposerPreferences(body.gloasObject("proposer_preferences")))
        case .builderRequestAuth:
            self = .builderRequestAuth(try BuilderRequestAuth(wrappedOrBare: body.object("builder_request_auth")))
        default: preconditionFailure("\(operation) is not a type of Gloas")
        }
    }
}

extension JSONObject {
    /// An object of Gloas, in its wrapper `{version, data}` or bare.
    fileprivate func gloasObject(_ name: String) throws(RequestDecodingError) -> JSONObject {
        let object = try object(name)
        guard let data = try object.optionalObject("data") else { return object }
        try object.checkGloas()
        return data
    }

    fileprivate func checkGloas() throws(RequestDecodingError) {
        if let fork = try optionalFork(), fork < .gloas { throw .unsupportedVersion(at: path("version"), fork) }
    }
}

extension ExecutionPayloadBid {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            parentBlockHash: try object.chunk("parent_block_hash"),
            parentBlockRoot: try object.root("parent_block_root"),
            blockHash: try object.chunk("block_hash"),
            prevRandao: try object.chunk("prev_randao"),
            feeRecipient: try object.bytes("fee_recipient"),
            gasLimit: try object.number("gas_limit"),
            builderIndex: try object.number("builder_index"),
            slot: try object.slot(),
            value: try object.number("value"),
            executionPayment: try object.number("execution_payment"),
            blobKZGCommitments: try object.texts("blob_kzg_commitments") { text throws(Hex.Failure) in
                try Bytes(digits: text)
            },
            executionRequestsRoot: try object.root("execution_requests_root")
        )
    }
}

extension PayloadAttestationData {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            beaconBlockRoot: try object.root("beacon_block_root"),
            slot: try object.slot(),
            payloadPresent: try object.flag("payload_present"),
            blobDataAvailable: try object.flag("blob_data_available")
        )
    }
}

extension ProposerPreferences {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            dependentRoot: try object.root("dependent_root"),
            proposalSlot: try object.slot("proposal_slot"),
            validatorIndex: try object.number("validator_index"),
            feeRecipient: try object.bytes("fee_recipient"),
            targetGasLimit: try object.number("target_gas_limit")
        )
    }
}

extension BuilderRequestAuth {
    /// Its own first field is called `data` too: a wrapper is what has an object there.
    init(wrappedOrBare object: JSONObject) throws(RequestDecodingError) {
        if let inner = try? object.optionalObject("data") {
            try object.checkGloas()
            try self.init(inner)
        } else {
            try self.init(object)
        }
    }

    private init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(data: try object.byteList("data"), slot: try object.slot())
    }
}
