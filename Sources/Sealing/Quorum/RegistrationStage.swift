// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
package import Secrets

/// Operators who are to register before a custody comes into being: the row `custody REGISTRATION` of the signer state
/// (docs/formats.md). There is nothing secret in the chamber's memory meanwhile; whoever registers last makes the custody.
///
/// Whoever can write to the state must not be able to put credentials of their own in: the row is tagged under a random
/// key, which lies in it once for each operator, encrypted under that operator's registration token. So only a token opens
/// the way to a new tag. Where a chamber with a master key changes its operators, what was approved is tagged under the
/// master key, too.
package struct RegistrationStage: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// Of a chamber that has no master key yet.
        case initial = "init"
        case quorum
    }

    /// One operator's place.
    package struct Seat: Hashable, Sendable {
        package let name: OperatorName
        /// Finds the seat of a token; says nothing else of it.
        package let lookup: Bytes<16>
        /// The tagging key under the token.
        package let lock: [UInt8]
        /// Empty until the operator has registered.
        package var credentials: [OperatorCredential] = []

        package var isTaken: Bool { !credentials.isEmpty }

        fileprivate func isFor(_ token: Bytes<16>) -> Bool { ConstantTime.areEqual(lookup.span, token.span) }
    }

    package let kind: Kind
    package let ceremony: CeremonyIdentifier
    /// The sequence of the record that it changes; 0 for none.
    package let base: UInt64
    /// Seconds since 1970.
    package let made: Int64
    package let expires: Int64
    package let keys: [KeyName]
    package let keyThreshold: Int
    package let operatorThreshold: Int
    /// Tells the right tagging key from another.
    package let commitment: Bytes<32>
    package var seats: [Seat]

    /// Seconds in which all operators have to register: three days.
    package static let lifetime: Int64 = 72 * 3600

    /// A new one, for as many tokens as there are operators, in their order.
    package static func begin(
        _ kind: Kind,
        changing base: UInt64,
        to plan: CustodyPlan,
        names: [OperatorName],
        threshold: Int,
        tokens: [SecretBox],
        at now: Int64
    ) throws(SealingError) -> (stage: RegistrationStage, key: TagKey) {
        let ceremony = CeremonyIdentifier.random()
        let key = TagKey(SecretBytes(random: 32))
        var seats: [Seat] = []
        for (name, token) in zip(names, tokens) {
            let place = try TokenPlace.of(token.bytes, ceremony)
            seats.append(Seat(name: name, lookup: place.lookup, lock: try place.lock(key)))
        }
        let stage = RegistrationStage(
            kind: kind,
            ceremony: ceremony,
            base: base,
            made: now,
            expires: now + lifetime,
            keys: plan.keys,
            keyThreshold: plan.threshold,
            operatorThreshold: threshold,
            commitment: try key.tag(Self.commitmentLabel),
            seats: seats
        )
        return (stage, key)
    }

    static let commitmentLabel = Array("containment-chamber/registration-key/v1".utf8)

    package var isComplete: Bool { seats.allSatisfy(\.isTaken) }

    /// What all of them will hold together.
    package var plan: CustodyPlan {
        CustodyPlan(
            keys: keys,
            threshold: keyThreshold,
            operators: OperatorPlan(
                threshold: operatorThreshold,
                operators: seats.map { .init(name: $0.name, credentials: $0.credentials) }
            )
        )
    }

    /// Seats the operator whose token this is.
    ///
    /// - Parameter offers: the credentials, each with a signature made with it, which proves that its owner has it.
    /// - Returns: the stage with that seat taken, the key that tags it, and whose seat it is.
    package func seating(
        _ token: borrowing SecretBytes,
        with offers: [Offer],
        verifying row: StoredStage,
        at now: Int64
    ) throws(QuorumRefusal) -> (stage: RegistrationStage, key: TagKey, name: OperatorName) {
        guard now < expires else { throw .notRegistering }
        guard let place = try? TokenPlace.of(token, ceremony) else { throw .unknownToken }
        let lookup = place.lookup
        guard let number = seats.firstIndex(where: { $0.isFor(lookup) }),
            let key = try? place.unlock(seats[number].lock), row.isTagged(with: key)
        else { throw .unknownToken }
        guard !seats[number].isTaken else { throw .alreadyRegistered(operator: seats[number].name.text) }
        guard (1...OperatorPlan.mostCredentials).contains(offers.count) else {
            throw .badCredential(
                "an operator has 1 to \(OperatorPlan.mostCredentials) credentials, not \(offers.count)"
            )
        }
        let text = token.span
        guard let hash = try? Digest.sha256(text) else { throw .unknownToken }
        var taken = self
        for offer in offers {
            try offer.check(tokenHash: hash)
            guard !taken.seats[number].credentials.contains(where: { $0.clashes(with: offer.credential) }) else {
                throw .badCredential("two of the credentials are the same")
            }
            taken.seats[number].credentials.append(offer.credential)
        }
        return (taken, key, seats[number].name)
    }

    /// A credential that somebody brings, with the proof that they have its secret half.
    package struct Offer: Sendable {
        package let credential: OperatorCredential
        package let proof: Bytes<64>

        package init(credential: OperatorCredential, proof: Bytes<64>) {
            self.credential = credential
            self.proof = proof
        }

        package func check(tokenHash: Bytes<32>) throws(QuorumRefusal) {
            let message = QuorumMessage.registration(tokenHash: tokenHash, credential)
            let span = message.span
            guard (try? Ed25519.isValid(proof, of: span, by: credential.signingKey)) == true else {
                throw .badCredential("the proof of the credential \(credential.label) was not made with it")
            }
        }
    }
}

extension RegistrationStage? {
    /// Whether somebody had registered in the same registration whose place is another's now, or nobody's.
    func isBeyond(_ stage: RegistrationStage) -> Bool {
        guard let self, self.ceremony == stage.ceremony else { return false }
        return self.seats.contains { seat in
            seat.isTaken && !stage.seats.contains { $0.name == seat.name && $0.credentials == seat.credentials }
        }
    }
}

extension OperatorCredential {
    /// Whether one of the two would be mistaken for the other, or guards nothing that the other does not.
    func clashes(with other: OperatorCredential) -> Bool {
        identifier == other.identifier || exchangeKey == other.exchangeKey || signingKey == other.signingKey
    }
}

/// The key under which a stage is tagged.
package final class TagKey: Sendable {
    let bytes: SecretBytes

    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }

    func tag(_ message: [UInt8]) throws(SealingError) -> Bytes<32> {
        try bytes.withSpan { (key) throws(SealingError) in
            do throws(CryptoError) { return try HMAC.sha256(key: key, message.span) } catch {
                throw SealingError(error)
            }
        }
    }
}

/// What is derived from a registration token within one registration.
private struct TokenPlace: ~Copyable {
    let lookup: Bytes<16>
    private let key: SecretBytes
    private let ceremony: CeremonyIdentifier

    private init(lookup: Bytes<16>, key: consuming SecretBytes, ceremony: CeremonyIdentifier) {
        self.lookup = lookup
        self.key = key
        self.ceremony = ceremony
    }

    static func of(
        _ token: borrowing SecretBytes,
        _ ceremony: CeremonyIdentifier
    ) throws(SealingError) -> TokenPlace {
        let found = try derive(token, ceremony, lookupLabel, count: 16)
        let key = try derive(token, ceremony, lockLabel, count: AEAD.keyLength)
        return TokenPlace(lookup: Bytes<16>(copying: found.span), key: key, ceremony: ceremony)
    }

    private static func derive(
        _ token: borrowing SecretBytes,
        _ ceremony: CeremonyIdentifier,
        _ label: String,
        count: Int
    ) throws(SealingError) -> SecretBytes {
        let (salt, info) = (ceremony.bytes, Array(label.utf8))
        do throws(CryptoError) {
            return try HKDF.sha256(token.span, salt: salt.span, info: info.span, count: count)
        } catch { throw SealingError(error) }
    }

    private static let lookupLabel = "containment-chamber/registration-lookup/v1"
    private static let lockLabel = "containment-chamber/registration-lock/v1"

    /// The key is used for one ciphertext only.
    func lock(_ tagKey: TagKey) throws(SealingError) -> [UInt8] {
        let nonce = Random.bytes(AEAD.nonceLength)
        do throws(CryptoError) {
            let sealed = try tagKey.bytes.withSpan { (secret) throws(CryptoError) in
                try AEAD.aes256GCM.seal(
                    secret,
                    key: key.span,
                    nonce: nonce.span,
                    associatedData: ceremony.bytes.span
                )
            }
            return nonce + sealed
        } catch { throw SealingError(error) }
    }

    func unlock(_ lock: [UInt8]) throws(SealingError) -> TagKey {
        guard lock.count == AEAD.nonceLength + 32 + AEAD.tagLength else { throw .notAuthentic }
        let span = lock.span
        do throws(CryptoError) {
            return TagKey(
                try AEAD.aes256GCM.open(
                    span.extracting(AEAD.nonceLength...),
                    key: key.span,
                    nonce: span.extracting(..<AEAD.nonceLength),
                    associatedData: ceremony.bytes.span
                )
            )
        } catch { throw SealingError(error) }
    }
}
