// SPDX-License-Identifier: Apache-2.0

// The domains of Web3Signer's message types. Rules, with their source:
//
// 1. The fork version comes from the request: `previous_version` before the fork's epoch, `current_version` from it on
//    (consensus specs, `get_domain`). The configured network says only how many slots an epoch has.
// 2. Deposits take the version that the request names, and the zero root (consensus specs, deposits are valid across forks).
// 3. Builder registrations and builder request authorisations take the configured network's genesis version and the
//    zero root (builder-specs).
// 4. Voluntary exits from Deneb on take Capella's version (EIP-7044); see `exitVersion`.
// 5. Proposer preferences look ahead, possibly over a fork that the reported state does not know: there the network's
//    schedule counts (consensus specs, Gloas).

extension SigningRequest {
    /// What a signature for this request is made over, on `network`.
    ///
    /// Throws where the request lacks something, breaks a limit, or claims another root than ours.
    package func signingRoot(on network: Network) throws(SigningRequestError) -> SigningRoot {
        let object = try objectRoot(on: network)
        let computed = SigningRoot(of: object, domain: try domain(on: network))
        guard let claimedSigningRoot, claimedSigningRoot != computed else { return computed }
        if let earlier = try exitRootBeforeDeneb(of: object), earlier == claimedSigningRoot { return earlier }
        throw .signingRootMismatch(claimed: claimedSigningRoot, computed: computed)
    }

    private func neededForkInfo() throws(SigningRequestError) -> ForkInfo {
        guard let forkInfo else { throw .missingForkInfo(operation) }
        return forkInfo
    }

    /// The domain of the message, by the rules above.
    func domain(on network: Network) throws(SigningRequestError) -> Domain {
        let preset = network.preset
        switch message {
        case .block(let block):
            return try domain(.beaconProposer, at: block.slot, preset)
        case .blockHeader(let header):
            return try domain(.beaconProposer, at: header.slot, preset)
        case .attestation(let data):
            return try domain(.beaconAttester, at: data.target.epoch)
        case .randaoReveal(let epoch):
            return try domain(.randao, at: epoch)
        case .aggregationSlot(let slot):
            return try domain(.selectionProof, at: slot, preset)
        case .aggregateAndProof(let proof):
            return try domain(.aggregateAndProof, at: proof.aggregate.data.slot, preset)
        case .syncCommitteeMessage(let message):
            return try domain(.syncCommittee, at: message.slot, preset)
        case .syncAggregatorSelectionData(let data):
            return try domain(.syncCommitteeSelectionProof, at: data.slot, preset)
        case .contributionAndProof(let proof):
            return try domain(.contributionAndProof, at: proof.contribution.slot, preset)
        case .executionPayloadBid(let bid):
            return try domain(.beaconBuilder, at: bid.slot, preset)
        case .executionPayloadEnvelope(let envelope):
            return try domain(.beaconBuilder, at: envelope.payload.slotNumber, preset)
        case .payloadAttestation(let data):
            return try domain(.payloadAttester, at: data.slot, preset)
        case .proposerPreferences(let preferences):
            let version = try lookAheadVersion(at: preferences.proposalSlot, on: network)
            return try domain(.proposerPreferences, version)
        case .voluntaryExit(let exit):
            return try domain(.voluntaryExit, exitVersion(exit, on: network))
        case .deposit(let deposit):
            return Domain(.deposit, version: deposit.genesisForkVersion, genesisValidatorsRoot: .zero)
        case .validatorRegistration:
            return Domain(
                .applicationBuilder,
                version: network.genesisForkVersion,
                genesisValidatorsRoot: .zero
            )
        case .builderRequestAuth:
            return Domain(
                .builderRequestAuth,
                version: network.genesisForkVersion,
                genesisValidatorsRoot: .zero
            )
        }
    }

    private func domain(
        _ type: DomainType,
        at slot: Slot,
        _ preset: Preset
    ) throws(SigningRequestError) -> Domain {
        try domain(type, at: slot.epoch(slotsPerEpoch: preset.slotsPerEpoch))
    }

    private func domain(_ type: DomainType, at epoch: Epoch) throws(SigningRequestError) -> Domain {
        try domain(type, neededForkInfo().version(at: epoch))
    }

    private func domain(_ type: DomainType, _ version: ForkVersion) throws(SigningRequestError) -> Domain {
        Domain(type, version: version, genesisValidatorsRoot: try neededForkInfo().genesisValidatorsRoot)
    }

    /// The request's version, unless the network has a fork between the reported one and the proposal.
    private func lookAheadVersion(at slot: Slot, on network: Network) throws(SigningRequestError) -> ForkVersion {
        let forkInfo = try neededForkInfo()
        let epoch = slot.epoch(slotsPerEpoch: network.preset.slotsPerEpoch)
        let scheduled = network.forks.entry(at: epoch)
        if let since = scheduled.epoch, since > forkInfo.epoch { return scheduled.version }
        return forkInfo.version(at: epoch)
    }

    /// Capella's version where Deneb has begun by any sign of the request: the exit's epoch, the reported fork's epoch,
    /// or the reported version. The specification asks the fork at which the exit is *processed*, so the exit's own
    /// epoch alone would not do: one of before Deneb, sent under Electra, is valid only with Capella's version.
    private func exitVersion(
        _ exit: VoluntaryExit,
        on network: Network
    ) throws(SigningRequestError) -> ForkVersion {
        let forkInfo = try neededForkInfo()
        let byRequest = forkInfo.version(at: exit.epoch)
        guard let capella = network.forks.version(of: .capella) else { return byRequest }
        if let reported = network.forks.fork(of: forkInfo.currentVersion), reported >= .deneb { return capella }
        if let deneb = network.forks.epoch(of: .deneb), exit.epoch >= deneb || forkInfo.epoch >= deneb {
            return capella
        }
        return byRequest
    }

    /// The root of an exit as it was computed before EIP-7044. Signed only for a client that names exactly this root:
    /// it knows what it wants, and an exit cannot be slashed.
    private func exitRootBeforeDeneb(of object: Root) throws(SigningRequestError) -> SigningRoot? {
        guard case .voluntaryExit(let exit) = message else { return nil }
        return SigningRoot(of: object, domain: try domain(.voluntaryExit, at: exit.epoch))
    }
}
