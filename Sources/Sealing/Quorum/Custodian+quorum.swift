// SPDX-License-Identifier: Apache-2.0
internal import Secrets

extension Custodian {
    /// Shares out a master key as a plan says: among the KMS keys alone, or sealed under a key that is shared among operators.
    /// That key is new each time, so shares of before are worth nothing beside the envelope that is made here.
    package func hold(_ master: MasterKey, by plan: CustodyPlan) async throws(CustodyError) -> MasterKeyCustody {
        try Self.check(plan.keys, threshold: plan.threshold)
        let verifier = try sealing { () throws(SealingError) in try master.verifier() }
        guard let operators = plan.operators else {
            let secret = try sealing { () throws(SealingError) in try master.copy() }
            let shares = try await share(secret, of: master.identity, among: plan.keys, threshold: plan.threshold)
            return MasterKeyCustody(generation: master.identity.generation, verifier: verifier, shares: shares)
        }
        let unsealKey = SecretBytes(random: MasterKey.length)
        let quorum = try Self.quorum(of: unsealKey, among: operators, for: master.identity)
        let envelope = try sealing { () throws(SealingError) in try QuorumEnvelope.seal(master, under: unsealKey) }
        let shares = try await share(envelope, of: master.identity, among: plan.keys, threshold: plan.threshold)
        return MasterKeyCustody(
            generation: master.identity.generation,
            verifier: verifier,
            shares: shares,
            quorum: quorum
        )
    }

    /// Everybody's share of the operators' key, sealed to each of their credentials. Nobody of them has to be there.
    private static func quorum(
        of unsealKey: borrowing SecretBytes,
        among plan: OperatorPlan,
        for identity: MasterKeyIdentity
    ) throws(CustodyError) -> OperatorQuorum {
        try OperatorPlan.check(plan.operators.map(\.name), threshold: plan.threshold)
        let ceremony = CeremonyIdentifier.random()
        let count = plan.operators.count
        let shares = KeyShare.split(unsealKey, threshold: plan.threshold, count: count, in: ceremony)
        var members: [OperatorQuorum.Member] = []
        for (share, one) in zip(shares, plan.operators) {
            guard (1...OperatorPlan.mostCredentials).contains(one.credentials.count) else {
                throw .invalid(
                    "the operator \(one.name) has \(one.credentials.count) credentials; there are 1 to \(OperatorPlan.mostCredentials)"
                )
            }
            let digest = try sealing { () throws(SealingError) in try share.digest() }
            var held: [OperatorQuorum.HeldShare] = []
            for credential in one.credentials {
                held.append(.init(credential: credential, box: try box(share, credential, of: one.name, identity)))
            }
            members.append(.init(name: one.name, number: share.number, digest: digest, shares: held))
        }
        return OperatorQuorum(ceremony: ceremony, threshold: plan.threshold, members: members)
    }

    private static func box(
        _ share: KeyShare,
        _ credential: OperatorCredential,
        of name: OperatorName,
        _ identity: MasterKeyIdentity
    ) throws(CustodyError) -> [UInt8] {
        let context = QuorumMessage.restingShare(
            chamber: identity.chamber,
            ceremony: share.ceremony,
            operator: name.text,
            credential: credential.identifier
        )
        do throws(ShareBoxError) {
            return try share.encoded.withSpan { (bytes) throws(ShareBoxError) in
                try ShareBox.seal(bytes, to: credential.exchangeKey, context: context)
            }
        } catch {
            throw .invalid("the credential \(credential.label) of the operator \(name) takes no share: \(error)")
        }
    }
}

/// Runs what fails with the words of the master key, in the words of custody.
private func sealing<Result: ~Copyable>(
    _ body: () throws(SealingError) -> Result
) throws(CustodyError) -> Result {
    do throws(SealingError) { return try body() } catch { throw .failed(error) }
}
