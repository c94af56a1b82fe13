// SPDX-License-Identifier: Apache-2.0

/// The forks of the consensus layer in their order, named as the beacon API writes them.
package enum Fork: String, CaseIterable, Comparable, Sendable, CustomStringConvertible {
    case phase0 = "PHASE0"
    case altair = "ALTAIR"
    case bellatrix = "BELLATRIX"
    case capella = "CAPELLA"
    case deneb = "DENEB"
    case electra = "ELECTRA"
    case fulu = "FULU"
    case gloas = "GLOAS"

    /// Reads the exact upper-case name; Web3Signer takes no other spelling of a version.
    package init?(name: String) { self.init(rawValue: name) }

    /// The exact upper-case name.
    package var name: String { rawValue }
    package var description: String { rawValue }

    /// The place in the order of forks, from 0.
    package var position: Int {
        switch self {
        case .phase0: 0
        case .altair: 1
        case .bellatrix: 2
        case .capella: 3
        case .deneb: 4
        case .electra: 5
        case .fulu: 6
        case .gloas: 7
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.position < right.position }
}
