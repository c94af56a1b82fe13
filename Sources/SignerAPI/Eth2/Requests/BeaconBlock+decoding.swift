// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import JSON

extension SigningMessage {
    /// `beacon_block`: a whole block of Phase 0 or Altair, or the header of a block of any fork.
    ///
    /// Web3Signer requires the block for the first two and the header for the rest; a header in place of a block has
    /// the same root and is taken too.
    init(beaconBlock object: JSONObject) throws(RequestDecodingError) {
        let search = BeaconBlockSearch(object)
        guard let holder = search.holder(of: "version"), let fork = try holder.optionalFork() else {
            throw .missingField(at: object.path("version"))
        }
        if fork <= .altair, let block = try search.holder(of: "block")?.optionalObject("block") {
            self = .block(try BeaconBlock(block, fork))
            return
        }
        guard let header = try search.holder(of: "block_header")?.optionalObject("block_header") else {
            throw .missingField(at: object.path(fork <= .altair ? "block" : "block_header"))
        }
        self = .blockHeader(try BeaconBlockHeader(header))
    }
}

/// Finds a field in `beacon_block` as Web3Signer does: in the object itself, otherwise in the first object inside it
/// that has one. Where Web3Signer searches to any depth, this looks into a few objects only, enough for a wrapper or
/// two and not enough to make a search cost time.
private struct BeaconBlockSearch {
    private static let maximumObjects = 16
    fileprivate static let maximumFields = 32
    fileprivate static let maximumName = 64

    /// The object itself, then the ones inside it, outer before inner, each level in the order of the text.
    private var objects: [JSONObject]

    init(_ object: JSONObject) {
        objects = [object]
        // The usual case: everything is where it belongs.
        if object.has("version"), object.has("block") || object.has("block_header") { return }
        var next = 0
        while next < objects.count, objects.count < Self.maximumObjects {
            let inner = objects[next].objectsWithin()
            objects += inner.prefix(Self.maximumObjects - objects.count)
            next += 1
        }
    }

    func holder(of name: String) -> JSONObject? { objects.first { $0.has(name) } }
}

extension JSONObject {
    /// The objects that are values here, none under a very long name; nothing where there are more fields.
    fileprivate func objectsWithin() -> [JSONObject] {
        let members = Array(value.members.prefix(BeaconBlockSearch.maximumFields + 1))
        guard members.count <= BeaconBlockSearch.maximumFields else { return [] }
        return members.compactMap { member in
            member.name.span.count <= BeaconBlockSearch.maximumName ? JSONObject(member.value) : nil
        }
    }
}

extension BeaconBlockHeader {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            slot: try object.slot(),
            proposerIndex: try object.number("proposer_index"),
            parentRoot: try object.root("parent_root"),
            stateRoot: try object.root("state_root"),
            bodyRoot: try object.root("body_root")
        )
    }
}

extension BeaconBlock {
    init(_ object: JSONObject, _ fork: Fork) throws(RequestDecodingError) {
        self.init(
            slot: try object.slot(),
            proposerIndex: try object.number("proposer_index"),
            parentRoot: try object.root("parent_root"),
            stateRoot: try object.root("state_root"),
            body: try BeaconBlockBody(object.object("body"), fork)
        )
    }
}

extension BeaconBlockBody {
    init(_ object: JSONObject, _ fork: Fork) throws(RequestDecodingError) {
        self.init(
            randaoReveal: try object.signature("randao_reveal"),
            eth1Data: try Eth1Data(object.object("eth1_data")),
            graffiti: try object.chunk("graffiti"),
            proposerSlashings: try object.list("proposer_slashings", ProposerSlashing.init),
            attesterSlashings: try object.list("attester_slashings", AttesterSlashing.init),
            attestations: try object.list("attestations", Attestation.init),
            deposits: try object.list("deposits", Deposit.init),
            voluntaryExits: try object.list("voluntary_exits", SignedVoluntaryExit.init),
            syncAggregate: fork == .phase0 ? nil : try SyncAggregate(object.object("sync_aggregate"))
        )
    }
}

extension Eth1Data {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            depositRoot: try object.root("deposit_root"),
            depositCount: try object.number("deposit_count"),
            blockHash: try object.chunk("block_hash")
        )
    }
}

extension SyncAggregate {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            syncCommitteeBits: try object.bitVector("sync_committee_bits"),
            syncCommitteeSignature: try object.signature("sync_committee_signature")
        )
    }
}
