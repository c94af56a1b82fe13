// SPDX-License-Identifier: Apache-2.0

extension SigningRequest {
    /// The root of the object itself, with the limits of the network's preset enforced.
    func objectRoot(on network: Network) throws(SigningRequestError) -> Root {
        let preset = network.preset
        switch message {
        case .aggregationSlot(let slot): return Root(Chunk(ssz: slot.value))
        case .randaoReveal(let epoch): return Root(Chunk(ssz: epoch.value))
        case .attestation(let data): return Root(data.hashTreeRoot())
        case .block(let block): return Root(try block.header(preset).hashTreeRoot())
        case .blockHeader(let header): return Root(header.hashTreeRoot())
        case .deposit(let deposit): return Root(deposit.hashTreeRoot())
        case .voluntaryExit(let exit): return Root(exit.hashTreeRoot())
        case .validatorRegistration(let registration): return Root(registration.hashTreeRoot())
        case .aggregateAndProof(let proof):
            return Root(try proof.hashTreeRoot(shape(of: proof, on: network), preset))
        case .syncCommitteeMessage(let message):
            try checkSyncCommittees(at: message.slot, on: network)
            return message.beaconBlockRoot
        case .syncAggregatorSelectionData(let data):
            try checkSyncCommittees(at: data.slot, on: network)
            return Root(data.hashTreeRoot())
        case .contributionAndProof(let proof):
            try checkSyncCommittees(at: proof.contribution.slot, on: network)
            return Root(try proof.hashTreeRoot(preset))
        case .executionPayloadBid(let bid): return Root(bid.hashTreeRoot())
        case .executionPayloadEnvelope(let envelope): return Root(try envelope.hashTreeRoot())
        case .payloadAttestation(let data): return Root(data.hashTreeRoot())
        case .proposerPreferences(let preferences): return Root(preferences.hashTreeRoot())
        case .builderRequestAuth(let auth): return Root(try auth.hashTreeRoot())
        }
    }

    /// Which container an aggregate is hashed as: what `version` says; without it, an aggregate that has committee bits
    /// is of Electra or later and one that has none is what the network says of its slot. So a signer whose network
    /// configuration is behind still agrees with a client that names the version.
    private func shape(of proof: AggregateAndProof, on network: Network) -> AttestationShape {
        if let version = proof.version { return AttestationShape(version) }
        let epoch = proof.aggregate.data.slot.epoch(slotsPerEpoch: network.preset.slotsPerEpoch)
        let scheduled = network.forks.entry(at: epoch).fork
        guard proof.aggregate.committeeBits != nil else { return AttestationShape(scheduled) }
        let reported = forkInfo.flatMap { network.forks.fork(of: $0.version(at: epoch)) } ?? .electra
        return AttestationShape(max(.electra, scheduled, reported))
    }

    private func checkSyncCommittees(at slot: Slot, on network: Network) throws(SigningRequestError) {
        let epoch = slot.epoch(slotsPerEpoch: network.preset.slotsPerEpoch)
        guard network.forks.entry(at: epoch).fork >= .altair else { throw .noSyncCommittees(operation, slot) }
    }
}
