// SPDX-License-Identifier: Apache-2.0
internal import Audit
internal import Concurrency
internal import Configuration
internal import Foundation
internal import SignerAPI
internal import SignerState
internal import Telemetry

/// Where audit lines go while the signer runs: into the log, and into a file of their own where one is configured. Keeps
/// the head of that file anchored in the signer state.
final class AuditService: AuditTrail {
    private struct Anchored {
        /// Whether the file was held against what had been anchored before this process wrote to it.
        var isCompared = false
        var anchor: AuditAnchor?
        /// When a line was first seen that is not anchored; nil while all are.
        var behindSince: UInt64?
        var trouble: String?
    }
    private let file: AuditFile?
    private let logger: Logger
    private let metrics: Telemetry.Metrics
    private let place: String
    private let anchors = Lock<AuditAnchors?>(nil)
    private let anchored = Lock(Anchored())
    /// Whether nothing is signed without its line.
    let refuses: Bool

    init(_ settings: Configuration.Audit, logger: Logger, metrics: Telemetry.Metrics) async throws(Failure) {
        self.logger = logger
        self.metrics = metrics
        refuses = settings.onFailure == .refuse
        let path = settings.path ?? ""
        place = Self.place(path)
        guard settings.path != nil else {
            file = nil
            return
        }
        // Opening reads and syncs.
        let result = await Blocking.run(name: "audit-open") { () -> Result<AuditFile, AuditOpeningError> in
            Result { () throws(AuditOpeningError) in
                try AuditFile(.init(path: path, maxBytes: settings.maxBytes, keep: settings.keep)) { notice in
                    switch notice {
                    case .failure(let text): logger.error(.chamber, "AUDIT: \(text)")
                    case .recovery(let text): logger.warn(.chamber, "AUDIT: \(text)")
                    }
                }
            }
        }
        let opened: AuditFile
        do throws(AuditOpeningError) { opened = try result.get() } catch {
            throw Failure("\(error)", hint: "audit.path names the file")
        }
        file = opened
        if !refuses {
            logger.warn(
                .chamber,
                "audit.on_failure is continue: what cannot be written into the audit file is signed all the same"
            )
        }
        metrics.registry.collect { [metrics, weak opened, weak self] in
            guard let state = opened?.current else { return }
            metrics.auditLines.raise(to: state.written)
            metrics.auditFailures.raise(to: state.unwritten)
            metrics.auditWritable.set(state.fault == nil)
            metrics.auditAnchorAge.set(self?.anchorAge ?? 0)
        }
    }

    /// Host and path of a file, as it is named beside its anchor.
    static func place(_ path: String) -> String {
        Machine.name + ":" + URL(fileURLWithPath: path).standardizedFileURL.path
    }

    // MARK: Lines

    /// Into the file alone.
    func keep(_ event: AuditEvent) async throws(AuditUnavailable) { try await file?.record(event) }

    func record(_ event: AuditEvent) async throws(AuditUnavailable) {
        if case .begun = event.outcome {} else { logger.audit(event) }
        try await file?.record(event)
    }

    func post(_ event: AuditEvent) {
        logger.audit(event)
        file?.post(event)
    }

    var hindrance: AuditUnavailable? { file?.hindrance }

    var health: AuditHealth? {
        guard let file else { return nil }
        let trouble = anchored.withLock { $0.trouble }
        return AuditHealth(fault: file.hindrance?.description, refuses: refuses, anchorDelay: trouble)
    }

    // MARK: The anchor

    /// Holds the file against what was anchored when it was last written, and anchors its head.
    func start(_ anchors: AuditAnchors?) async {
        guard let file, let anchors else { return }
        self.anchors.withLock { $0 = anchors }
        do throws(StateError) { try await compare(file, with: anchors) } catch {
            logger.error(.chamber, "AUDIT: the file cannot be held against its anchor yet: \(error)")
        }
        file.post(AuditEvent(.transition(of: "signer", from: "stopped", to: "running"), .done))
        await tick()
    }

    /// Which files must be there is known from the anchor alone: until it has been read, none is put in its place.
    private func compare(_ file: AuditFile, with anchors: AuditAnchors) async throws(StateError) {
        let chain = file.current.header.chain
        let found = try await anchors.find(chain)
        switch found {
        case .anchor(let anchor): compare(anchor, with: file.opened)
        case .none:
            let others = try await anchors.chains(at: place).count
            if others > 0 {
                logger.error(
                    .chamber,
                    "AUDIT: a new chain begins at \(place), where another one was anchored: were its files moved away?"
                )
                file.post(AuditEvent(.trail("replaces", ["chains": .integer(others)]), .done))
            }
        case .unusable:
            logger.error(
                .chamber,
                "AUDIT: the anchor of this file in the signer state was not made by this chamber"
            )
            file.post(AuditEvent(.trail("anchor_unusable", [:]), .done))
        }
        if case .anchor(let anchor) = found {
            file.keep(from: anchor.oldest)
        } else {
            file.keep(from: file.oldestFound)
        }
        anchored.withLock { $0.isCompared = true }
    }

    private func compare(_ anchor: AuditAnchor, with opened: AuditHead) {
        guard
            anchor.head.sequence > opened.sequence
                || anchor.head.sequence == opened.sequence && anchor.head.hash != opened.hash
        else { return }
        logger.error(
            .chamber,
            "AUDIT: THE END OF THE AUDIT FILE IS MISSING OR WAS CHANGED: line \(anchor.head.sequence) was anchored, the file ended with line \(opened.sequence)"
        )
        file?.post(
            AuditEvent(
                .trail(
                    "gap",
                    ["anchored_seq": .unsigned(anchor.head.sequence), "found_seq": .unsigned(opened.sequence)]
                ),
                .failed(code: "audit_gap")
            )
        )
    }

    /// Syncs and anchors once a second, until its task is cancelled.
    func watch() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await tick() }
    }

    /// Makes what was written durable, then puts its head into the state: never a head that a loss of power could undo.
    private func tick() async {
        guard let file, let anchors = anchors.withLock({ $0 }) else { return }
        let head = file.current.head
        let isBehind = anchored.withLock { anchored in
            let isBehind = anchored.anchor?.head != head
            if isBehind, anchored.behindSince == nil { anchored.behindSince = MonotonicClock.nanoseconds }
            return isBehind
        }
        guard isBehind else {
            file.look()
            return
        }
        do throws(StateError) {
            if !anchored.withLock({ $0.isCompared }) { try await compare(file, with: anchors) }
        } catch {
            notAnchored(error)
            return
        }
        guard let durable = await file.sync() else { return }
        let anchor = AuditAnchor(
            chain: durable.header.chain,
            head: durable.head,
            file: durable.header.file,
            oldest: durable.oldest,
            time: Int64(WallClock.nanoseconds / 1_000_000_000),
            place: place
        )
        do throws(StateError) {
            try await anchors.put(anchor)
            let was = anchored.withLock { anchored in
                defer { (anchored.anchor, anchored.behindSince, anchored.trouble) = (anchor, nil, nil) }
                return anchored.trouble
            }
            if was != nil { logger.info(.chamber, "the head of the audit file is anchored again") }
        } catch {
            notAnchored(error)
        }
    }

    private func notAnchored(_ error: StateError) {
        let trouble = "the head of the audit file is not anchored: \(error)"
        let was = anchored.withLock { anchored in
            defer { anchored.trouble = trouble }
            return anchored.trouble
        }
        if was == nil { logger.error(.chamber, "AUDIT: \(trouble)") }
    }

    private var anchorAge: Double {
        anchored.withLock { $0.behindSince }.map { Double(MonotonicClock.nanoseconds &- $0) / 1e9 } ?? 0
    }

    /// The last head that was anchored, for whoever may use the admin socket.
    var anchoredHead: [UInt8]? { anchored.withLock { $0.anchor }?.encoded(nil) }

    /// Writes what waits and anchors it. Before the signer state closes.
    func close() async {
        guard let file else { return }
        file.post(AuditEvent(.transition(of: "signer", from: "running", to: "stopped"), .done))
        await Blocking.run(name: "audit-close") { file.close() }
        await tick()
    }
}
