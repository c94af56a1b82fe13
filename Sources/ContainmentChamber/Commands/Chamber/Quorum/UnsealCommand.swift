// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Encoding
internal import Foundation
internal import JSON
internal import Sealing
internal import Secrets

/// `operator unseal --operator`: an operator's share, taken out of its box on this machine and handed to signers that wait
/// for it.
enum UnsealCommand {
    /// What became of one signer.
    private struct Outcome: Encodable {
        let signer: String
        var chamber: ChamberDocument?
        var error: String?
    }

    private static let hints = [
        "404": SignerKeys.noStore,
        "unknown_operator": "operator status shows the operators of the chamber",
        "bad_signature":
            "the passphrase is another than the one that was registered, or the YubiKey is; another credential may do: --credential",
        "not_unsealing": "operator status says how the chamber stands",
        "challenge_expired": "the signer was restarted, or too long passed; run the same command again",
        "too_many_attempts": "wait, then run the same command again with the right passphrase or YubiKey",
        "share_duplicate": "nothing is left to do for you: another operator is needed",
        "unknown_credential": "operators were changed meanwhile: run the same command again",
        "share_unreadable": "was it this program that made the share? Run the same command again",
        "share_wrong": "the record of the chamber may have been tampered with; compare it with its backup",
        "share_foreign": "operators were changed meanwhile: run the same command again",
    ]

    static func run(_ invocation: Invocation) async throws(Failure) -> ExitCode {
        let keys = try OperatorKeys(invocation)
        let signers = try signers(invocation)
        var outcomes: [Outcome] = []
        var failures: [Failure] = []
        for (url, api) in signers {
            do throws(Failure) {
                let chamber = try give(keys, to: api)
                tell(chamber, url, isAlone: signers.count == 1, invocation)
                outcomes.append(Outcome(signer: url, chamber: chamber))
            } catch {
                failures.append(error)
                outcomes.append(Outcome(signer: url, error: error.message))
                if signers.count > 1 { Output.complain("\(url): \(error.message)") }
                // It would be as wrong everywhere else, and each signer counts.
                if error.code == "bad_signature" { break }
            }
        }
        if failures.isEmpty, invocation.isSet("wait") {
            for (place, (url, api)) in signers.enumerated() {
                outcomes[place].chamber = try await wait(api, url, outcomes[place].chamber, invocation)
            }
        }
        if invocation.isSet("json") { Output.json(outcomes) }
        guard let first = failures.first else { return .success }
        if failures.count < outcomes.count { return .partial }
        throw first
    }

    /// All that `--signer-url` names, before a secret is asked for: a mistake in the last would waste it.
    private static func signers(_ invocation: Invocation) throws(Failure) -> [(url: String, api: SignerConnection)] {
        var signers: [(url: String, api: SignerConnection)] = []
        for text in (invocation["signer-url"] ?? SignerConnection.usualURL).split(separator: ",") {
            let url = text.trimmingCharacters(in: .whitespaces)
            let api = try SignerConnection(invocation, url: url, patience: CeremonyCommands.patience, hints: hints)
            signers.append((url, api))
        }
        return signers
    }

    // MARK: One signer

    private static func give(_ keys: OperatorKeys, to api: SignerConnection) throws(Failure) -> ChamberDocument {
        do throws(Failure) { return try attempt(keys, api) } catch {
            // Entering a passphrase, or finding the YubiKey, can take longer than a challenge is good for.
            guard error.code == "challenge_expired" else { throw error }
            return try attempt(keys, api)
        }
    }

    private static func attempt(_ keys: OperatorKeys, _ api: SignerConnection) throws(Failure) -> ChamberDocument {
        let answer = try ChallengeAnswer(of: keys.name, from: api)
        guard let challenge = try UnsealChallenge(answer) else {
            throw Failure(
                "this chamber waits for no operator",
                hint:
                    "operator status says how it stands; without --operator, operator unseal takes back an order to seal"
            )
        }
        let opened = try keys.open(oneOf: answer.credentials)
        let proof: JSONOutput = [
            "operator": .string(keys.name), "credential": .string(opened.identifier),
            "challenge": .string(Hex.encode(challenge.challenge, prefix: false)),
            "signature": .string(
                try opened.sign(challenge.message(operator: keys.name, credential: opened.identifier))
            ),
        ]
        let boxes = try OperatorCommands.decode(
            BoxAnswer.self,
            try api.send("POST", ChamberPath.box, body: proof.bytes)
        )
        var shares: [JSONOutput] = []
        for box in boxes.boxes { shares.append(try handOver(box, challenge, keys.name, opened)) }
        let body: JSONOutput = [
            "operator": .string(keys.name), "credential": .string(opened.identifier),
            "challenge": .string(Hex.encode(challenge.challenge, prefix: false)), "shares": .array(shares),
        ]
        return try OperatorCommands.decode(
            ChamberDocument.self,
            try api.send("POST", ChamberPath.share, body: body.bytes)
        )
    }

    /// Shares as they lie in the record.
    private struct BoxAnswer: Decodable {
        struct Box: Decodable {
            let ceremony: String
            let box: String
        }
        let boxes: [Box]
    }

    private static func handOver(
        _ box: BoxAnswer.Box,
        _ challenge: UnsealChallenge,
        _ name: String,
        _ opened: OperatorKeys.Opened
    ) throws(Failure) -> JSONOutput {
        guard let ceremony: Bytes<16> = try? Hex.decode(box.ceremony), let bytes = Data(base64Encoded: box.box) else {
            throw Failure("the signer gave a sealed share that this version cannot read")
        }
        do throws(ShareBoxError) {
            let returned = try challenge.handOver(
                Array(bytes),
                of: CeremonyIdentifier(ceremony),
                with: opened.keys,
                operator: name,
                credential: opened.identifier
            )
            return ["ceremony": .string(box.ceremony), "box": .string(Data(returned).base64EncodedString())]
        } catch {
            throw Failure(
                "\(error)",
                hint: "the signature was right, so the record is not as it was made: compare it with its backup"
            )
        }
    }

    // MARK: Telling and waiting

    private static func tell(_ chamber: ChamberDocument, _ url: String, isAlone: Bool, _ invocation: Invocation) {
        let words = chamber.unseal.map { "your share is taken: \($0.words)" } ?? "the chamber is \(chamber.seal.status)"
        let reason = chamber.seal.reason.map { " (\($0))" } ?? ""
        let line = (isAlone ? "" : "\(url): ") + words + (chamber.unseal == nil ? reason : "")
        if invocation.isSet("json") { return Output.complain(line) }
        Output.print(line)
    }

    /// Until the chamber is open, or the time for its unsealing is over.
    private static func wait(
        _ api: SignerConnection,
        _ url: String,
        _ chamber: ChamberDocument?,
        _ invocation: Invocation
    ) async throws(Failure) -> ChamberDocument? {
        guard var last = chamber, !last.isOpen else { return chamber }
        let patience = Patience(until: last.unseal?.expires_at)
        let knowsStatus = invocation["auth-token"] != nil
        while !patience.isOver {
            await Patience.step()
            if knowsStatus {
                let words = last.unseal?.words
                last = try OperatorCommands.decode(ChamberDocument.self, try api.send("GET", ChamberPath.status))
                if last.isOpen { return told(last, url) }
                if last.unseal?.words != words { Output.complain("\(url): \(last.unseal?.words ?? last.seal.status)") }
            } else if (try? api.has("/healthcheck")) == true {
                Output.complain("\(url): the chamber is open")
                return last.opened
            }
        }
        throw Failure(
            "\(url): the time is over, and the chamber is not open",
            hint: "shares that were given are forgotten; begin again when all who are needed are there",
            exitCode: .partial
        )
    }

    private static func told(_ chamber: ChamberDocument, _ url: String) -> ChamberDocument {
        Output.complain("\(url): the chamber is \(chamber.seal.status)")
        return chamber
    }
}
