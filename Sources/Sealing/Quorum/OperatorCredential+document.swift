// SPDX-License-Identifier: Apache-2.0
internal import Encoding
internal import Secrets

extension OperatorCredential {
    /// A credential as JSON (docs/formats.md): hexadecimal without prefix, lower case.
    package struct Document: Hashable, Sendable, Codable {
        package var id: String
        package var label: String
        /// `passphrase` or `yubikey`.
        package var kind: String
        package var passes: UInt64?
        package var memoryKiB: UInt64?
        package var salt: String?
        package var slot: Int?
        package var challenge: String?
        package var exchangeKey: String
        package var signingKey: String
        package var blind: String?

        package init(_ hint: Hint, exchangeKey: String, signingKey: String, blind: String?) {
            id = hint.id
            label = hint.label
            kind = hint.kind
            passes = hint.passes
            memoryKiB = hint.memoryKiB
            salt = hint.salt
            slot = hint.slot
            challenge = hint.challenge
            self.exchangeKey = exchangeKey
            self.signingKey = signingKey
            self.blind = blind
        }

        package enum CodingKeys: String, CodingKey {
            case id, label, kind, passes, salt, slot, challenge, blind
            case memoryKiB = "memory_kib"
            case exchangeKey = "exchange_key"
            case signingKey = "signing_key"
        }
    }

    package var document: Document {
        Document(
            hint,
            exchangeKey: Hex.encode(exchangeKey.span, prefix: false),
            signingKey: Hex.encode(signingKey.span, prefix: false),
            blind: blind.map { Hex.encode($0.span, prefix: false) }
        )
    }

    /// Reads what somebody else wrote.
    package init(_ document: Document) throws(OperatorCredentialError) {
        let hint = Hint(
            id: document.id,
            label: document.label,
            kind: document.kind,
            passes: document.passes,
            memoryKiB: document.memoryKiB,
            salt: document.salt,
            slot: document.slot,
            challenge: document.challenge
        )
        try self.init(
            identifier: document.id,
            label: document.label,
            method: hint.method(),
            exchangeKey: Hint.bytes(document.exchangeKey, of: "exchange_key"),
            signingKey: Hint.bytes(document.signingKey, of: "signing_key"),
            blind: document.blind.map { (text) throws(OperatorCredentialError) in try Hint.bytes(text, of: "blind") }
        )
    }
}

extension OperatorCredential {
    /// What may be shown of a credential before the operator has proved anything: all that derives its secret half, and
    /// nothing that tells whether a guess was right.
    package struct Hint: Hashable, Sendable, Codable {
        package var id: String
        package var label: String
        package var kind: String
        package var passes: UInt64?
        package var memoryKiB: UInt64?
        package var salt: String?
        package var slot: Int?
        package var challenge: String?

        package init(
            id: String,
            label: String,
            kind: String,
            passes: UInt64? = nil,
            memoryKiB: UInt64? = nil,
            salt: String? = nil,
            slot: Int? = nil,
            challenge: String? = nil
        ) {
            self.id = id
            self.label = label
            self.kind = kind
            self.passes = passes
            self.memoryKiB = memoryKiB
            self.salt = salt
            self.slot = slot
            self.challenge = challenge
        }

        package enum CodingKeys: String, CodingKey {
            case id, label, kind, passes, salt, slot, challenge
            case memoryKiB = "memory_kib"
        }

        /// How the secret half is made.
        ///
        /// - Throws: where it costs a guess too little: who answers a chamber that asks for that gives the passphrase away.
        package func method() throws(OperatorCredentialError) -> Method {
            guard OperatorCredential.isIdentifier(id) else { throw .identifier }
            guard OperatorCredential.isLabel(label) else { throw .label }
            let method: Method
            switch kind {
            case "passphrase":
                guard slot == nil else { throw .field("slot") }
                guard challenge == nil else { throw .field("challenge") }
                guard let passes else { throw .field("passes") }
                guard let memoryKiB else { throw .field("memory_kib") }
                method = .passphrase(
                    Argon2id(passes: passes, memory: memoryKiB),
                    salt: try Self.bytes(salt, of: "salt")
                )
            case "yubikey":
                guard passes == nil else { throw .field("passes") }
                guard memoryKiB == nil else { throw .field("memory_kib") }
                guard salt == nil else { throw .field("salt") }
                guard let slot else { throw .field("slot") }
                method = .yubiKey(slot: slot, challenge: try Self.bytes(challenge, of: "challenge"))
            default: throw .kind
            }
            try method.check()
            return method
        }

        /// Bytes have one form, so that equal credentials are equal texts.
        static func bytes<let count: Int>(
            _ text: String?,
            of field: String
        ) throws(OperatorCredentialError) -> Bytes<count> {
            guard let text, text.utf8.count == 2 * count, let bytes: Bytes<count> = try? Hex.decode(text),
                Hex.encode(bytes.span, prefix: false) == text
            else { throw .field(field) }
            return bytes
        }
    }

    package var hint: Hint {
        var hint = Hint(id: identifier, label: label, kind: method.kind)
        switch method {
        case .passphrase(let parameters, let salt):
            hint.passes = parameters.passes
            hint.memoryKiB = parameters.memory
            hint.salt = Hex.encode(salt.span, prefix: false)
        case .yubiKey(let slot, let challenge):
            hint.slot = slot
            hint.challenge = Hex.encode(challenge.span, prefix: false)
        }
        return hint
    }
}

extension OperatorCredential.Method {
    /// As the API and the record name it.
    package var kind: String {
        switch self {
        case .passphrase: "passphrase"
        case .yubiKey: "yubikey"
        }
    }
}
