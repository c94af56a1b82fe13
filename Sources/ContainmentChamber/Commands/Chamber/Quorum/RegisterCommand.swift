// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import JSON
internal import Sealing
internal import Secrets

/// `operator register`: an operator gives the chamber the public half of their credentials, with the token of their name.
enum RegisterCommand {
    private static let hints = [
        "404": SignerKeys.noStore,
        "unknown_registration_token":
            "it may be of a registration that was cancelled or begun again; ask who gave it to you",
        "already_registered":
            "where it was not you, or the answer was lost, compare the fingerprint of operator status with yours; operator rotate cancel ends a registration in which somebody else sits",
        "no_registration": "its time may be over: whoever named the operators does it again, with new tokens",
        "kms_unavailable": "you are not registered yet; mend what is named and run the same command again",
    ]

    static func run(_ invocation: Invocation) throws(Failure) {
        let wanted = try NewCredential.named(in: invocation)
        let token = try readToken(invocation)
        let api = try SignerConnection(invocation, patience: CeremonyCommands.patience, hints: hints)
        let hash = try NewCredential.hash(token.span)
        var made: [NewCredential.Made] = []
        for one in wanted { made.append(try one.make(invocation, tokenHash: hash)) }
        // Before it is sent: where the answer is lost, nobody else can say which credentials are one's own.
        for one in made { Output.complain(one.words) }
        var body = SecretBody()
        body.append("{\"token\":")
        body.append(string: token.span)
        body.append(",\"credentials\":")
        body.append(.array(made.map(\.offer)))
        body.append("}")
        let answer = try api.send("POST", ChamberPath.register, secret: body.bytes)
        if invocation.isSet("json") { return Output.print(String(decoding: answer, as: UTF8.self)) }
        let document = try OperatorCommands.decode(ChamberDocument.self, answer)
        let labels = wanted.map(\.label).joined(separator: ", ")
        Output.print("registered with \(wanted.count == 1 ? "the credential" : "the credentials") \(labels)")
        for line in document.lines { Output.print(line) }
        Output.complain(
            "keep the fingerprints: whoever has to agree to your credentials is shown them, and asks you for yours"
        )
        if document.registration == nil {
            Output.complain("all operators have registered; back up the signer state, and rehearse operator unseal")
        } else if let seats = document.proposals?.first(where: \.isSeating) {
            Output.complain(
                "all operators have registered. Those of before decide now, when they have compared the fingerprints with you: proposal \(seats.id.plain), operator approve"
            )
        }
    }

    /// Looked at before a credential is made: that takes a while, and a touch.
    private static func readToken(_ invocation: Invocation) throws(Failure) -> SecretBytes {
        let token: SecretBytes
        if let text = invocation["token"], text != "prompt" {
            token = try SecretInput.read(text, of: "--token")
        } else {
            token = try SecretInput.ask("registration token", instead: "--token env:NAME or file:PATH")
        }
        guard Self.isToken(token) else {
            throw Failure(
                "what stands where the token should is no registration token",
                hint: "operator init prints one for each operator: cc-enrol- and 64 digits",
                exitCode: .usage
            )
        }
        return token
    }
    private static func isToken(_ text: borrowing SecretBytes) -> Bool {
        let prefix = Array("cc-enrol-".utf8)
        let bytes = text.span
        guard bytes.count == prefix.count + 64 else { return false }
        for place in prefix.indices where bytes[place] != prefix[place] { return false }
        return true
    }
}
