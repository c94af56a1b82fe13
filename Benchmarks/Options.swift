// SPDX-License-Identifier: Apache-2.0

/// The command line.
struct Options {
    enum Part: String, CaseIterable {
        case sameRoot = "same-root"
        case distinctRoots = "distinct-roots"
        case upcheck
        case startUp = "start-up"
        case stores
        /// What authentication, TLS and the audit file cost.
        case guards
        /// 10,000 keys that lie encrypted in a store.
        case chamber
        /// Whether refusals take equally long.
        case timing
        /// Takes a quarter of an hour, so only where it is asked for.
        case tools
    }

    static let usage = """
        usage: Benchmarks --binary FILE [--folder FOLDER] [--json] [--report-only] [--rounds N] [--keys N] [--sealed-keys N]
                          [--only same-root|distinct-roots|upcheck|start-up|stores|guards|chamber|timing|tools]
        """

    /// The program that is measured.
    var binary = ""
    /// Where the record lies while it runs: on a disk, or durability costs nothing.
    var folder = ".build"
    var isJSON = false
    /// Missed targets do not fail the run.
    var isReportOnly = false
    var rounds = 12
    /// Keys of a burst, each on a connection of its own.
    var keys = 400
    /// Encrypted keys of a chamber. What stands in for DynamoDB takes minutes to be given 10,000.
    var sealedKeys = 10_000
    var only: Part?

    init(_ arguments: [String]) throws(BenchmarkFailure) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            switch name {
            case "--json": isJSON = true
            case "--report-only": isReportOnly = true
            default:
                guard let value = rest.popFirst() else {
                    throw BenchmarkFailure("\(name) needs a value\n\(Self.usage)")
                }
                try take(name, value)
            }
        }
        guard !binary.isEmpty else { throw BenchmarkFailure("--binary is missing\n\(Self.usage)") }
    }

    private mutating func take(_ name: String, _ value: String) throws(BenchmarkFailure) {
        let number = Int(value) ?? 0
        switch name {
        case "--binary": binary = value
        case "--folder": folder = value
        case "--rounds" where (1...1000).contains(number): rounds = number
        case "--keys" where (1...1500).contains(number): keys = number
        case "--sealed-keys" where (16...100_000).contains(number): sealedKeys = number
        case "--only" where Part(rawValue: value) != nil: only = Part(rawValue: value)
        default: throw BenchmarkFailure("\(name) \(value) is not understood\n\(Self.usage)")
        }
    }

    func runs(_ part: Part) -> Bool { only == part || only == nil && part != .tools }
}
