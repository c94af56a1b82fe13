// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPServer
import SealedKeys
import Sealing
import SignerAPI
import TestSupport
import Testing

/// An instance to which the next master key has not come: its KMS keys are away while another one rotates.
@Suite(.timeLimit(.minutes(2))) struct MissingNextKeyTests {
    enum Order: CaseIterable {
        case generate, take, activate, deactivate, delete

        var takesAway: Bool { self == .deactivate || self == .delete }
    }

    private func send(_ order: Order, _ key: String, to instance: ChamberRig.Instance) async -> Response {
        let scalar = String(repeating: "0", count: 63) + "7"
        return switch order {
        case .generate: await instance.answer(.post, "/generate", #"{"count":1}"#)
        case .take: await instance.answer(.post, "", #"{"private_keys":["\#(scalar)"]}"#)
        case .activate: await instance.answer(.patch, "", #"{"pubkeys":["\#(key)"],"status":"active"}"#)
        case .deactivate: await instance.answer(.patch, "", #"{"pubkeys":["\#(key)"],"status":"inactive"}"#)
        case .delete: await instance.answer(.delete, "", #"{"pubkeys":["\#(key)"],"remove":true}"#)
        }
    }

    /// - Returns: an instance without the next key, and a key of its ring.
    private func late(_ rig: ChamberRig) async throws -> (ChamberRig.Instance, String) {
        let other = try await rig.start()
        let keys = try await other.send(.post, "/generate", #"{"count":2}"#).compactMap(\.pubkey).sorted()
        let late = try await rig.start()
        // A row that was tampered with holds the rotation up.
        var edited = try await rig.keys.page(after: nil, limit: 1, status: nil)[0]
        edited.version = 2
        edited.createdAt += 1
        #expect(try await rig.keys.apply([.standing(edited)]) == [.done])
        _ = await other.rotate()
        while other.chamber.status.rekeying?.reason == nil { try await Task.sleep(for: .milliseconds(5)) }
        for number in 1...3 {
            let path = rig.folder.file("key\(number)")
            try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        }
        return (late, keys[1])
    }

    @Test(arguments: Order.allCases)
    func `it changes nothing, and says that it lacks the next master key, not that it is sealed`(
        order: Order
    ) async throws {
        let rig = try await ChamberRig()
        let (late, key) = try await late(rig)
        let rows = try await rig.keys.page(after: nil, limit: 9, status: nil)
        let answer = await send(order, key, to: late)
        #expect(answer.status == 503 && answer.text.contains("master_key_rotating"), "\(answer.text)")
        #expect(answer.headers.contains { $0.name == "Retry-After" })
        #expect(!answer.text.contains("sealed") && answer.text.contains("KMS keys"), "\(answer.text)")
        // What ends the signing of a key all the same is named where that was asked for.
        let saysWhatEndsIt = answer.text.contains("anti-slashing disable") && answer.text.contains("go on to sign")
        #expect(saysWhatEndsIt == order.takesAway, "\(answer.text)")
        #expect(try await rig.keys.page(after: nil, limit: 9, status: nil) == rows)
        #expect(late.loaded.contains(key))
    }

    @Test func `each hindrance says what ends it`() {
        let (kms, operators) = ("KMS keys", "operator unseal --operator NAME")
        for isRotated in [false, true] {
            let alone = "\(WritingHindrance.awaitsKey(isRotated: isRotated, byOperators: false))"
            #expect(alone.contains(kms) && !alone.contains(operators), "\(alone)")
            let together = "\(WritingHindrance.awaitsKey(isRotated: isRotated, byOperators: true))"
            #expect(together.contains(operators), "\(together)")
        }
    }
}
