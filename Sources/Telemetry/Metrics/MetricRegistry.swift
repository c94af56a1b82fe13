// SPDX-License-Identifier: Apache-2.0
internal import Concurrency

/// The metrics of a process in the order in which they were declared.
package final class MetricRegistry: Sendable {
    private struct State {
        var families: [any AnyFamily] = []
        var collectors: [@Sendable () -> Void] = []
    }
    private let state = Lock(State())

    package init() {}

    package func counter(_ name: String, _ help: String, labels: [String] = []) -> Family<Counter> {
        add(Family(.init(name: name, kind: .counter, help: help, labels: labels)) { Counter() })
    }

    package func gauge(_ name: String, _ help: String, labels: [String] = []) -> Family<Gauge> {
        add(Family(.init(name: name, kind: .gauge, help: help, labels: labels)) { Gauge() })
    }

    /// A counter that is measured elsewhere and may have fractions, such as seconds of processor time: a gauge to us, a
    /// counter to who reads the page.
    func measuredCounter(_ name: String, _ help: String) -> Family<Gauge> {
        add(Family(.init(name: name, kind: .counter, help: help, labels: [])) { Gauge() })
    }

    package func histogram(
        _ name: String,
        _ help: String,
        labels: [String] = [],
        bounds: [Double]
    ) -> Family<Histogram> {
        add(Family(.init(name: name, kind: .histogram, help: help, labels: labels)) { Histogram(bounds: bounds) })
    }

    package func summary(_ name: String, _ help: String, labels: [String] = []) -> Family<Summary> {
        add(Family(.init(name: name, kind: .summary, help: help, labels: labels)) { Summary() })
    }

    private func add<Series>(_ family: Family<Series>) -> Family<Series> {
        state.withLock { state in
            precondition(
                !state.families.contains { $0.declaration.name == family.declaration.name },
                "the metric \(family.declaration.name) is declared twice"
            )
            state.families.append(family)
        }
        return family
    }

    /// Runs `body` before each scrape, to set gauges from what is known elsewhere. It must not block.
    package func collect(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.collectors.append(body) }
    }

    /// The table, for documents and tests.
    package var declarations: [MetricDeclaration] { state.withLock { $0.families.map(\.declaration) } }

    /// The page that Prometheus reads. `prefix` narrows it to names that begin so.
    package func exposition(prefix: String = "") -> String {
        let (families, collectors) = state.withLock { ($0.families, $0.collectors) }
        for collect in collectors { collect() }
        var exposition = Exposition()
        for family in families where family.declaration.name.hasPrefix(prefix) { exposition.append(family) }
        return exposition.text
    }

    /// The `Content-Type` of the page.
    package static var contentType: String { Exposition.contentType }
}
