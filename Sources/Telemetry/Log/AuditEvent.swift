// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// One line of the audit log: a signing attempt, a state transition or an admin action, with who asked and what came of
/// it. Made of plain values, so that recording one costs the caller no text.
///
/// The level follows the outcome: what was done is `info`; what was refused is `warn`, so that an operator who filters
/// down to `warn` still learns of every refusal (promise 4); what could not be decided because something is broken is
/// `error`. A canary raises what was done to `warn`.
package struct AuditEvent: Sendable {
    /// What was attempted.
    package enum Action: Sendable {
        /// A signature; `operation` is the request type of the API, such as `ATTESTATION`.
        case signing(operation: String)
        /// A change of state, such as `ready` to `draining`.
        case transition(of: String, from: String, to: String)
        /// Something an operator had done: `reload`, `import`, `prune`. `subject` says to what.
        case administration(String, subject: String)
        /// A request that got no further than authentication or routing.
        case access(method: String, path: String)
        /// Something about the audit file itself, such as its beginning; `audit_` stands before the name.
        case trail(String, LogFields)
    }

    /// What came of it. `code` is the stable code of the API document.
    package enum Outcome: Sendable {
        /// Nothing yet: an admin action that is about to be done. A line of its own says how it ended.
        case begun
        case done
        case refused(code: String, detail: String? = nil)
        case failed(code: String, detail: String? = nil)
    }

    package var action: Action
    package var outcome: Outcome
    /// The public key that was named.
    package var key: Bytes<48>?
    /// Who: `anonymous`, `local`, a certificate's name, or a token as its truncated hash. Never a token.
    package var caller: String?
    /// Where from: address and port.
    package var peer: String?
    /// What ties the line to others of the same request.
    package var request: String?
    package var signingRoot: Bytes<32>?
    /// Slot of a block and of everything that is bound to a slot.
    package var slot: UInt64?
    /// Epochs of an attestation.
    package var sourceEpoch: UInt64?
    package var targetEpoch: UInt64?
    /// From the first byte to the outcome, in nanoseconds.
    package var nanoseconds: UInt64?
    /// The key is one that must never sign.
    package var isCanary = false

    package init(_ action: Action, _ outcome: Outcome) {
        self.action = action
        self.outcome = outcome
    }

    package var level: LogLevel {
        switch outcome {
        case .begun, .done: isCanary ? .warn : .info
        case .refused: .warn
        case .failed: .error
        }
    }
}

extension AuditEvent {
    var message: String {
        switch (action, outcome) {
        case (.trail(let name, _), _): "audit \(name)"
        case (.signing, .begun): "signing begun"
        case (.transition, .begun): "state change begun"
        case (.administration, .begun): "admin action begun"
        case (.access, .begun): "access begun"
        case (.signing, .done): "signed"
        case (.signing, .refused): "signing refused"
        case (.signing, .failed): "signing failed"
        case (.transition, .done): "state changed"
        case (.transition, .refused): "state change refused"
        case (.transition, .failed): "state change failed"
        case (.administration, .done): "admin action done"
        case (.administration, .refused): "admin action refused"
        case (.administration, .failed): "admin action failed"
        case (.access, .done): "access"
        case (.access, .refused): "access refused"
        case (.access, .failed): "access failed"
        }
    }

    /// What stands behind a name: a value, or bytes that become hexadecimal text only in the line itself.
    enum Field {
        case value(LogValue)
        case key(Bytes<48>)
        case root(Bytes<32>)
    }

    /// The names are part of the product: operators search for them.
    func forEachField(_ body: (String, Field) -> Void) {
        switch action {
        case .signing(let operation):
            body("event", .value("signing"))
            body("operation", .value(.text(operation)))
        case .transition(let subject, let from, let to):
            body("event", .value("state_transition"))
            body("subject", .value(.text(subject)))
            body("from", .value(.text(from)))
            body("to", .value(.text(to)))
        case .administration(let name, let subject):
            body("event", .value("admin"))
            body("operation", .value(.text(name)))
            body("subject", .value(.text(subject)))
        case .access(let method, let path):
            body("event", .value("access"))
            body("method", .value(.text(method)))
            body("path", .value(.text(path)))
        case .trail(let name, let fields):
            body("event", .value(.text("audit_" + name)))
            for (name, value) in fields { body(name, .value(value)) }
        }
        forEachOutcomeField(body)
        if let key { body("key", .key(key)) }
        if isCanary { body("canary", .value(true)) }
        if let caller { body("caller", .value(.text(caller))) }
        if let peer { body("peer", .value(.text(peer))) }
        if let request { body("request", .value(.text(request))) }
        if let slot { body("slot", .value(.unsigned(slot))) }
        if let sourceEpoch { body("source_epoch", .value(.unsigned(sourceEpoch))) }
        if let targetEpoch { body("target_epoch", .value(.unsigned(targetEpoch))) }
        if let signingRoot { body("signing_root", .root(signingRoot)) }
        if let nanoseconds { body("duration_us", .value(.microseconds(nanoseconds: nanoseconds))) }
    }

    private func forEachOutcomeField(_ body: (String, Field) -> Void) {
        switch outcome {
        case .begun: body("outcome", .value("begun"))
        case .done: body("outcome", .value("done"))
        case .refused(let code, let detail), .failed(let code, let detail):
            if case .refused = outcome { body("outcome", .value("refused")) } else { body("outcome", .value("failed")) }
            body("reason", .value(.text(code)))
            if let detail { body("detail", .value(.text(detail))) }
        }
    }
}
