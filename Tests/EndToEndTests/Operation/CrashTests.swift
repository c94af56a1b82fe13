// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Glibc
import TestSupport
import Testing

/// `kill -9` under load: whatever was released before is known after. `CHAMBER_CRASH_CYCLES` asks for more cycles.
@Suite(.timeLimit(.minutes(30)))
struct CrashTests {
    private static let cycles = ProcessInfo.processInfo.environment["CHAMBER_CRASH_CYCLES"].flatMap { Int($0) } ?? 20
    private static let clients = 4
    private static let keysPerClient = 2

    /// A signature that a client has in its hands.
    private struct Released: Sendable {
        let key: TestKey
        let duty: Duty
        let signature: String
    }

    private enum Duty: Sendable, CustomStringConvertible {
        case block(slot: UInt64)
        case attestation(source: UInt64, target: UInt64)

        /// The message, or one that conflicts with it.
        func body(_ content: String) -> String {
            switch self {
            case .block(let slot): SigningBody.block(slot: slot, body: content)
            case .attestation(let source, let target):
                SigningBody.attestation(source: source, target: target, block: content)
            }
        }

        var description: String {
            switch self {
            case .block(let slot): "block \(slot)"
            case .attestation(let source, let target): "attestation \(source)→\(target)"
            }
        }
    }

    @Test func `no twin of a released signature is signed after a crash`() async throws {
        var generator = SeededGenerator.fromEnvironment()
        let seed = generator.seed
        let keys = try (0..<(Self.clients * Self.keysPerClient)).map { try TestKey(500 + $0) }
        let workplace = try Workplace(keys: keys)
        var earlier: [Released] = []
        for cycle in 0..<Self.cycles {
            let signer = try await RunningSigner.start(in: workplace, makesRecord: cycle == 0)
            // What the cycles before have released, before anything new comes.
            try await expectRefusals(of: earlier.suffix(200), from: signer, "cycle \(cycle), seed \(seed)")
            let fatal = Int.random(in: 1...120, using: &generator)
            let released = try await load(signer, keys, cycle: UInt64(cycle), killAfter: fatal)
            #expect(released.count >= fatal)
            earlier += released
        }
        let last = try await RunningSigner.start(in: workplace, makesRecord: false)
        try await expectRefusals(of: earlier[...], from: last, "the end, seed \(seed)")
        #expect(await last.stop() == 0)
    }

    /// Clients sign with rising duties until one of them pulls the plug after `fatal` signatures.
    private func load(
        _ signer: RunningSigner,
        _ keys: [TestKey],
        cycle: UInt64,
        killAfter fatal: Int
    ) async throws -> [Released] {
        let released = Lock([Released]())
        let (port, process) = (signer.port, signer.process)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<Self.clients {
                let own = Array(keys[(client * Self.keysPerClient)...].prefix(Self.keysPerClient))
                group.addTask {
                    try await onThread {
                        // Where the plug is pulled early, a client may come too late.
                        guard let connection = try? HTTPConnection(port: port) else { return }
                        for step in 0..<10_000 as Range<UInt64> {
                            let key = own[Int(step) % own.count]
                            let epoch = 2 + cycle * 100 + step / UInt64(own.count)
                            let duty: Duty =
                                step.isMultiple(of: 3)
                                ? .block(slot: epoch * 32) : .attestation(source: epoch - 1, target: epoch)
                            let target = "/api/v1/eth2/sign/\(key.publicKey)"
                            // The plug is pulled: a connection that breaks is the end of this client.
                            guard let answer = try? connection.exchange("POST", target, body: duty.body("0xa1")) else {
                                return
                            }
                            guard answer.status == 200 else {
                                throw TimedOut(description: "\(duty): \(answer.status) \(answer.body)")
                            }
                            let count = released.withLock { released in
                                released.append(Released(key: key, duty: duty, signature: answer.body))
                                return released.count
                            }
                            if count >= fatal { process.signal(SIGKILL) }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        _ = await process.exitCode
        return released.withLock { $0 }
    }

    private func expectRefusals(
        of released: ArraySlice<Released>,
        from signer: RunningSigner,
        _ place: String
    ) async throws {
        let (port, released) = (signer.port, Array(released))
        let wrong = try await onThread {
            let connection = try HTTPConnection(port: port)
            return try released.compactMap { one -> String? in
                let target = "/api/v1/eth2/sign/\(one.key.publicKey)"
                let twin = try connection.exchange("POST", target, body: one.duty.body("0xb2"))
                let again = try connection.exchange("POST", target, body: one.duty.body("0xa1"))
                return twin.status == 412 && again.status == 200 && again.body == one.signature
                    ? nil : "\(one.duty): twin \(twin.status), repeat \(again.status)"
            }
        }
        #expect(wrong == [], "\(place)")
    }
}
