// SPDX-License-Identifier: Apache-2.0
package import Consensus
internal import Encoding
internal import JSON

extension SigningRequest {
    /// Reads the body of `POST /api/v1/eth2/sign/{identifier}`.
    ///
    /// Checks what belongs to the encoding; sizes that depend on the network are checked with the root.
    package init(json: [UInt8]) throws(RequestDecodingError) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(json)
        } catch {
            throw .notJSON(error)
        }
        guard let body = JSONObject(document.root) else {
            throw .wrongKind(at: "the body", expected: "a JSON object")
        }
        try self.init(body)
    }
}

extension SigningRequest {
    init(_ body: JSONObject) throws(RequestDecodingError) {
        let name = try body.text("type").string
        guard let operation = OperationType(name: name) else {
            throw .unknownType(RequestDecodingError.shown(name))
        }
        self.init(
            operation,
            forkInfo: try body.optionalObject("fork_info").mapTyped(ForkInfo.init),
            message: try SigningMessage(operation, in: body),
            claimedSigningRoot: try body.optionalSigningRoot()
        )
    }
}

extension JSONObject {
    fileprivate func optionalSigningRoot() throws(RequestDecodingError) -> SigningRoot? {
        guard let text = try optionalText("signing_root") else { return nil }
        do {
            return SigningRoot(try Bytes(leftPadding: text.span))
        } catch {
            throw .notHexadecimal(at: path("signing_root"), error)
        }
    }
}

extension ForkInfo {
    init(_ object: JSONObject) throws(RequestDecodingError) {
        let fork = try object.object("fork")
        self.init(
            previousVersion: try fork.version("previous_version"),
            currentVersion: try fork.version("current_version"),
            epoch: try fork.epoch(),
            genesisValidatorsRoot: try object.root("genesis_validators_root")
        )
    }
}

extension Optional where Wrapped == JSONObject {
    /// `map` that keeps the type of the error.
    func mapTyped<Value>(
        _ make: (JSONObject) throws(RequestDecodingError) -> Value
    ) throws(RequestDecodingError) -> Value? {
        switch self {
        case .some(let object): try make(object)
        case nil: nil
        }
    }
}
