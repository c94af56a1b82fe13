// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Encoding
internal import Foundation

/// Spans as OTLP has them over HTTP in JSON: `ExportTraceServiceRequest` (opentelemetry-proto 1.x; the JSON mapping writes
/// identifiers in hexadecimal and 64-bit numbers as strings).
struct OTLPDocument: Encodable {
    struct Value: Encodable { let stringValue: String }
    struct Attribute: Encodable {
        let key: String
        let value: Value
        init(_ key: String, _ value: String) { (self.key, self.value) = (key, Value(stringValue: value)) }
    }
    struct Status: Encodable {
        let code: Int
        let message: String
    }
    struct SpanDocument: Encodable {
        let traceId: String
        let spanId: String
        let parentSpanId: String?
        let name: String
        /// 1 internal, 2 server.
        let kind: Int
        let startTimeUnixNano: String
        let endTimeUnixNano: String
        let attributes: [Attribute]
        let status: Status?
    }
    struct Scope: Encodable { let name, version: String }
    struct ScopeSpans: Encodable {
        let scope: Scope
        let spans: [SpanDocument]
    }
    struct Resource: Encodable { let attributes: [Attribute] }
    struct ResourceSpans: Encodable {
        let resource: Resource
        let scopeSpans: [ScopeSpans]
    }
    let resourceSpans: [ResourceSpans]

    init(_ requests: [TracedRequest], version: String, clock: Clock, random: () -> UInt64) {
        var spans: [SpanDocument] = []
        for request in requests { Self.append(request, clock, random, &spans) }
        let service = [Attribute("service.name", "containment-chamber"), Attribute("service.version", version)]
        resourceSpans = [
            ResourceSpans(
                resource: Resource(attributes: service),
                scopeSpans: [
                    ScopeSpans(scope: Scope(name: "containment-chamber", version: version), spans: spans)
                ]
            )
        ]
    }

    /// Both clocks at one moment: spans are measured by the one that never steps, and told in the other.
    struct Clock {
        let wall: UInt64
        let monotonic: UInt64

        func text(_ time: UInt64) -> String { "\(wall &- (monotonic &- time))" }
    }

    private static func append(
        _ request: TracedRequest,
        _ clock: Clock,
        _ random: () -> UInt64,
        _ spans: inout [SpanDocument]
    ) {
        let trace =
            request.parent.map { Hex.encode($0.trace.span, prefix: false) } ?? digits(random()) + digits(random())
        let whole = digits(random())
        spans.append(
            SpanDocument(
                traceId: trace,
                spanId: whole,
                parentSpanId: request.parent.map { Hex.encode($0.span.span, prefix: false) },
                name: request.whole.name,
                kind: 2,
                startTimeUnixNano: clock.text(request.whole.began),
                endTimeUnixNano: clock.text(request.whole.ended),
                attributes: request.attributes.map { Attribute($0.name, $0.value) },
                status: request.failure.map { Status(code: 2, message: $0) }
            )
        )
        for part in request.parts {
            spans.append(
                SpanDocument(
                    traceId: trace,
                    spanId: digits(random()),
                    parentSpanId: whole,
                    name: part.name,
                    kind: 1,
                    startTimeUnixNano: clock.text(part.began),
                    endTimeUnixNano: clock.text(part.ended),
                    attributes: [],
                    status: nil
                )
            )
        }
    }

    /// 16 digits, not all of them zero: such an identifier would be none.
    private static func digits(_ number: UInt64) -> String {
        let text = String(max(1, number), radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(self)) } catch {
            preconditionFailure("spans cannot be encoded: \(error)")
        }
    }
}
