// SPDX-License-Identifier: Apache-2.0
package import Consensus

/// The permission to make signatures over one signing root: one for each record it names, once. It cannot be copied;
/// outside this file it cannot be made; signing consumes it.
///
/// It binds the identity of the records (whose history was checked), the root, and the generation of authority under
/// which it was allowed. It says nothing about which key signs: the signer compares.
package struct SigningPermits: ~Copyable, Sendable {
    package let signingRoot: SigningRoot
    package let generation: AuthorityGeneration
    /// Those whose record holds this root durably, in the order of the batch.
    package let records: [RecordIdentity]

    fileprivate init(signingRoot: SigningRoot, generation: AuthorityGeneration, records: [RecordIdentity]) {
        self.signingRoot = signingRoot
        self.generation = generation
        self.records = records
    }
}

/// What the record said of a batch: permits for the safe ones, reasons for the others.
package struct ProtectionDecision: ~Copyable, Sendable {
    /// One for each record of the batch, in order.
    package let verdicts: [Verdict]
    private var permits: SigningPermits

    fileprivate init(verdicts: [Verdict], permits: consuming SigningPermits) {
        self.verdicts = verdicts
        self.permits = permits
    }

    /// Gives the permits away.
    package consuming func takePermits() -> SigningPermits { permits }
}

/// The one door to a signature (promise 1): whatever can be slashed is checked against the record, recorded durably,
/// and only then permitted.
package struct SlashingProtection: Sendable {
    private let store: any RecordStore

    package init(store: any RecordStore) { self.store = store }

    /// Checks and durably records a block or an attestation for every record of the batch.
    package func record(_ batch: DutyBatch, generation: AuthorityGeneration) async -> ProtectionDecision {
        let verdicts = await store.decide(batch)
        precondition(verdicts.count == batch.records.count, "the store must answer for every record of a batch")
        var permitted: [RecordIdentity] = []
        for (record, verdict) in zip(batch.records, verdicts) where verdict.refusal == nil { permitted.append(record) }
        return ProtectionDecision(
            verdicts: verdicts,
            permits: SigningPermits(signingRoot: batch.signingRoot, generation: generation, records: permitted)
        )
    }

    /// Permits a message that needs no record: the second door, which a block or an attestation does not fit through.
    package func permit(
        _ root: UnslashableRoot,
        records: [RecordIdentity],
        generation: AuthorityGeneration
    ) -> SigningPermits {
        SigningPermits(signingRoot: root.signingRoot, generation: generation, records: records)
    }

    /// Whether blocks and attestations can be signed now.
    package var health: StoreHealth { store.health }

    /// Runs one task of administration between two batches of signing.
    package func administer(_ task: AdministrativeTask) async throws(StoreError) -> AdministrativeAnswer {
        try await store.administer(task)
    }

    /// Merges the floor of this instance into the record after an alarm (`anti-slashing reconcile`).
    package func reconcile(acceptingClockFloor: Bool) async throws(StoreError) -> ReconcileReport {
        try await store.reconcile(acceptingClockFloor: acceptingClockFloor)
    }

    package func close() async { await store.close() }
}
