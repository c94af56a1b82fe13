// SPDX-License-Identifier: Apache-2.0
import BLS
import Consensus
import Encoding
import Secrets
import SignerAPI
import Testing

/// One arena for all cases: each segment of it takes from the limit of locked memory.
private let arena = SecretArena()

@Suite(.enabled(if: !SigningVector.all.isEmpty, "the signing vectors are not on this machine"))
struct SigningVectorTests {
    @Test(arguments: SigningVector.all)
    func `a request has its signing root and its signature`(vector: SigningVector) throws {
        let request = try SigningRequest(json: vector.request)
        let root = try request.signingRoot(on: .mainnet)
        #expect(root.description == vector.signingRoot)

        let digits = try Hex.decode(vector.secretKey)
        let scalar = SecretBytes(count: 32) { target in
            for (position, byte) in digits.enumerated() {
                target.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
            }
        }
        let key = try scalar.withBytes { bytes in try SecretKey(bigEndian: bytes, arena: arena) }
        #expect(key.publicKey.description == vector.publicKey)
        #expect(key.sign(PreparedMessage(root: root.bytes)).description == vector.signature)
    }

    @Test(arguments: SigningVector.all)
    func `a request that claims its signing root has it too`(vector: SigningVector) throws {
        var body = vector.request
        body.insert(contentsOf: Array("\"signingRoot\":\"\(vector.signingRoot)\",".utf8), at: 1)
        let request = try SigningRequest(json: body)
        #expect(request.claimedSigningRoot?.description == vector.signingRoot)
        #expect(try request.signingRoot(on: .mainnet).description == vector.signingRoot)
    }

    @Test func `the file holds the 486 cases that its description promises`() {
        #expect(SigningVector.all.count == 486)
    }

    @Test func `a request of every type is among the vectors`() {
        let types = Set(SigningVector.all.map(\.type))
        for type in OperationType.allCases where type != .builderRequestAuth {
            #expect(types.contains(type.name), "\(type)")
        }
    }
}
