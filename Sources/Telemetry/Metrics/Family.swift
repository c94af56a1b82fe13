// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// What a metric is called and means: one row of the table.
package struct MetricDeclaration: Sendable {
    package enum Kind: String, Sendable { case counter, gauge, histogram, summary }
    package let name: String
    package let kind: Kind
    package let help: String
    package let labels: [String]
}

/// All time series of one name: one instrument for each combination of label values.
package final class Family<Series: Instrument>: Sendable {
    package let declaration: MetricDeclaration
    private let make: @Sendable () -> Series
    private let children = Lock<[[String]: Series]>([:])

    /// Label values come from closed sets. Should one not, the memory of the signer does not follow it: from here on,
    /// new combinations share the one whose labels all read `other`.
    static var mostCombinations: Int { 1000 }

    init(_ declaration: MetricDeclaration, make: @escaping @Sendable () -> Series) {
        self.declaration = declaration
        self.make = make
        // A series without labels exists from the start, so that a dashboard shows 0 and not a hole.
        if declaration.labels.isEmpty { _ = labelled([]) }
    }

    /// The instrument of these label values, in the order of the declaration. Keep it where it is used often.
    package subscript(_ values: String...) -> Series { labelled(values) }

    func labelled(_ values: [String]) -> Series {
        precondition(
            values.count == declaration.labels.count,
            "\(declaration.name) has \(declaration.labels.count) labels, not \(values.count)"
        )
        return children.withLock { children in
            if let known = children[values] { return known }
            var values = values
            if children.count >= Self.mostCombinations {
                values = values.map { _ in "other" }
                if let other = children[values] { return other }
            }
            let new = make()
            children[values] = new
            return new
        }
    }

    /// All series, in a stable order.
    var series: [(values: [String], instrument: Series)] {
        children.withLock { children in children.map { ($0.key, $0.value) } }
            .sorted { $0.0.lexicographicallyPrecedes($1.0) }
    }
}

/// A family whatever its instruments are.
protocol AnyFamily: Sendable {
    var declaration: MetricDeclaration { get }
    var samples: [(values: [String], samples: [Sample])] { get }
}

extension Family: AnyFamily {
    var samples: [(values: [String], samples: [Sample])] { series.map { ($0.values, $0.instrument.samples) } }
}
