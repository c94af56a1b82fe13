// SPDX-License-Identifier: Apache-2.0

/// What protects this process and what does not: one line for the log, a list for the doctor.
package struct HardeningReport: Sendable, Equatable {
    /// Whether a protection is there, with what was reached or what follows from its absence.
    package enum State: Sendable, Equatable {
        case holds(String)
        case partial(String)
        case missing(String)

        package var holds: Bool {
            if case .holds = self { true } else { false }
        }

        package var detail: String {
            switch self {
            case .holds(let detail), .partial(let detail), .missing(let detail): detail
            }
        }
    }

    package struct Protection: Sendable, Equatable {
        package let name: String
        package let state: State
    }

    package private(set) var protections: [Protection] = []

    package init() {}

    package mutating func add(_ name: String, _ state: State) {
        protections.append(Protection(name: name, state: state))
    }

    package subscript(_ name: String) -> State? { protections.first { $0.name == name }?.state }

    /// Whether there is nothing that an operator could improve.
    package var holds: Bool { protections.allSatisfy(\.state.holds) }

    /// Everything in one line: `crash reports: none; dumps: not dumpable; memory: NOT COMPLETE, only …`.
    package var line: String {
        protections.map { protection in
            switch protection.state {
            case .holds(let detail): "\(protection.name): \(detail)"
            case .partial(let detail): "\(protection.name): NOT COMPLETE, \(detail)"
            case .missing(let detail): "\(protection.name): NOT PROTECTED, \(detail)"
            }
        }.joined(separator: "; ")
    }
}
