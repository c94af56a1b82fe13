// SPDX-License-Identifier: Apache-2.0
import Encoding
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct AuditEventTests {
    private func attestation(_ outcome: AuditEvent.Outcome) -> AuditEvent {
        var event = AuditEvent(.signing(operation: "ATTESTATION"), outcome)
        event.key = Bytes<48>((0..<48).map { UInt8($0) })
        event.caller = "anonymous"
        event.peer = "10.0.0.1:4711"
        event.request = "a1"
        event.sourceEpoch = 7
        event.targetEpoch = .max
        event.slot = 9
        event.nanoseconds = 1_234_567
        return event
    }

    @Test func `a signature is one line with its named fields`() throws {
        let text = try captureLog("off,audit=info") { $0.audit(attestation(.done)) }
        #expect(
            text == """
                2023-11-14T22:13:20.123456Z  INFO audit: signed event=signing operation=ATTESTATION outcome=done \
                key=0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f \
                caller=anonymous peer=10.0.0.1:4711 request=a1 slot=9 source_epoch=7 target_epoch=18446744073709551615 \
                duration_us=1234

                """
        )
    }

    @Test func `a refusal carries its reason and passes a filter for warnings`() throws {
        let text = try captureLog("warn") { logger in
            logger.audit(attestation(.done))
            logger.audit(attestation(.refused(code: "slashable_attestation", detail: "surrounds 3 to 4")))
        }
        #expect(text.split(separator: "\n").count == 1)
        #expect(text.contains(" WARN audit: signing refused event=signing operation=ATTESTATION outcome=refused"))
        #expect(text.contains(#" reason=slashable_attestation detail="surrounds 3 to 4" key=0x"#))
    }

    @Test func `what could not be decided is an error`() throws {
        let object = try captureObject { $0.audit(attestation(.failed(code: "storage_unavailable"))) }
        #expect(object["level"] as? String == "ERROR")
        #expect(object["target"] as? String == "audit")
        #expect(object["reason"] as? String == "storage_unavailable")
        #expect(object["slot"] as? Int == 9)
    }

    @Test func `a canary that signed is a warning`() throws {
        var event = attestation(.done)
        event.isCanary = true
        let text = try captureLog("warn") { $0.audit(event) }
        #expect(text.contains("WARN audit: signed") && text.contains("canary=true"))
    }

    @Test func `state transitions, admin actions and refused access have their own fields`() throws {
        let text = try captureLog { logger in
            logger.audit(AuditEvent(.transition(of: "server", from: "ready", to: "draining"), .done))
            logger.audit(AuditEvent(.administration("reload", subject: "12 keys"), .done))
            logger.audit(AuditEvent(.access(method: "GET", path: "/x"), .refused(code: "host_not_allowed")))
        }
        #expect(
            text.contains("state changed event=state_transition subject=server from=ready to=draining outcome=done")
        )
        #expect(text.contains(#"admin action done event=admin operation=reload subject="12 keys" outcome=done"#))
        #expect(text.contains("access refused event=access method=GET path=/x outcome=refused reason=host_not_allowed"))
    }

    @Test func `a caller cannot write a line of its own`() throws {
        var event = AuditEvent(.signing(operation: "X\n2023 INFO audit: signed"), .done)
        event.caller = "me\" outcome=done \u{1b}[2K"
        let text = try captureLog { $0.audit(event) }
        #expect(text.unicodeScalars.filter { $0 == "\n" }.count == 1)
        #expect(text.contains(#"operation="X\n2023 INFO audit: signed""#))
        #expect(text.contains(#"caller="me\" outcome=done \u001b[2K""#))
    }

    @Test func `audit can be switched off`() throws {
        #expect(try captureLog("trace,audit=off") { $0.audit(attestation(.done)) }.isEmpty)
    }
}
