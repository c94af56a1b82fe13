// SPDX-License-Identifier: Apache-2.0
internal import SlashingProtection
internal import Telemetry

/// Looks after the floor while the signer serves, and tells of its alarm: a metric, and a line of the log and of the audit
/// when it begins and when it ends.
struct FloorWatch: Sendable {
    /// Looks at the alarm between two looks at the database.
    private static let looksBetween = 16

    private let store: FlooredStore?
    private let audit: any AuditTrail
    private let logger: Logger
    private let metrics: Telemetry.Metrics

    init(_ store: FlooredStore?, _ audit: any AuditTrail, _ logger: Logger, _ metrics: Telemetry.Metrics) {
        self.store = store
        self.audit = audit
        self.logger = logger
        self.metrics = metrics
    }

    /// Tells at once of an alarm that stands; the task then looks on, until it is cancelled.
    func start() -> Task<Void, Never> {
        let alarm = look(after: nil)
        return Task { await run(after: alarm) }
    }

    private func run(after alarm: String?) async {
        guard let store else { return }
        var last = alarm
        var looks = 0
        while (try? await Task.sleep(for: .milliseconds(250))) != nil {
            looks += 1
            if looks % Self.looksBetween == 0 { await store.tend() }
            last = look(after: last)
        }
    }

    private func look(after last: String?) -> String? {
        guard let store else { return nil }
        let alarm = store.alarm
        metrics.timeTravelAlarm.set(alarm == nil ? 0 : 1)
        if (alarm == nil) != (last == nil) { tell(alarm) }
        return alarm
    }

    private func tell(_ alarm: String?) {
        let (from, to) = alarm == nil ? ("time_travel_alarm", "in_step") : ("in_step", "time_travel_alarm")
        audit.post(AuditEvent(.transition(of: "slashing record", from: from, to: to), .done))
        if let alarm {
            logger.error(.protection, "TIME TRAVEL ALARM: \(alarm)")
        } else {
            logger.warn(.protection, "the time travel alarm is over: the slashing record was reconciled")
        }
    }
}
