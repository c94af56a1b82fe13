// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// What a client says of the trace that its request belongs to: the field `traceparent` of W3C Trace Context, level 1.
package struct TraceParent: Hashable, Sendable {
    package let trace: Bytes<16>
    package let span: Bytes<8>
    package let isSampled: Bool

    package init(trace: Bytes<16>, span: Bytes<8>, isSampled: Bool) {
        self.trace = trace
        self.span = span
        self.isSampled = isSampled
    }

    /// Nil for what is not well formed: then the request begins a trace of its own (§3.2.2).
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, text.utf8.count <= 256, parts.allSatisfy({ $0.utf8.allSatisfy(Self.isDigit) }),
            parts[0].utf8.count == 2, parts[0] != "ff", parts[0] != "00" || parts.count == 4,
            parts[1].utf8.count == 32, parts[2].utf8.count == 16, parts[3].utf8.count == 2,
            let trace: Bytes<16> = try? Hex.decode(String(parts[1])), !trace.isZero,
            let span: Bytes<8> = try? Hex.decode(String(parts[2])), !span.isZero,
            let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(trace: trace, span: span, isSampled: flags & 1 == 1)
    }

    /// Lower case only.
    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

/// A part of the work on a request, with its time.
package struct TraceSpan: Sendable {
    package let name: String
    /// Nanoseconds of the monotonic clock.
    package let began: UInt64
    package let ended: UInt64

    package init(_ name: String, began: UInt64, ended: UInt64) {
        self.name = name
        self.began = began
        self.ended = ended
    }
}

/// A request with its parts.
package struct TracedRequest: Sendable {
    package let parent: TraceParent?
    package let whole: TraceSpan
    package let parts: [TraceSpan]
    package let attributes: [(name: String, value: String)]
    /// What went wrong; nil where nothing did. A refusal is no failure.
    package let failure: String?

    package init(
        parent: TraceParent?,
        whole: TraceSpan,
        parts: [TraceSpan],
        attributes: [(name: String, value: String)],
        failure: String?
    ) {
        self.parent = parent
        self.whole = whole
        self.parts = parts
        self.attributes = attributes
        self.failure = failure
    }
}
