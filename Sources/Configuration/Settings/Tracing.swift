// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// Traces for a collector.
    package struct Tracing: Sendable {
        package var endpoint: String?
        package var sampleRatio = 1.0
    }
}

extension Configuration.Tracing {
    static let settings: [Setting<Configuration>] = [
        Setting(
            "tracing.otlp_endpoint",
            at: \.tracing.endpoint,
            optional: .word,
            unset: "none; nothing is traced",
            "Where traces are sent, http://HOST:4318: OTLP over HTTP in JSON. Without a path, /v1/traces is added."
        ),
        Setting(
            "tracing.sample_ratio",
            at: \.tracing.sampleRatio,
            .share,
            "The share of signing requests that are traced, 0 to 1. A request with a traceparent is traced as that says."
        ),
    ]

    static let rules: [Rule<Configuration>] = [
        Rule(["tracing.otlp_endpoint"]) { all in
            guard let endpoint = all.tracing.endpoint else { return nil }
            let isURL = ["http://", "https://"].contains { endpoint.hasPrefix($0) && endpoint.count > $0.count }
            guard !isURL || endpoint.contains("@") else { return nil }
            return .init("tracing.otlp_endpoint", "is not a URL without credentials, such as http://127.0.0.1:4318")
        }
    ]

    /// The URL that batches are posted to.
    package var url: String? {
        guard let endpoint else { return nil }
        let bare = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        let authority = bare.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: true)
        return authority.count > 2 ? bare : bare + "/v1/traces"
    }
}

extension ValueType where Value == Double {
    /// A number from 0 to 1.
    static let share = ValueType(
        "number from 0 to 1",
        placeholder: "SHARE",
        isBare: true,
        read: { text throws(ValueFailure) in
            let isPlain = !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
            guard isPlain, let number = Double(text), (0...1).contains(number) else {
                throw ValueFailure("is a number from 0 to 1, such as 0.1")
            }
            return number
        },
        write: { "\($0)" }
    )
}
