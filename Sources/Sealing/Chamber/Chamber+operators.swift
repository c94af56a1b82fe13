// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
package import Encoding
package import Secrets
internal import SignerState

/// What operators do: register, prove who they are, bring their shares, approve.
extension Chamber {
    // MARK: Registering

    /// Seats an operator, and says whom. The last one makes the custody: the master key of a new chamber, or the first quorum
    /// of one. Where there are operators, they decide then whether these take their place.
    @discardableResult
    package func register(
        _ token: borrowing SecretBytes,
        offering offers: [RegistrationStage.Offer]
    ) async throws(ChamberError) -> OperatorName {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        let now = now()
        let (row, stored) = state.withLock { ($0.registration, $0.stage(at: now)) }
        guard let row, let stored else { throw .refused(.notRegistering) }
        let seated: (stage: RegistrationStage, key: TagKey, name: OperatorName)
        do throws(QuorumRefusal) {
            seated = try stored.stage.seating(token, with: offers, verifying: stored, at: now)
        } catch { throw .refused(error) }
        let next: StoredStage
        do throws(SealingError) {
            next = try StoredStage(seated.stage, key: seated.key, order: stored.order)
        } catch { throw .failed(error) }
        let isDecided = try next.stage.isComplete ? !isForOperators(next) : false
        if isDecided {
            try await complete(next, in: row)
        } else {
            try await write([StateChange(ChamberRows.registration, expecting: row.version, body: next.bytes)])
        }
        try await follow()
        return seated.name
    }

    /// Begins a registration in the place of whatever was there and is over.
    func beginRegistration(
        of names: [OperatorName],
        threshold: Int,
        tokens: [SecretBox],
        for plan: CustodyPlan,
        changing standing: Standing?
    ) async throws(ChamberError) {
        precondition(tokens.count == names.count, "a token for each operator")
        let body: [UInt8]
        do throws(SealingError) {
            let (stage, key) = try RegistrationStage.begin(
                standing == nil ? .initial : .quorum,
                changing: standing?.record.sequence ?? 0,
                to: plan,
                names: names,
                threshold: threshold,
                tokens: tokens,
                at: now()
            )
            let order = try standing.map { (standing) throws(SealingError) in
                try StoredStage.order(of: stage, under: standing.keys.current)
            }
            body = try StoredStage(stage, key: key, order: order ?? Bytes()).bytes
        } catch { throw .failed(error) }
        let row = state.withLock { $0.registration }
        let expected = row.map { $0.isThere ? $0.version : 0 } ?? 0
        try await write([StateChange(ChamberRows.registration, expecting: expected, body: body)])
    }

    /// Ends a registration that is under way; its tokens are worth nothing any more.
    ///
    /// Where there is a master key, its record is written again with the next sequence: the registration was ordered for the
    /// one of before, so whoever puts its row back has nothing.
    package func cancelRegistration() async throws(ChamberError) {
        do throws(StateError) { try await refresh() } catch { throw .state(error) }
        guard let row = state.withLock({ $0.registration }), row.isThere else { throw .refused(.notRegistering) }
        var changes = [StateChange(ChamberRows.registration, expecting: row.version, body: nil)]
        if state.withLock({ $0.record }) != nil { changes.append(try renewal(try standing())) }
        try await write(changes)
        try await follow()
    }

    /// The record as it is, with the next sequence.
    private func renewal(_ standing: Standing) throws(ChamberError) -> StateChange {
        // It is tagged under both keys while there are two.
        guard standing.keys.all.count == standing.record.custodies.count else { throw .rotating }
        let record = standing.record.succeeded(
            at: now(),
            current: standing.record.current,
            next: standing.record.next
        )
        let body = try encode(record, under: standing.keys.all)
        return StateChange(ChamberRows.masterKey, expecting: standing.stored.version, body: body)
    }

    func write(_ changes: [StateChange]) async throws(ChamberError) {
        do throws(StateError) { try await store.apply(changes) } catch { throw .state(error) }
    }

    // MARK: Opening

    /// What an operator needs in order to answer: what their credentials are derived from, and the challenge of the ceremony
    /// that is under way.
    package struct Invitation: Sendable {
        package let chamber: ChamberIdentifier
        package let credentials: [OperatorCredential.Hint]
        package let ceremony: Question?
        package let proposal: Proposal?

        package struct Question: Sendable {
            package let ceremony: CeremonyIdentifier
            package let serverKey: Bytes<32>
            package let challenge: [UInt8]
        }
    }

    package func invite(_ name: String, to proposal: String?) throws(ChamberError) -> Invitation {
        let now = now()
        return try state.withLock { (state) throws(ChamberError) in
            guard let record = try? state.record?.record.get(), let quorum = record.quorum,
                let operatorName = OperatorName(name), let member = quorum.member(operatorName)
            else { throw .refused(.unknownOperator(name)) }
            do throws(QuorumRefusal) {
                let question = try state.ceremony.map { (ceremony) throws(QuorumRefusal) in
                    Invitation.Question(
                        ceremony: ceremony.identifier,
                        serverKey: ceremony.serverKey,
                        challenge: try ceremony.challenge(for: operatorName, at: now)
                    )
                }
                return Invitation(
                    chamber: record.chamber,
                    credentials: member.shares.map(\.credential.hint),
                    ceremony: question,
                    proposal: try proposal.map { (identifier) throws(QuorumRefusal) in
                        try state.proposal(identifier, at: now)
                    }
                )
            } catch { throw .refused(error) }
        }
    }

    /// The boxes with an operator's own shares, for a challenge that they have signed.
    package func boxes(
        for shown: UnsealCeremony.Credentials,
        signature: Bytes<64>
    ) throws(ChamberError) -> [UnsealCeremony.Box] {
        let now = now()
        return try state.withLock { (state) throws(ChamberError) in
            guard state.ceremony != nil else { throw .refused(.notUnsealing(state.machine.state)) }
            do throws(QuorumRefusal) {
                return try state.ceremony?.boxes(for: shown, signature: signature, at: now) ?? []
            } catch { throw .refused(error) }
        }
    }

    /// Takes an operator's shares. With those of enough operators the master key is put together; returns when what comes of
    /// it has ended.
    package func give(
        _ boxes: [UnsealCeremony.Box],
        from shown: UnsealCeremony.Credentials
    ) async throws(ChamberError) {
        let now = now()
        let progress = try state.withLock { (state) throws(ChamberError) -> UnsealCeremony.Progress in
            guard state.ceremony != nil else { throw .refused(.notUnsealing(state.machine.state)) }
            do throws(QuorumRefusal) {
                return try state.ceremony?.take(boxes, from: shown, at: now) ?? .waiting
            } catch { throw .refused(error) }
        }
        witness.shareGiven(by: shown.name)
        guard case .complete(let shares) = progress else { return }
        await join(shares)
        await settle()
    }

    /// Puts the master keys together. What fails here fails for good: every share was held against the record before.
    private func join(_ shares: [[KeyShare]]) async {
        let (stored, envelopes, standing, attempt, ordered) = state.withLock { state in
            defer { state.endCeremony() }
            return (state.record, state.envelopes, state.keys, state.machine.attempt, state.standing.sealed)
        }
        guard let stored, let record = try? stored.record.get(), let attempt else { return }
        let custodies = standing == nil ? record.custodies : record.next.map { [$0] } ?? []
        guard custodies.count == envelopes.count, shares.count == envelopes.count else { return }
        do throws(OpeningFailure) {
            var opened: [MasterKey] = []
            for ((custody, envelope), shares) in zip(zip(custodies, envelopes), shares) {
                opened.append(try Self.masterKey(custody, of: record, in: stored, envelope, shares))
            }
            if let standing {
                await take(MasterKeys(standing.current, next: opened[0]))
                continueRekeying()
            } else {
                let keys = MasterKeys(opened[0], next: opened.count > 1 ? opened[1] : nil)
                await remember(record)
                handle { state in
                    // It was sealed meanwhile: nobody would wipe what is put there now.
                    guard state.machine.attempt == attempt, state.machine.state == .kmsUnsealed, !state.isSealedHere
                    else {
                        for key in keys.all { key.destroy() }
                        return nil
                    }
                    state.keys = keys
                    state.standing.answer(ordered)
                    return .joined(attempt)
                }
            }
        } catch {
            handle { _ in .failed(attempt, reason: error.reason, passes: false) }
        }
    }

    private static func masterKey(
        _ custody: MasterKeyCustody,
        of record: MasterKeyRecord,
        in stored: StoredRow,
        _ envelope: SecretBox,
        _ shares: [KeyShare]
    ) throws(OpeningFailure) -> MasterKey {
        guard let quorum = custody.quorum else {
            throw OpeningFailure("the MASTER_KEY row: it has no operators", passes: false)
        }
        let unsealKey: SecretBytes
        do throws(KeyShareError) {
            unsealKey = try KeyShare.combine(shares, threshold: quorum.threshold, in: quorum.ceremony)
        } catch { throw OpeningFailure("\(error)", passes: false) }
        do throws(SealingError) {
            let master = try QuorumEnvelope.open(envelope.bytes, with: unsealKey, record.identity(of: custody))
            try MasterKeyRecord.verify(stored.body, with: master)
            return master
        } catch { throw OpeningFailure("the MASTER_KEY row: \(error)", passes: false) }
    }
}
