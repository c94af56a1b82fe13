// SPDX-License-Identifier: Apache-2.0

/// A page in the text format of Prometheus, version 0.0.4.
struct Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    mutating func append(_ family: any AnyFamily) {
        let declaration = family.declaration
        text += "# HELP \(declaration.name) \(Self.escape(declaration.help))\n"
        text += "# TYPE \(declaration.name) \(declaration.kind.rawValue)\n"
        for (values, samples) in family.samples {
            for sample in samples { append(sample, declaration, values) }
        }
    }

    private mutating func append(_ sample: Sample, _ declaration: MetricDeclaration, _ values: [String]) {
        text += declaration.name + sample.suffix
        var labels = zip(declaration.labels, values).map { "\($0)=\"\(Self.escape($1, quotes: true))\"" }
        if let label = sample.label { labels.append("\(label.name)=\"\(Self.number(label.value))\"") }
        if !labels.isEmpty { text += "{" + labels.joined(separator: ",") + "}" }
        switch sample.value {
        case .number(let value): text += " \(Self.number(value))\n"
        case .count(let value): text += " \(value)\n"
        }
    }

    /// `1.0`, `0.25`, `NaN`, `+Inf`.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value.description
    }

    private static func escape(_ value: String, quotes: Bool = false) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"" where quotes: text += "\\\""
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }
}

/// One line of the page, without the name and the labels of its series.
package struct Sample {
    package enum Value {
        /// Written with a decimal point, as Web3Signer writes them: `1.0`.
        case number(Double)
        /// Written without: `1`.
        case count(UInt64)
    }
    /// `_sum`, `_count`, `_bucket` or nothing.
    var suffix = ""
    /// `le` of a bucket, `quantile` of a summary.
    var label: (name: String, value: Double)?
    let value: Value
}

/// A time series that can stand on the page.
package protocol Instrument: Sendable {
    var samples: [Sample] { get }
}

extension Counter: Instrument {
    package var samples: [Sample] { [Sample(value: .number(Double(value)))] }
}

extension Gauge: Instrument {
    package var samples: [Sample] { [Sample(value: .number(value))] }
}

extension Histogram: Instrument {
    package var samples: [Sample] {
        let state = snapshot
        var total: UInt64 = 0
        let buckets = zip(bounds + [.infinity], state.counts).map { bound, count in
            total += count
            return Sample(suffix: "_bucket", label: ("le", bound), value: .count(total))
        }
        return buckets + [
            Sample(suffix: "_sum", value: .number(state.sum)), Sample(suffix: "_count", value: .count(total)),
        ]
    }
}

extension Summary: Instrument {
    package var samples: [Sample] {
        let state = snapshot
        let quantiles = zip(Self.quantiles, state.quantiles(Self.quantiles)).map { share, value in
            Sample(label: ("quantile", share), value: .number(value))
        }
        return quantiles + [
            Sample(suffix: "_sum", value: .number(state.sum)), Sample(suffix: "_count", value: .count(state.count)),
        ]
    }
}
