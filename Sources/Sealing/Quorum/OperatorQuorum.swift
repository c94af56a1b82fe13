// SPDX-License-Identifier: Apache-2.0
package import Encoding

/// What an operator is called in a chamber: 1 to 32 of a–z, 0–9, `.`, `_` and `-`, a letter first.
package struct OperatorName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        let isName = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard isName, (1...32).contains(text.utf8.count), let first = text.first, first.isLetter else { return nil }
        self.text = text
    }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
    package var description: String { text }
}

/// The operators of a chamber, as its record holds them: everybody's share of the key that opens the envelope, once for each
/// of their credentials.
package struct OperatorQuorum: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package let name: OperatorName
        /// Of the share.
        package let number: UInt8
        /// Tells the share from another as soon as it comes back.
        package let digest: Bytes<32>
        package let shares: [HeldShare]

        package init(name: OperatorName, number: UInt8, digest: Bytes<32>, shares: [HeldShare]) {
            self.name = name
            self.number = number
            self.digest = digest
            self.shares = shares
        }

        package func share(of credential: String) -> HeldShare? {
            shares.first { $0.credential.identifier == credential }
        }
    }

    /// The share of an operator, sealed to one of their credentials.
    package struct HeldShare: Hashable, Sendable {
        package let credential: OperatorCredential
        package let box: [UInt8]

        package init(credential: OperatorCredential, box: [UInt8]) {
            self.credential = credential
            self.box = box
        }
    }

    /// The ceremony that made the shares.
    package let ceremony: CeremonyIdentifier
    /// How many operators open the chamber, and approve what changes its custody.
    package let threshold: Int
    package let members: [Member]

    package init(ceremony: CeremonyIdentifier, threshold: Int, members: [Member]) {
        self.ceremony = ceremony
        self.threshold = threshold
        self.members = members
    }

    package func member(_ name: OperatorName) -> Member? { members.first { $0.name == name } }

    /// The same operators and credentials, for shares that are made anew.
    package var plan: OperatorPlan {
        OperatorPlan(
            threshold: threshold,
            operators: members.map { .init(name: $0.name, credentials: $0.shares.map(\.credential)) }
        )
    }
}

/// Operators that a master key is to be shared among.
package struct OperatorPlan: Hashable, Sendable {
    package struct Operator: Hashable, Sendable {
        package let name: OperatorName
        package var credentials: [OperatorCredential]

        package init(name: OperatorName, credentials: [OperatorCredential]) {
            self.name = name
            self.credentials = credentials
        }
    }

    package var threshold: Int
    package var operators: [Operator]

    package init(threshold: Int, operators: [Operator]) {
        self.threshold = threshold
        self.operators = operators
    }

    package static let mostOperators = 16
    /// Of one operator.
    package static let mostCredentials = 8

    /// What is no quorum, whoever the operators are. One operator alone is none: two must agree at least.
    package static func check(_ names: [OperatorName], threshold: Int) throws(CustodyError) {
        guard (2...mostOperators).contains(names.count) else {
            throw .invalid("\(names.count) operators were named; a quorum has 2 to \(mostOperators)")
        }
        guard (2...names.count).contains(threshold) else {
            throw .invalid(
                "the operators' threshold is \(threshold), but it has to be from 2 to the \(names.count) operators"
            )
        }
        let twice = Dictionary(grouping: names, by: \.self).filter { $1.count > 1 }.keys.sorted()
        guard twice.isEmpty else { throw .invalid("the operator \(twice[0]) is named twice") }
    }
}

/// How a master key is to be held: by which KMS keys, and by which operators, if any.
package struct CustodyPlan: Hashable, Sendable {
    package var keys: [KeyName]
    package var threshold: Int
    package var operators: OperatorPlan?

    package init(keys: [KeyName], threshold: Int, operators: OperatorPlan? = nil) {
        self.keys = keys
        self.threshold = threshold
        self.operators = operators
    }
}

extension MasterKeyCustody {
    /// The same keys and operators, for shares that are made anew.
    package var plan: CustodyPlan {
        CustodyPlan(keys: shares.shares.map(\.key), threshold: shares.threshold, operators: quorum?.plan)
    }
}
