// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Encoding
internal import Secrets
package import SignerState

/// What whoever runs a register should hear of, each once.
package enum AccessNotice: Hashable, Sendable {
    /// A row is refused from now on.
    case refused(AccessRowFault)
    /// The catalogue is not believed.
    case distrusted(CatalogueFault)
    /// The catalogue is believed again.
    case trusted
    /// The rows of a chamber that had no master key before have tags now; how many.
    case adopted(Int)
    /// How far the catalogue was seen could not be remembered outside the state.
    case forgotten(String)
}

/// Policies and tokens of the chamber: kept in the signer state, followed from there, and changed here.
///
/// What is taken away is taken away in this order: in the state, durably; in memory; then the authority is raised, which
/// waits for what is under way. Only then is the change answered, and nothing that it took away is signed afterwards.
///
/// As soon as there is a master key, only rows that the chamber has tagged and catalogued are believed (`AccessLedger`).
package final class AccessRegister: Sendable {
    let store: any StateStore
    let authorizer: Authorizer
    let withdraw: @Sendable () async -> Void
    let now: @Sendable () -> Int64
    let memory: StateMemory?
    private let masterKey: StateRowName?
    let tell: @Sendable (AccessNotice) -> Void
    private let known = Lock(Known())
    private let uses = Lock<[TokenIdentifier: Int64]>([:])

    fileprivate struct Known {
        var ledger = AccessLedger()
        /// As they were told.
        var faults: [AccessRowFault] = []
        var catalogueFault: CatalogueFault?
        var forgotten: String?
    }

    package static let mostPolicies = 1000
    package static let mostTokens = 10_000
    package static let mostCertificates = 10_000
    package static let mostPoliciesOfToken = 16

    /// - Parameters:
    ///   - masterKey: the row that says that there is a master key: from then on nothing is believed that is not verified.
    ///   - memory: what is known of the state outside of it.
    ///   - tell: hears of rows that are refused.
    ///   - withdraw: raises the authority and returns when nothing of before is under way.
    ///   - now: seconds since 1970.
    package init(
        store: any StateStore,
        authorizer: Authorizer,
        masterKey: StateRowName? = nil,
        memory: StateMemory? = nil,
        now: @escaping @Sendable () -> Int64,
        tell: @escaping @Sendable (AccessNotice) -> Void = { _ in },
        withdraw: @escaping @Sendable () async -> Void
    ) {
        self.store = store
        self.authorizer = authorizer
        self.masterKey = masterKey
        self.memory = memory
        self.now = now
        self.tell = tell
        self.withdraw = withdraw
    }

    // MARK: Following the state

    /// Loads everything; makes the token key where this is the chamber's first start.
    package func start() async throws(StateError) -> TokenReader {
        for _ in 0..<3 {
            let reading = try await store.rows(after: 0)
            if let row = reading.rows.first(where: { $0.name == AccessRows.key }), row.body != nil {
                try await refresh()
                return TokenReader(try AccessRows.readKey(row))
            }
            do throws(StateError) {
                let key = StateChange(AccessRows.key, expecting: 0, body: Random.bytes(32))
                try await store.apply([key])
            } catch {
                // Another instance was first: its key is everybody's.
                guard case .conflict = error else { throw error }
            }
        }
        throw .unusable(reason: "the token key is made and deleted again and again")
    }

    /// Takes over what has changed since it was last looked at; says whether anything has.
    @discardableResult
    package func refresh() async throws(StateError) -> Bool {
        let seen = known.withLock { $0.ledger.revision }
        return try await take(after: seen, seen: seen).hasChanged
    }

    /// Looks at every row anew, also at those that say that they have not changed: whoever writes the state past the
    /// signers need not raise its revision.
    @discardableResult
    package func review() async throws(StateError) -> Bool {
        try await readAll().hasChanged
    }

    func readAll() async throws(StateError) -> (reading: StateReading, hasChanged: Bool) {
        try await take(after: 0, seen: known.withLock { $0.ledger.revision })
    }

    private func take(
        after revision: UInt64,
        seen: UInt64
    ) async throws(StateError) -> (reading: StateReading, hasChanged: Bool) {
        let reading = try await store.rows(after: revision)
        guard reading.revision >= seen else { throw Self.setBack(to: reading.revision, from: seen) }
        // Mostly nothing is new, and then nothing is counted over.
        guard revision == 0 || !reading.rows.isEmpty else { return (reading, false) }
        let remembered = memory?.known
        let hasChanged = try change { (ledger) throws(StateError) in
            try ledger.take(reading, isWhole: revision == 0, masterKey: masterKey, remembered: remembered)
        }
        await remember()
        if hasChanged { await withdraw() }
        return (reading, hasChanged)
    }

    static func setBack(to revision: UInt64, from seen: UInt64) -> StateError {
        .unusable(
            reason: "it is at revision \(revision), but this instance has seen \(seen): it was restored or exchanged, "
                + "and what was revoked since may be valid again; restart the signer to take it as it is"
        )
    }

    /// Changes the ledger, and puts what is believed then in the place of what was; says whether that is something else.
    func change<Failure: Error>(
        _ body: (inout AccessLedger) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        let (hasChanged, notices) = try known.withLock { (known) throws(Failure) -> (Bool, [AccessNotice]) in
            try body(&known.ledger)
            let changes = known.ledger.place()
            // What is believed no longer goes before what is believed less; what is new comes before it is believed more.
            let trust = known.ledger.trust
            if trust != .everything { authorizer.setTrust(trust) }
            if !changes.isEmpty {
                authorizer.update { directory in for apply in changes { apply(&directory) } }
            }
            authorizer.setTrust(trust)
            return (!changes.isEmpty, known.notices())
        }
        for notice in notices { tell(notice) }
        return hasChanged
    }

    /// What a plan comes to: of the directory and the ledger of one moment, with the number of the catalogue that it makes.
    /// Nil where nothing has to be done.
    func planned(
        _ plan: (AccessDirectory, borrowing AccessLedger) throws(AccessChangeError) -> AccessPlan?
    ) throws(AccessChangeError) -> (rows: [StateChange], sequence: UInt64)? {
        try known.withLock { (known) throws(AccessChangeError) in
            guard let plan = try plan(authorizer.directory, known.ledger) else { return nil }
            return try known.ledger.changes(for: plan)
        }
    }

    /// What was written has to be there when it is read again, before anybody is told that it was done.
    func expectCatalogue(_ sequence: UInt64) throws(StateError) {
        guard known.withLock({ $0.ledger.catalogue?.sequence ?? 0 }) < sequence else { return }
        throw .unusable(reason: "a change was written and is not there: somebody took it back; nothing of it holds")
    }

    var ledger: AccessLedger { known.withLock { $0.ledger } }

    /// Best effort: what cannot be remembered protects later starts only.
    func remember() async {
        guard let memory else { return }
        let seen = known.withLock { known -> (sequence: UInt64, chamber: Bytes<16>)? in
            guard case .open(let seals) = known.ledger.custody, let seal = known.ledger.writer(among: seals),
                known.ledger.catalogueFault == nil, let catalogue = known.ledger.catalogue
            else { return nil }
            return (catalogue.sequence, seal.chamber)
        }
        guard let seen else { return }
        var problem: String?
        do throws(StateMemoryError) {
            try await memory.remember(catalogue: seen.sequence, of: seen.chamber)
        } catch { problem = "\(error)" }
        let isNew = known.withLock { known in
            defer { known.forgotten = problem }
            return problem != known.forgotten
        }
        if let problem, isNew { tell(.forgotten(problem)) }
    }

    package func close() async { await store.close() }

    // MARK: Looking

    /// Rows that are refused.
    package var faults: [AccessRowFault] { known.withLock { $0.faults } }

    /// Why the catalogue is not believed; nil while it is.
    package var catalogueFault: CatalogueFault? { known.withLock { $0.ledger.catalogueFault } }

    /// Whether there is a master key, and it is not here.
    package var isSealed: Bool { known.withLock { $0.ledger.trust == .harmless } }

    /// Whether a catalogue was believed that policies and tokens are held against, or there is none to be.
    package var isTrusted: Bool { known.withLock { $0.ledger.trust != .nothing } }

    package var policies: [AccessDirectory.Entry<Policy>] {
        authorizer.directory.policies.values.sorted { $0.value.name < $1.value.name }
    }

    package var tokens: [AccessDirectory.Entry<Token>] {
        authorizer.directory.tokens.values.sorted {
            ($0.value.name, $0.value.identifier) < ($1.value.name, $1.value.identifier)
        }
    }

    package func policy(_ name: PolicyName) throws(AccessChangeError) -> AccessDirectory.Entry<Policy> {
        guard let entry = authorizer.directory.policies[name] else { throw .notFound("policy \(name)") }
        return entry
    }

    package func token(_ identifier: TokenIdentifier) throws(AccessChangeError) -> AccessDirectory.Entry<Token> {
        guard let entry = authorizer.directory.tokens[identifier] else { throw .notFound("token \(identifier)") }
        return entry
    }

    /// The second in which this instance last saw the token; nil where it has not since it started.
    package func lastUse(of identifier: TokenIdentifier) -> Int64? {
        let new = authorizer.takeUses()
        return uses.withLock { uses in
            uses.merge(new) { max($0, $1) }
            return uses[identifier]
        }
    }

    package var certificates: [AccessDirectory.Entry<CertificateBinding>] {
        authorizer.directory.certificates.values.sorted { $0.value.name < $1.value.name }
    }

    package func certificate(
        _ name: PolicyName
    ) throws(AccessChangeError) -> AccessDirectory.Entry<CertificateBinding> {
        guard let entry = authorizer.directory.certificates[name] else { throw .notFound("certificate \(name)") }
        return entry
    }
}

extension AccessRegister.Known {
    /// What has become wrong, or right, since this was last asked.
    fileprivate mutating func notices() -> [AccessNotice] {
        let told = Set(faults)
        faults = ledger.faults
        var notices = faults.filter { !told.contains($0) }.map(AccessNotice.refused)
        if let fault = ledger.catalogueFault, fault != catalogueFault { notices.append(.distrusted(fault)) }
        if ledger.catalogueFault == nil, catalogueFault != nil { notices.append(.trusted) }
        catalogueFault = ledger.catalogueFault
        return notices
    }
}
