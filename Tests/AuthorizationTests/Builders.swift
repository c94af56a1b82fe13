// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import BLS
import Consensus
import Encoding
import JSON

func key(_ number: UInt8) -> PublicKey { PublicKey(Bytes([UInt8](repeating: number, count: 48))!) }
func address(_ text: String) -> IPAddress { IPAddress(text)! }

extension PolicyName {
    static let some = PolicyName("some")!
}

extension AccessDirectory {
    /// A directory with one token, numbered, that has these policies.
    init(_ policies: [Policy], token number: UInt8 = 1, expires: Int64? = nil) {
        self.init()
        for policy in policies { put(policy, version: 1) }
        put(.numbered(number, policies.map(\.name), expires: expires), version: 1)
    }
}

extension TokenDigest {
    static func numbered(_ number: UInt8) -> TokenDigest { TokenDigest(Bytes([UInt8](repeating: number, count: 32))!) }
}

extension Token {
    static func numbered(_ number: UInt8, _ policies: [PolicyName], expires: Int64? = nil) -> Token {
        Token(digest: .numbered(number), name: .some, policies: policies, created: 0, expires: expires)
    }
}

func policy(_ rules: [Rule], name: String = "some") -> Policy { Policy(name: PolicyName(name)!, rules: rules) }

func policy(json: String, named name: PolicyName? = nil) throws -> Policy {
    try PolicyDocument().read(try JSONDocument(Array(json.utf8), refusesDuplicates: false).root, named: name)
}
