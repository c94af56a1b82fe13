// SPDX-License-Identifier: Apache-2.0
package import Authorization
internal import BLS
internal import Concurrency
package import Consensus
package import SlashingProtection
package import Telemetry

/// The one way to a signature.
package final class Signer: Sendable {
    package let network: Network
    package let genesisValidatorsRoot: Root
    package let keyring: Keyring
    package let protection: SlashingProtection
    package let authority: Authority
    package let lanes: SigningLanes
    package let points = MessagePointCache()
    private let witness: any SigningWitness
    /// Keys with which nothing is signed, whoever asks.
    private let blocked: Set<KeyIdentifier>
    /// Why nothing is signed with any key; nil where the chamber is open, or there is none.
    private let seal: @Sendable () -> String?
    /// Nanoseconds after which it is asked whether the client still waits.
    private let patience: UInt64

    /// - Parameters:
    ///   - seal: why nothing is signed now; asked in every generation of authority, so that whoever seals and then raises
    ///     the authority has its answer after the last signature.
    ///   - patience: how long a request waits before it is asked whether its client still does. Asking is a system call,
    ///     and who gets his turn sooner than this has hardly left.
    ///   - witness: sees every attempt once, at its end; decides whether its outcome can be told.
    package init(
        network: Network,
        genesisValidatorsRoot: Root,
        keyring: Keyring,
        protection: SlashingProtection,
        authority: Authority,
        lanes: SigningLanes,
        blocked: Set<KeyIdentifier> = [],
        seal: @escaping @Sendable () -> String? = { nil },
        patience: Duration = .milliseconds(20),
        witness: any SigningWitness
    ) {
        self.network = network
        self.genesisValidatorsRoot = genesisValidatorsRoot
        self.keyring = keyring
        self.protection = protection
        self.authority = authority
        self.lanes = lanes
        self.blocked = blocked
        self.seal = seal
        self.patience = UInt64(clamping: patience.nanoseconds)
        self.witness = witness
    }

    /// Reads, checks, records, signs: in this order, and nothing else leads to a signature. The witness sees the outcome
    /// once, in `tell`, before anybody else.
    ///
    /// - Parameters:
    ///   - identifier: the key as the request names it: hexadecimal, any case, with or without `0x`.
    ///   - grant: what the caller may; nil where the port asks nobody.
    ///   - trace: the trace that the request belongs to, where its client says.
    ///   - isAbandoned: whether the client has gone; asked before anything is recorded.
    ///   - read: the body as a message and its signing root.
    package func sign(
        _ identifier: String,
        for caller: Caller,
        under grant: Grant?,
        trace: TraceParent? = nil,
        isAbandoned: @Sendable () -> Bool = { false },
        read: () throws(UnreadableRequest) -> ReadRequest
    ) async -> SigningOutcome {
        let key = (try? PublicKey(hex: identifier)).map { KeyIdentifier.bls($0) }
        var course = Course(identifier: identifier, key: key, caller: caller, began: MonotonicClock.nanoseconds)
        course.stages.trace = trace
        let message: ReadRequest
        do throws(UnreadableRequest) { message = try read() } catch {
            return await tell(SigningOutcome(error), course)
        }
        course.request = message
        course.stages.read = course.began..<MonotonicClock.nanoseconds
        if let key, blocked.contains(key) { return await tell(.canary, course) }
        if let refusal = Self.refusal(grant, message, key) { return await tell(.notAllowed(refusal), course) }
        if let hindrance = witness.hindrance { return await tell(.auditUnavailable(reason: hindrance), course) }
        let lane = Lane(message.request.operation)
        guard lanes.enter(lane) else { return await tell(.overloaded, course) }
        let outcome = await withTaskExecutorPreference(lanes.executor(lane)) {
            if lanes.isTooLate(lane, since: course.began) { return await tell(.overloaded, course) }
            return await signInLane(message, grant, course, isAbandoned)
        }
        if case .overloaded = outcome { lanes.leave(isDone: false) } else { lanes.leave() }
        return outcome
    }

    /// Whether a request is refused as overloaded without being read: what is under way is too much already, and it does not
    /// look like one of those that a block depends on. On the thread of the socket, where a refusal costs little.
    package func sheds(_ body: [UInt8]) -> Bool {
        guard lanes.turnsAwayUnread(), !UrgentBody.matches(body) else { return false }
        witness.refusedUnread()
        return true
    }

    /// The one place where an attempt ends.
    private func tell(_ outcome: SigningOutcome, _ course: Course) async -> SigningOutcome {
        await witness.witness(
            SigningAttempt(
                identifier: course.identifier,
                key: course.key,
                caller: course.caller,
                request: course.request,
                outcome: outcome,
                nanoseconds: MonotonicClock.nanoseconds &- course.began,
                began: course.began,
                stages: course.stages
            )
        )
    }

    /// Why the caller may not have this signed, as things stand.
    private static func refusal(_ grant: Grant?, _ message: ReadRequest, _ key: KeyIdentifier?) -> AccessRefusal? {
        guard let grant else { return nil }
        do throws(AccessRefusal) {
            try grant.check(.sign, key: key?.publicKey, operation: message.request.operation)
            return nil
        } catch { return error }
    }

    /// The way on the threads of a lane, in one generation of authority until the outcome is told: whoever takes a
    /// permission away has its answer after the last line and the last signature that it allowed.
    private func signInLane(
        _ message: ReadRequest,
        _ grant: Grant?,
        _ begun: Course,
        _ isAbandoned: @Sendable () -> Bool
    ) async -> SigningOutcome {
        var course = begun
        // Authority may change between the record and the signature. What was recorded is then a repeat of itself, so
        // going the way again is safe; it ends if authority changes every time.
        for _ in 0..<3 {
            let generation = authority.enter()
            defer { authority.leave(generation) }
            if let reason = seal() { return await tell(.sealed(reason: reason), course) }
            // Once more: whoever took the permission away before this generation began has had its answer.
            if let refusal = Self.refusal(grant, message, course.key) {
                return await tell(.notAllowed(refusal), course)
            }
            if let outcome = await sign(message, generation, &course, isAbandoned) {
                return await tell(outcome, course)
            }
        }
        return await tell(.withdrawn, course)
    }

    /// Network, key, record, signature. Nil where authority changed on the way.
    private func sign(
        _ message: ReadRequest,
        _ generation: AuthorityGeneration,
        _ course: inout Course,
        _ isAbandoned: @Sendable () -> Bool
    ) async -> SigningOutcome? {
        if let offered = message.request.genesisValidatorsRoot, offered != genesisValidatorsRoot {
            return .otherNetwork(configured: genesisValidatorsRoot, offered: offered)
        }
        guard let key = course.key, let (signingKey, isDisabled) = keyring.lookUp(key) else { return .unknownKey }
        // The record refuses what can be slashed by itself; this is for everything else.
        if isDisabled { return .slashable(.disabled) }
        if MonotonicClock.nanoseconds &- course.began >= patience, isAbandoned() { return .abandoned }

        let permits: SigningPermits
        var isRepeat = false
        if let duty = SlashableDuty(message.request.duty) {
            let batch = DutyBatch(
                duty: duty,
                signingRoot: message.signingRoot,
                genesisValidatorsRoot: genesisValidatorsRoot,
                records: [signingKey.record]
            )
            let asked = MonotonicClock.nanoseconds
            let decision = await protection.record(batch, generation: generation)
            course.stages.record = asked..<MonotonicClock.nanoseconds
            if let refusal = decision.verdicts[0].refusal { return SigningOutcome(refusal) }
            if decision.verdicts[0] == .recorded { course.isNew = true }
            // Recorded and not signed is safe: asked again it is a repeat.
            if lanes.isTooLate(Lane(message.request.operation), since: course.began) { return .overloaded }
            isRepeat = !course.isNew
            permits = decision.takePermits()
        } else if let root = UnslashableRoot(message.signingRoot, of: message.request.duty) {
            permits = protection.permit(root, records: [signingKey.record], generation: generation)
        } else {
            preconditionFailure("a duty that is neither slashable nor not: \(message.request.duty)")
        }

        let signs = MonotonicClock.nanoseconds
        defer { course.stages.sign = signs..<MonotonicClock.nanoseconds }
        let prepared =
            message.request.operation.sharesItsRoot
            ? points.prepare(message.signingRoot) : PreparedMessage(root: message.signingRoot.bytes)
        do throws(PermitMismatch) {
            let signatures = try permits.sign(prepared, with: [signingKey], authority: authority)
            return .signed(signatures[0], isRepeat: isRepeat)
        } catch {
            guard error == .olderGeneration else {
                preconditionFailure("the signer asked for permits of another message or record than it signs: \(error)")
            }
            return nil
        }
    }
}

/// An attempt under way.
private struct Course: Sendable {
    let identifier: String
    let key: KeyIdentifier?
    let caller: Caller
    let began: UInt64
    /// Nil until it could be read.
    var request: ReadRequest?
    var stages = SigningStages()
    /// Whether this request made the record, in this or an earlier try.
    var isNew = false

    init(identifier: String, key: KeyIdentifier?, caller: Caller, began: UInt64) {
        self.identifier = identifier
        self.key = key
        self.caller = caller
        self.began = began
    }
}

extension SigningOutcome {
    init(_ unreadable: UnreadableRequest) {
        switch unreadable {
        case .malformed(let code, let reason): self = .malformed(code: code, reason: reason)
        case .rootMismatch(let claimed, let computed): self = .rootMismatch(claimed: claimed, computed: computed)
        }
    }

    init(_ refusal: Refusal) {
        switch refusal {
        case .notCheckable(let reason): self = .protectionUnavailable(reason: reason)
        default: self = .slashable(refusal)
        }
    }
}
