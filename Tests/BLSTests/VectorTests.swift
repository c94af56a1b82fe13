// SPDX-License-Identifier: Apache-2.0
import BLS
import Encoding
import Foundation
import TestSupport
import Testing

private func files(_ folder: String) -> [VectorFile] { Vectors.files("bls12-381/\(folder)") }
private let areAbsent = files("sign").isEmpty

/// A file of the vectors: `input` and `output` in the form of its folder.
private struct Case<Input: Decodable, Output: Decodable>: Decodable {
    let input: Input
    let output: Output
}

/// The cases of ethereum/bls12-381-tests, each file its own test case.
@Suite(.disabled(if: areAbsent, "the vectors are not on this machine")) struct VectorTests {
    @Test(arguments: files("sign")) func sign(file: VectorFile) throws {
        struct Input: Decodable { let privkey, message: String }
        let vector = try file.decode(Case<Input, String?>.self)
        let message = PreparedMessage(root: try Hex.decode(vector.input.message))
        let key = try? secretKey(vector.input.privkey)
        #expect(key?.sign(message).description == vector.output)
    }

    @Test(arguments: files("verify")) func verify(file: VectorFile) throws {
        struct Input: Decodable { let pubkey, message, signature: String }
        let vector = try file.decode(Case<Input, Bool>.self)
        let signature = try Signature(hex: vector.input.signature)
        let message = PreparedMessage(root: try Hex.decode(vector.input.message))
        #expect(signature.isValid(for: message, by: try PublicKey(hex: vector.input.pubkey)) == vector.output)
    }

    @Test(arguments: files("aggregate")) func aggregate(file: VectorFile) throws {
        let vector = try file.decode(Case<[String], String?>.self)
        let sum = try Signature.aggregate(vector.input.map { try Signature(hex: $0) })
        #expect(sum?.description == vector.output)
    }

    @Test(arguments: files("aggregate_verify")) func `aggregate verify`(file: VectorFile) throws {
        struct Input: Decodable {
            let pubkeys, messages: [String]
            let signature: String
        }
        let vector = try file.decode(Case<Input, Bool>.self)
        let signed = try zip(vector.input.pubkeys, vector.input.messages).map { key, message in
            (key: try PublicKey(hex: key), message: PreparedMessage(root: try Hex.decode(message)))
        }
        // The tampered one has a signature of another length: bytes that are no signature verify nothing.
        let signature = try? Signature(hex: vector.input.signature)
        #expect((signature?.isValid(for: signed) ?? false) == vector.output)
    }

    @Test(arguments: files("fast_aggregate_verify")) func `fast aggregate verify`(file: VectorFile) throws {
        struct Input: Decodable {
            let pubkeys: [String]
            let message, signature: String
        }
        let vector = try file.decode(Case<Input, Bool>.self)
        let keys = try vector.input.pubkeys.map { try PublicKey(hex: $0) }
        let message = PreparedMessage(root: try Hex.decode(vector.input.message))
        #expect(try Signature(hex: vector.input.signature).isValid(for: message, byAll: keys) == vector.output)
    }

    @Test(arguments: files("batch_verify")) func `batch verify`(file: VectorFile) throws {
        struct Input: Decodable { let pubkeys, messages, signatures: [String] }
        let vector = try file.decode(Case<Input, Bool>.self)
        let sets = try vector.input.pubkeys.indices.map { position in
            (
                key: try PublicKey(hex: vector.input.pubkeys[position]),
                message: PreparedMessage(root: try Hex.decode(vector.input.messages[position])),
                signature: try Signature(hex: vector.input.signatures[position])
            )
        }
        #expect(Signature.areAllValid(sets) == vector.output)
    }

    @Test(arguments: files("deserialization_G1")) func `deserialization of G1`(file: VectorFile) throws {
        struct Input: Decodable { let pubkey: String }
        let vector = try file.decode(Case<Input, Bool>.self)
        let point = try? G1Point(compressed: Hex.decode(vector.input.pubkey))
        #expect((point != nil) == vector.output)
        if let point { #expect(point.compressed.description == vector.input.pubkey) }
    }

    @Test(arguments: files("deserialization_G2")) func `deserialization of G2`(file: VectorFile) throws {
        struct Input: Decodable { let signature: String }
        let vector = try file.decode(Case<Input, Bool>.self)
        let point = try? G2Point(compressed: Hex.decode(vector.input.signature))
        #expect((point != nil) == vector.output)
        if let point { #expect(point.compressed.description == vector.input.signature) }
    }

    @Test(arguments: files("hash_to_G2")) func `hash to G2`(file: VectorFile) throws {
        struct Input: Decodable { let msg: String }
        struct Output: Decodable { let x, y: String }
        let vector = try file.decode(Case<Input, Output>.self)
        #expect(coordinates(of: vector.input.msg) == [vector.output.x, vector.output.y])
    }
}

/// x and y of a message's point under the tag of RFC 9380's vectors, each as `c0,c1`.
func coordinates(of message: String) -> [String] {
    let tag = Array("QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_".utf8)
    let bytes = G2Point(hashing: Array(message.utf8).span, tag: tag.span).uncompressed.array
    let parts = stride(from: 0, to: 192, by: 48).map { Hex.encode(Array(bytes[$0..<$0 + 48]), prefix: true) }
    return ["\(parts[1]),\(parts[0])", "\(parts[3]),\(parts[2])"]
}
