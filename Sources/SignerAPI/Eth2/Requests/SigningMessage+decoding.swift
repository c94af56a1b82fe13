// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding

// Which field of the body holds the message of each type, and the small messages. Blocks and the objects of Gloas have
// files of their own.

extension SigningMessage {
    init(_ operation: OperationType, in body: JSONObject) throws(RequestDecodingError) {
        switch operation {
        case .aggregationSlot: self = .aggregationSlot(try body.object("aggregation_slot").slot())
        case .aggregateAndProof, .aggregateAndProofV2:
            self = .aggregateAndProof(try AggregateAndProof(wrappedOrBare: body.object("aggregate_and_proof")))
        case .attestation: self = .attestation(try AttestationData(body.object("attestation")))
        case .block: self = .block(try BeaconBlock(body.object("block"), .phase0))
        case .blockV2: self = try SigningMessage(beaconBlock: body.object("beacon_block"))
        case .deposit: self = .deposit(try DepositMessage(body.object("deposit")))
        case .randaoReveal: self = .randaoReveal(try body.object("randao_reveal").epoch())
        case .voluntaryExit: self = .voluntaryExit(try VoluntaryExit(body.object("voluntary_exit")))
        case .syncCommitteeMessage:
            self = .syncCommitteeMessage(try SyncCommitteeMessage(body.object("sync_committee_message")))
        case .syncCommitteeSelectionProof:
            self = .syncAggregatorSelectionData(
                try SyncAggregatorSelectionData(body.object("sync_aggregator_selection_data"))
            )
        case .syncCommitteeContributionAndProof:
            self = .contributionAndProof(try ContributionAndProof(body.object("contribution_and_proof")))
        case .validatorRegistration:
            self = .validatorRegistration(try ValidatorRegistration(body.object("validator_registration")))
        case .executionPayloadBid, .executionPayloadEnvelope, .payloadAttestationMessage, .proposerPreferences,
            .builderRequestAuth:
            self = try SigningMessage(gloas: operation, in: body)
        }
    }
}

extension Checkpoint {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(epoch: try object.epoch(), root: try object.root())
    }
}

extension AttestationData {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            slot: try object.slot(),
            index: try object.number("index"),
            beaconBlockRoot: try object.root("beacon_block_root"),
            source: try Checkpoint(object.object("source")),
            target: try Checkpoint(object.object("target"))
        )
    }
}

extension Attestation {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        var committeeBits: BitVector?
        if try object.optionalText("committee_bits") != nil {
            committeeBits = try object.bitVector("committee_bits")
        }
        self.init(
            aggregationBits: try object.bitList("aggregation_bits"),
            data: try AttestationData(object.object("data")),
            signature: try object.signature(),
            committeeBits: committeeBits
        )
    }
}

extension AggregateAndProof {
    /// Both types of request take both shapes: `{version, data}` and the object itself.
    init(wrappedOrBare object: JSONObject) throws(RequestDecodingError) {
        if let data = try object.optionalObject("data") {
            try self.init(data, version: object.optionalFork())
        } else {
            try self.init(object, version: nil)
        }
    }

    private init(_ object: JSONObject, version: Fork?) throws(RequestDecodingError) {
        self.init(
            aggregatorIndex: try object.number("aggregator_index"),
            aggregate: try Attestation(object.object("aggregate")),
            selectionProof: try object.signature("selection_proof"),
            version: version
        )
    }
}

extension DepositMessage {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            pubkey: try object.publicKey("pubkey"),
            withdrawalCredentials: try object.chunk("withdrawal_credentials"),
            amount: try object.number("amount"),
            genesisForkVersion: try object.version("genesis_fork_version")
        )
    }
}

extension VoluntaryExit {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(epoch: try object.epoch(), validatorIndex: try object.number("validator_index"))
    }
}

extension ValidatorRegistration {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            feeRecipient: try object.bytes("fee_recipient"),
            gasLimit: try object.number("gas_limit"),
            timestamp: try object.number("timestamp"),
            pubkey: try object.publicKey("pubkey")
        )
    }
}

extension SyncCommitteeMessage {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(beaconBlockRoot: try object.root("beacon_block_root"), slot: try object.slot())
    }
}

extension SyncAggregatorSelectionData {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(slot: try object.slot(), subcommitteeIndex: try object.number("subcommittee_index"))
    }
}

extension ContributionAndProof {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        let contribution = try object.object("contribution")
        self.init(
            aggregatorIndex: try object.number("aggregator_index"),
            contribution: SyncCommitteeContribution(
                slot: try contribution.slot(),
                beaconBlockRoot: try contribution.root("beacon_block_root"),
                subcommitteeIndex: try contribution.number("subcommittee_index"),
                aggregationBits: try contribution.bitVector("aggregation_bits"),
                signature: try contribution.signature()
            ),
            selectionProof: try object.signature("selection_proof")
        )
    }
}
