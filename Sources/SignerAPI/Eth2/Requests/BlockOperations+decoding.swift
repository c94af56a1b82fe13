// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding

extension ProposerSlashing {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            first: try SignedBeaconBlockHeader(object.object("signed_header_1")),
            second: try SignedBeaconBlockHeader(object.object("signed_header_2"))
        )
    }
}

extension SignedBeaconBlockHeader {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(message: try BeaconBlockHeader(object.object("message")), signature: try object.signature())
    }
}

extension AttesterSlashing {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            first: try IndexedAttestation(object.object("attestation_1")),
            second: try IndexedAttestation(object.object("attestation_2"))
        )
    }
}

extension IndexedAttestation {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            attestingIndices: try object.numbers("attesting_indices"),
            data: try AttestationData(object.object("data")),
            signature: try object.signature()
        )
    }
}

extension Deposit {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            proof: try object.texts("proof") { text throws(Hex.Failure) in try Bytes(leftPadding: text) },
            data: try DepositData(object.object("data"))
        )
    }
}

extension DepositData {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(
            pubkey: try object.publicKey("pubkey"),
            withdrawalCredentials: try object.chunk("withdrawal_credentials"),
            amount: try object.number("amount"),
            signature: try object.signature()
        )
    }
}

extension SignedVoluntaryExit {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        self.init(message: try VoluntaryExit(object.object("message")), signature: try object.signature())
    }
}
