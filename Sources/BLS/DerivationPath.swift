// SPDX-License-Identifier: Apache-2.0

/// The place of a key in its tree, in the notation of EIP-2333 and the order of EIP-2334: purpose, coin type, account,
/// use, and what lies below. `m/12381/3600/0/0/0` is the first validator's signing key.
package struct DerivationPath: Hashable, Sendable {
    /// The number of each child on the way down from the master.
    package let indices: [UInt32]

    /// The purpose of every tree that EIP-2333 makes, after the curve.
    static let purpose: UInt32 = 12381
    /// Ether's consensus layer (EIP-2334, "Coin type").
    static let coinType: UInt32 = 3600
    /// EIP-2334 asks for four levels; nobody has more than five. Each costs a derivation, so a text may not ask for any
    /// number of them.
    static let levels = 4...16

    private init(indices: [UInt32]) { self.indices = indices }

    /// The withdrawal key of the validator with this number (EIP-2334, "Validator keys").
    package static func withdrawal(validator: UInt32) -> DerivationPath {
        DerivationPath(indices: [purpose, coinType, validator, 0])
    }

    /// The signing key of the validator with this number: the first child of its withdrawal key.
    package static func signing(validator: UInt32) -> DerivationPath {
        DerivationPath(indices: [purpose, coinType, validator, 0, 0])
    }
}

extension DerivationPath {
    /// Why a text is no path of EIP-2334.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// It does not begin with `m`.
        case noMaster
        /// What stands at this level, counted from 1 below `m`, is not a number from 0 to 2³² − 1 in plain digits.
        case notAnIndex(level: Int)
        case levels(Int)
        case purpose(UInt32)

        package var description: String {
            switch self {
            case .noMaster: "does not begin with m, the master key"
            case .notAnIndex(let level):
                "has no number from 0 to \(UInt32.max), in digits without leading zeros, at level \(level)"
            case .levels(let count):
                "has \(count) levels where \(DerivationPath.levels.lowerBound) to "
                    + "\(DerivationPath.levels.upperBound) can be"
            case .purpose(let number): "has the purpose \(number); keys of this curve have \(DerivationPath.purpose)"
            }
        }
    }

    /// Reads the written form; one path has one. (A leading zero, a sign or the mark of hardened keys, which this tree does
    /// not have, may mean something else to another program.)
    package init(_ text: some StringProtocol) throws(Failure) {
        // The longest path there is. What is longer need not be taken apart to be refused.
        guard text.utf8.count <= 1 + Self.levels.upperBound * 11 else {
            throw .levels(text.utf8.count { $0 == UInt8(ascii: "/") })
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.first == "m" else { throw .noMaster }
        var indices: [UInt32] = []
        for part in parts.dropFirst() {
            guard let index = UInt32(part), String(index) == part else { throw .notAnIndex(level: indices.count + 1) }
            indices.append(index)
        }
        guard Self.levels.contains(indices.count) else { throw .levels(indices.count) }
        guard indices[0] == Self.purpose else { throw .purpose(indices[0]) }
        self.indices = indices
    }
}

extension DerivationPath: CustomStringConvertible {
    /// As EIP-2335 wants it in a keystore.
    package var description: String { indices.reduce("m") { "\($0)/\($1)" } }
}
