// SPDX-License-Identifier: Apache-2.0
internal import Crypto
package import Encoding
internal import Secrets

/// The operators' shares of one opening, as they come in. No clock and no input or output: time is told to it.
///
/// An operator asks for a challenge, signs it and gets the box with their own share; opens it on their own machine; and
/// returns the share in a box for this ceremony's key, which nobody else has and which ends with it. So nothing that was
/// heard on the way, and nothing of another ceremony, is worth anything. A challenge costs no memory, nor does a wrong
/// answer: a stranger cannot occupy the ceremony, and there is nothing that they could cancel. What right answers cost is
/// bounded for each operator.
package struct UnsealCeremony: Sendable {
    /// What an operator shows: who they are, and the challenge that they answer.
    package struct Credentials: Sendable {
        package let name: String
        package let credential: String
        package let challenge: [UInt8]

        package init(name: String, credential: String, challenge: [UInt8]) {
            self.name = name
            self.credential = credential
            self.challenge = challenge
        }
    }

    /// A share with the ceremony that made it: as it rests in the record, or as it returns.
    package struct Box: Hashable, Sendable {
        package let ceremony: CeremonyIdentifier
        package let bytes: [UInt8]

        package init(ceremony: CeremonyIdentifier, bytes: [UInt8]) {
            self.ceremony = ceremony
            self.bytes = bytes
        }
    }

    package enum Progress: Sendable {
        case waiting
        /// The shares of each quorum, in the order in which they were asked for.
        case complete([[KeyShare]])
    }

    package let identifier: CeremonyIdentifier
    package let chamber: ChamberIdentifier
    /// The shares return in boxes for this key.
    package let serverKey: Bytes<32>
    /// Whose shares are needed: one quorum, or two while the master key is being rotated. Both have the same operators.
    package let quorums: [OperatorQuorum]
    private let secret: SecretBox
    private let challengeKey: SecretBox
    /// Seconds from the first share to the last.
    private let timeout: Int64
    private var given: [(name: OperatorName, shares: [KeyShare])] = []
    private var began: Int64?
    /// Challenges that were answered rightly, until they end: also those whose share has come, so that none serves twice.
    private var answered: [[UInt8]: Answer] = [:]

    private struct Answer: Sendable {
        let name: OperatorName
        let credential: String
        let expires: Int64
        var waitsForShare = true
    }

    /// The most challenges that an operator can have answered within their lifetime: a program that asks in a loop gets no
    /// further, and no operator stands in the way of another.
    package static let mostAnswers = 32

    /// Seconds in which a challenge has to be answered and its share given: Argon2id and a touch of a key take their time.
    package static let challengeLifetime: Int64 = 300
    private static let timeLength = 8
    private static let randomLength = 16

    package init(
        _ chamber: ChamberIdentifier,
        quorums: [OperatorQuorum],
        timeout: Int64
    ) throws(SealingError) {
        precondition(!quorums.isEmpty, "a ceremony of nobody")
        let secret = SecretBox(SecretBytes(random: X25519.keyLength))
        serverKey = try secret.bytes.withSpan { (secret) throws(SealingError) in
            do throws(CryptoError) { return try X25519.publicKey(of: secret) } catch { throw SealingError(error) }
        }
        self.secret = secret
        challengeKey = SecretBox(SecretBytes(random: 32))
        identifier = .random()
        self.chamber = chamber
        self.quorums = quorums
        self.timeout = timeout
    }

    // MARK: Looking

    package var need: Int { quorums[0].threshold }
    /// Who has given theirs, in that order.
    package var names: [OperatorName] { given.map(\.name) }
    /// When the shares that are there are dropped; nil while there are none.
    package var expires: Int64? { began.map { $0 + timeout } }
    /// What is remembered of challenges: none of those that nobody answered rightly.
    package var remembered: Int { answered.count }

    // MARK: The way of an operator

    /// The time, random bytes, and a tag over both and the operator's name, by which it is known again.
    package func challenge(for name: OperatorName, at now: Int64) throws(QuorumRefusal) -> [UInt8] {
        guard quorums[0].member(name) != nil else { throw .unknownOperator(name.text) }
        let head = Self.bytes(of: now) + Random.bytes(Self.randomLength)
        return head + tag(of: head, for: name)
    }

    /// The boxes with an operator's own shares, for a challenge that was signed with one of their credentials.
    package mutating func boxes(
        for shown: Credentials,
        signature: Bytes<64>,
        at now: Int64
    ) throws(QuorumRefusal) -> [Box] {
        forget(at: now)
        let member = try member(shown.name)
        guard let held = member.share(of: shown.credential) else {
            throw .unknownCredential(operator: shown.name, credential: shown.credential)
        }
        let expires = try expiry(of: shown.challenge, for: member.name, at: now)
        let message = QuorumMessage.challenge(
            shown.challenge,
            chamber: chamber,
            ceremony: identifier,
            serverKey: serverKey,
            operator: member.name.text,
            credential: shown.credential
        )
        let span = message.span
        guard (try? Ed25519.isValid(signature, of: span, by: held.credential.signingKey)) == true else {
            throw .badSignature(operator: shown.name, credential: shown.credential)
        }
        guard answered[shown.challenge] == nil else { throw .challengeExpired }
        if given.contains(where: { $0.name == member.name }) { throw .duplicate(operator: shown.name) }
        guard answered.values.count(where: { $0.name == member.name }) < Self.mostAnswers else {
            throw .tooManyChallenges(operator: shown.name, most: Self.mostAnswers)
        }
        answered[shown.challenge] = Answer(name: member.name, credential: shown.credential, expires: expires)
        return quorums.compactMap { quorum in
            quorum.member(member.name)?.share(of: shown.credential).map {
                Box(ceremony: quorum.ceremony, bytes: $0.box)
            }
        }
    }

    /// Takes the shares of an operator. With those of enough operators the ceremony is complete.
    package mutating func take(
        _ boxes: [Box],
        from shown: Credentials,
        at now: Int64
    ) throws(QuorumRefusal) -> Progress {
        forget(at: now)
        let member = try member(shown.name)
        guard let answer = answered[shown.challenge], answer.name == member.name,
            answer.credential == shown.credential, answer.waitsForShare
        else { throw .challengeExpired }
        // Good for one try, right or wrong.
        answered[shown.challenge]?.waitsForShare = false
        if given.contains(where: { $0.name == member.name }) { throw .duplicate(operator: shown.name) }
        var shares: [KeyShare] = []
        for quorum in quorums { shares.append(try share(of: quorum, in: boxes, from: shown)) }
        if boxes.contains(where: { box in !quorums.contains { $0.ceremony == box.ceremony } }) {
            throw .foreignShare(operator: shown.name)
        }
        if given.isEmpty { began = now }
        given.append((member.name, shares))
        guard given.count >= need else { return .waiting }
        return .complete(quorums.indices.map { place in given.map { $0.shares[place] } })
    }

    /// Drops the shares where the time for the others is over; says whether there were any.
    package mutating func expire(at now: Int64) -> Bool {
        forget(at: now)
        guard let expires, now >= expires else { return false }
        given = []
        began = nil
        return true
    }

    // MARK: One share

    private func share(
        of quorum: OperatorQuorum,
        in boxes: [Box],
        from shown: Credentials
    ) throws(QuorumRefusal) -> KeyShare {
        guard let box = boxes.first(where: { $0.ceremony == quorum.ceremony }) else {
            guard boxes.isEmpty else { throw .foreignShare(operator: shown.name) }
            throw .unreadable(operator: shown.name, reason: "there is none")
        }
        let context = QuorumMessage.returnedShare(
            challenge: shown.challenge,
            chamber: chamber,
            ceremony: identifier,
            operator: shown.name,
            credential: shown.credential
        )
        let bytes: SecretBytes
        do throws(ShareBoxError) {
            bytes = try secret.bytes.withSpan { (secret) throws(ShareBoxError) in
                try ShareBox.open(box.bytes, with: secret, context: context)
            }
        } catch { throw .unreadable(operator: shown.name, reason: "\(error)") }
        let share: KeyShare
        do throws(KeyShareError) { share = try KeyShare(bytes) } catch {
            throw .unreadable(operator: shown.name, reason: "\(error)")
        }
        try check(share, of: quorum, from: shown)
        return share
    }

    private func check(
        _ share: KeyShare,
        of quorum: OperatorQuorum,
        from shown: Credentials
    ) throws(QuorumRefusal) {
        guard share.ceremony == quorum.ceremony else { throw .foreignShare(operator: shown.name) }
        guard let member = OperatorName(shown.name).flatMap(quorum.member) else {
            throw .unknownOperator(shown.name)
        }
        guard share.number == member.number else {
            throw .wrongShare(
                operator: shown.name,
                reason: "it has the number \(share.number), theirs has \(member.number)"
            )
        }
        guard let digest = try? share.digest(), ConstantTime.areEqual(digest.span, member.digest.span) else {
            throw .wrongShare(operator: shown.name, reason: "it is another than the record names")
        }
    }

    // MARK: Challenges

    private func member(_ name: String) throws(QuorumRefusal) -> OperatorQuorum.Member {
        guard let member = OperatorName(name).flatMap(quorums[0].member) else { throw .unknownOperator(name) }
        return member
    }

    /// When a challenge of ours ends.
    private func expiry(
        of challenge: [UInt8],
        for name: OperatorName,
        at now: Int64
    ) throws(QuorumRefusal) -> Int64 {
        let headLength = Self.timeLength + Self.randomLength
        guard challenge.count == headLength + 32 else { throw .challengeExpired }
        let own = tag(of: Array(challenge[..<headLength]), for: name)
        let shown = Array(challenge[headLength...])
        guard ConstantTime.areEqual(own.span, shown.span) else { throw .challengeExpired }
        let made = Int64(bitPattern: challenge[..<Self.timeLength].reduce(0) { $0 << 8 | UInt64($1) })
        guard (0..<Self.challengeLifetime).contains(now - made) else { throw .challengeExpired }
        return made + Self.challengeLifetime
    }

    private func tag(of head: [UInt8], for name: OperatorName) -> [UInt8] {
        let message = head + Array(name.text.utf8)
        return challengeKey.bytes.withSpan { key in
            do throws(CryptoError) { return try HMAC.sha256(key: key, message.span).array } catch {
                preconditionFailure("a challenge cannot be tagged: \(error)")
            }
        }
    }

    private mutating func forget(at now: Int64) { answered = answered.filter { $0.value.expires > now } }

    private static func bytes(of number: Int64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
