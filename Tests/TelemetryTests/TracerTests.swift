// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Encoding
import Foundation
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct TracerTests {
    private static let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func `a traceparent is read as the standard writes it`() throws {
        let parent = try #require(TraceParent(Self.text))
        #expect(Hex.encode(parent.trace.span, prefix: false) == "0af7651916cd43dd8448eb211c80319c")
        #expect(Hex.encode(parent.span.span, prefix: false) == "b7ad6b7169203331")
        #expect(parent.isSampled)
        #expect(TraceParent(Self.text.dropLast(2) + "02")?.isSampled == false)
        // A later version may have more.
        #expect(TraceParent("cc" + Self.text.dropFirst(2) + "-more") == nil)
        #expect(TraceParent("cc" + Self.text.dropFirst(2) + "-0a")?.isSampled == true)
    }

    @Test(
        arguments: [
            "", "00", text + "-00", "ff" + text.dropFirst(2), text.uppercased(), String(text.dropLast()), text + "0",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", "0x-" + text.dropFirst(3),
            "00--0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ].map { "\($0)" }
    )
    func `anything else begins a trace of its own`(text: String) {
        #expect(TraceParent(text) == nil)
    }

    private static func request(_ parent: TraceParent? = nil) -> TracedRequest {
        let now = MonotonicClock.nanoseconds
        return TracedRequest(
            parent: parent,
            whole: TraceSpan("sign_request", began: now - 5000, ended: now),
            parts: [TraceSpan("read", began: now - 5000, ended: now - 4000)],
            attributes: [("chamber.outcome", "signed")],
            failure: nil
        )
    }

    private static func settings(ratio: Double = 1) -> Tracer.Settings {
        Tracer.Settings(sampleRatio: ratio, version: "1")
    }

    /// Spans of a document, by name.
    private static func spans(_ body: [UInt8]) throws -> [[String: Any]] {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
        let resources = try #require(object["resourceSpans"] as? [[String: Any]])
        let scopes = try #require(resources.first?["scopeSpans"] as? [[String: Any]])
        return try #require(scopes.first?["spans"] as? [[String: Any]])
    }

    @Test func `a request becomes a span with its parts below it, in the trace of its client`() async throws {
        let bodies = Lock<[[UInt8]]>([])
        let tracer = Tracer(Self.settings()) { body in
            bodies.withLock { $0.append(body) }
            return true
        }
        tracer.record(Self.request(TraceParent(Self.text)))
        tracer.record(Self.request())
        await Blocking.run(name: "stop") { tracer.stop() }
        let spans = try bodies.withLock { $0 }.flatMap(Self.spans)
        #expect(spans.map { $0["name"] as? String } == ["sign_request", "read", "sign_request", "read"])
        #expect(spans[0]["traceId"] as? String == "0af7651916cd43dd8448eb211c80319c")
        #expect(spans[0]["parentSpanId"] as? String == "b7ad6b7169203331" && spans[0]["kind"] as? Int == 2)
        #expect(spans[1]["parentSpanId"] as? String == spans[0]["spanId"] as? String)
        #expect(spans[2]["parentSpanId"] == nil && (spans[2]["traceId"] as? String)?.count == 32)
        #expect(spans[2]["traceId"] as? String != spans[0]["traceId"] as? String)
        let began = try #require((spans[0]["startTimeUnixNano"] as? String).flatMap { UInt64($0) })
        let ended = try #require((spans[0]["endTimeUnixNano"] as? String).flatMap { UInt64($0) })
        #expect(ended - began == 5000)
        #expect(tracer.counts.sent == 2 && tracer.counts.dropped == 0)
    }

    @Test func `the client decides, else chance does`() async {
        let (all, none) = (Tracer(Self.settings()) { _ in true }, Tracer(Self.settings(ratio: 0)) { _ in true })
        #expect(all.samples(nil) && !none.samples(nil))
        #expect(none.samples(TraceParent(Self.text)))
        #expect(!all.samples(TraceParent(Self.text.dropLast(2) + "00")))
        await Blocking.run(name: "stop") {
            all.stop()
            none.stop()
        }
    }

    @Test func `without a collector everything is dropped and counted, and nobody waits`() async {
        var settings = Self.settings()
        settings.room = 10
        settings.rest = .seconds(60)
        let tracer = Tracer(settings) { _ in false }
        for _ in 0..<1000 { tracer.record(Self.request()) }
        await Blocking.run(name: "stop") { tracer.stop() }
        #expect(tracer.counts.sent == 0 && tracer.counts.dropped == 1000)
    }
}
