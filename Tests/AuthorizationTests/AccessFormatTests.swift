// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import Concurrency
import Crypto
import Encoding
import Foundation
import Secrets
import SignerState
import TestSupport
import Testing

/// What lies in the signer state and in the memory file, as docs/formats.md has it.
@Suite struct AccessFormatTests {
    /// With the keys of the chamber `000102…0f` and the master key `000102…1f`.
    private final class VectorSeal: AccessSeal {
        let chamber = Bytes<16>([UInt8](0..<16))!
        let generation: UInt64 = 1
        let tags = Lock<[String]>([])

        func tag(row message: [UInt8]) -> Bytes<32> { tag(message, "access-row") }
        func tag(catalogue message: [UInt8]) -> Bytes<32> { tag(message, "access-catalogue") }

        private func tag(_ message: [UInt8], _ purpose: String) -> Bytes<32> {
            let info = Array("containment-chamber/\(purpose)/v1".utf8) + [0] + chamber.array + [0, 0, 0, 0, 0, 0, 0, 1]
            let (master, salt) = ([UInt8](0..<32), chamber.array)
            let key = try! HKDF.sha256(master.span, salt: salt.span, info: info.span, count: 32)
            let tag = try! key.withSpan { (key) throws(CryptoError) in try HMAC.sha256(key: key, message.span) }
            tags.withLock { $0.append(Hex.encode(tag.span, prefix: false)) }
            return tag
        }
    }

    @Test func `the test vectors of a row and a catalogue`() async throws {
        let (store, seal) = (AttackedState(), VectorSeal())
        let instance = try await SealedInstance(store, opens: false)
        try await instance.register.create(policy([Rule(.deny)], name: "vc-1"))
        try await instance.register.replace(policy([Rule(.allow)], name: "vc-1"))
        try await store.apply([try await instance.register.founding(under: seal)])
        try await instance.register.open([seal])
        let tags = seal.tags.withLock { $0 }
        #expect(tags.contains("9ff57460fd04a64d13995c1f0e72f6f3b8f14b6fd0824fa94f58015f3aaa0cfa"))
        #expect(tags.contains("6ca8915650cbb189fb37b669839f339aec1a25dcc5030b2399d08adfb05d7071"))
        let row = try #require(store.row("policy", "vc-1"))
        let text = String(decoding: row.body ?? [], as: UTF8.self)
        let pattern = /\{"generation":1,"tag":"[0-9a-f]{64}","row":\{"name":"vc-1","rules":\[\{"effect":"allow"\}\]\}\}/
        #expect(row.version == 3 && text.wholeMatch(of: pattern) != nil, "\(text)")
    }

    private static let chamber = Bytes<16>([UInt8](repeating: 0xab, count: 16))!

    @Test func `the memory file rises, is its owner's alone, and is there again`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("memory")
        let memory = try StateMemory(path: path)
        #expect(memory.known == nil)
        try await memory.remember(catalogue: 7, of: Self.chamber)
        try await memory.remember(custody: 3, of: Self.chamber)
        try await memory.remember(catalogue: 5, of: Self.chamber)
        let chamber = String(repeating: "ab", count: 16)
        let text = #"{"catalogue":7,"chamber":"\#(chamber)","custody":3}"# + "\n"
        #expect(String(decoding: try folder.contents("memory"), as: UTF8.self) == text)
        #expect(try folder.mode("memory") == 0o600)
        let again = try StateMemory(path: path)
        #expect(again.highestCatalogue(of: Self.chamber) == 7 && again.highestCustody(of: Self.chamber) == 3)
        #expect(try folder.names == ["memory"])
    }

    @Test func `what cannot be remembered is told once, and everything works on`() async throws {
        let folder = try TemporaryFolder()
        let memory = try StateMemory(path: folder.file("none/memory"))
        let chamber = try await SealedChamber(memory: memory)
        _ = try await chamber.one.makeToken(["signing"])
        let told = chamber.one.notices.withLock { $0 }.filter { if case .forgotten = $0 { true } else { false } }
        #expect(told.count == 1 && chamber.one.refusal(chamber.bearer) == nil)
        // In this process it is known all the same.
        #expect(memory.highestCatalogue(of: TestSeal().chamber) > 1)
    }

    @Test func `another chamber is taken up by order only, and what cannot be read stops the start`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("memory")
        let memory = try StateMemory(path: path)
        try await memory.remember(catalogue: 7, of: Self.chamber)
        let other = Bytes<16>([UInt8](repeating: 1, count: 16))!
        await #expect(throws: StateMemoryError.self) { try await memory.remember(catalogue: 9, of: other) }
        #expect(memory.highestCatalogue(of: Self.chamber) == 7 && memory.highestCatalogue(of: other) == 0)
        try await memory.begin(other)
        let again = try StateMemory(path: path)
        #expect(again.highestCatalogue(of: Self.chamber) == 0 && again.known?.chamber == other)
        try folder.write(Data("{".utf8), to: "memory")
        #expect(throws: StateMemoryError.self) { try StateMemory(path: path) }
    }
}
