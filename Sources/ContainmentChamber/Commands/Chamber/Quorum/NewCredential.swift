// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Crypto
internal import Encoding
internal import JSON
internal import Sealing
internal import Secrets

/// A credential that an operator makes, as `--credential KIND:LABEL` names it.
struct NewCredential {
    enum Kind: String { case passphrase, yubikey }

    let kind: Kind
    let label: String
    /// Of a passphrase: what the option says, nil for the terminal. Of a YubiKey: its slot.
    private let source: String?
    private let slot: Int

    /// What a passphrase has at least: with the costs of the derivation beside it, more than anybody tries offline.
    static let shortestPassphrase = 12
    /// 256 MiB and three passes: about a second of one core, four times the least.
    static let costs = Argon2id(passes: 3, memory: 256 << 10)
    static let most = 8

    // MARK: What was asked for

    /// All that a command line names. Passphrases belong to the passphrase credentials in their order.
    static func named(in invocation: Invocation) throws(Failure) -> [NewCredential] {
        let texts = invocation.values(of: "credential")
        guard (1...most).contains(texts.count) else {
            throw Failure(
                "--credential is given 1 to \(most) times: passphrase:LABEL or yubikey:LABEL",
                exitCode: .usage
            )
        }
        var sources = invocation.values(of: "passphrase").makeIterator()
        let slot = try slot(invocation)
        var credentials: [NewCredential] = []
        for text in texts {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let kind = Kind(rawValue: parts[0]), OperatorCredential.isLabel(parts[1]) else {
                throw Failure(
                    "--credential \(text.plain) is not passphrase:LABEL or yubikey:LABEL, with a label of 1 to \(OperatorCredential.longestLabel) printable characters",
                    exitCode: .usage
                )
            }
            guard !credentials.contains(where: { $0.label == parts[1] }) else {
                throw Failure("two credentials are called \(parts[1])", exitCode: .usage)
            }
            let source = kind == .passphrase ? sources.next() : nil
            credentials.append(NewCredential(kind: kind, label: parts[1], source: source, slot: slot))
        }
        guard sources.next() == nil else {
            throw Failure("there are more --passphrase than passphrase credentials", exitCode: .usage)
        }
        return credentials
    }

    private static func slot(_ invocation: Invocation) throws(Failure) -> Int {
        guard let text = invocation["yubikey-slot"] else { return 2 }
        guard let slot = Int(text), slot == 1 || slot == 2 else {
            throw Failure("--yubikey-slot is 1 or 2", exitCode: .usage)
        }
        return slot
    }

    // MARK: Making it

    /// What goes to the signer, and what its owner compares when others are shown it.
    struct Made {
        let offer: JSONOutput
        let label: String
        let fingerprint: String

        var words: String { "\(label.plain): fingerprint \(fingerprint)" }
    }

    /// The credential as the API takes it, with the proof that whoever sends it has its secret half.
    func make(_ invocation: Invocation, tokenHash: Bytes<32>) throws(Failure) -> Made {
        switch kind {
        case .passphrase: return try ofPassphrase(tokenHash)
        case .yubikey: return try ofYubiKey(YubiKey(invocation), tokenHash)
        }
    }

    private func ofPassphrase(_ tokenHash: Bytes<32>) throws(Failure) -> Made {
        let passphrase = try readPassphrase()
        let salt = Bytes<16>(copying: Random.bytes(16).span)
        return try Self.proven(label, .passphrase(Self.costs, salt: salt), tokenHash) {
            () throws(OperatorCredentialError) in
            try CredentialKeys(passphrase: passphrase, Self.costs, salt: salt)
        }
    }

    private func readPassphrase() throws(Failure) -> SecretBytes {
        let passphrase: SecretBytes
        if let source, source != "prompt" {
            passphrase = try SecretInput.read(source, of: "--passphrase")
        } else {
            passphrase = try SecretInput.askTwice(
                "new passphrase \(label)",
                instead: "--passphrase env:NAME or file:PATH"
            )
        }
        let characters = Self.characters(in: passphrase)
        guard characters >= Self.shortestPassphrase else {
            throw Failure(
                "the passphrase \(label) has fewer than \(Self.shortestPassphrase) characters: whoever gets the chamber's record could guess it",
                hint: "six words that were drawn by lot are good, and can be remembered",
                exitCode: .usage
            )
        }
        return passphrase
    }

    /// Of UTF-8, every byte but the continuations begins a character.
    private static func characters(in text: borrowing SecretBytes) -> Int {
        let bytes = text.span
        var count = 0
        for place in bytes.indices where bytes[place] & 0xC0 != 0x80 { count += 1 }
        return count
    }

    private func ofYubiKey(_ key: YubiKey, _ tokenHash: Bytes<32>) throws(Failure) -> Made {
        var challenge = Bytes<32>(copying: Random.bytes(32).span)
        // Challenges are filled up with zeros on their way, and slots of variable length cut zeros off again.
        challenge[31] |= 1
        let response = try key.response(to: challenge, slot: slot, label: label)
        // A slot that answers differently each time (Yubico OTP) would lock its owner out.
        let again = try key.response(to: challenge, slot: slot, label: label)
        guard ConstantTime.areEqual(response.span, again.span) else {
            throw Failure(
                "the YubiKey \(label) gave two answers to the same challenge",
                hint: "its slot \(slot) needs an HMAC-SHA1 secret: ykman otp chalresp --generate --touch \(slot)"
            )
        }
        return try Self.proven(label, .yubiKey(slot: slot, challenge: challenge), tokenHash) {
            () throws(OperatorCredentialError) in
            try CredentialKeys(response: response, challenge: challenge)
        }
    }

    private static func proven(
        _ label: String,
        _ method: OperatorCredential.Method,
        _ tokenHash: Bytes<32>,
        _ keys: () throws(OperatorCredentialError) -> CredentialKeys
    ) throws(Failure) -> Made {
        do throws(OperatorCredentialError) {
            let keys = try keys()
            let credential = try keys.credential(
                identifier: OperatorCredential.newIdentifier(),
                label: label,
                method: method,
                blind: OperatorCredential.newBlind()
            )
            let proof = try keys.sign(QuorumMessage.registration(tokenHash: tokenHash, credential))
            return Made(
                offer: credential.document.json(proof: proof),
                label: label,
                fingerprint: credential.fingerprint ?? ""
            )
        } catch { throw Failure("the credential \(label) was not made: \(error)") }
    }

    /// What a registration is bound to: the token, or for a credential more the operator's name.
    static func hash(_ text: Span<UInt8>) throws(Failure) -> Bytes<32> {
        do throws(CryptoError) { return try Digest.sha256(text) } catch { throw Failure("\(error)") }
    }
}

extension OperatorCredential.Document {
    fileprivate func json(proof: Bytes<64>) -> JSONOutput {
        var members: [(name: String, value: JSONOutput)] = [
            ("id", .string(id)), ("label", .string(label)), ("kind", .string(kind)),
            ("exchange_key", .string(exchangeKey)), ("signing_key", .string(signingKey)),
            ("proof", .string(Hex.encode(proof.span, prefix: false))),
        ]
        if let passes { members.append(("passes", .integer(Int(passes)))) }
        if let memoryKiB { members.append(("memory_kib", .integer(Int(memoryKiB)))) }
        if let salt { members.append(("salt", .string(salt))) }
        if let slot { members.append(("slot", .integer(slot))) }
        if let challenge { members.append(("challenge", .string(challenge))) }
        if let blind { members.append(("blind", .string(blind))) }
        return .object(members)
    }
}
