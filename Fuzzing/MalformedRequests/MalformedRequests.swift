// SPDX-License-Identifier: Apache-2.0
internal import Concurrency
internal import Foundation
internal import TestSupport

/// `MalformedRequests BINARY COUNT [SEED]`: sends that many malformed requests to the real program over real sockets.
///
/// Must hold: no answer is a 5xx, nothing is signed, the process lives
/// and signs a well-formed request afterwards, its memory does not grow. The status is 0 where all of it held.
@main enum MalformedRequests {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3, let count = Int(arguments[2]) else {
            return finish("usage: MalformedRequests BINARY COUNT [SEED]", status: 2)
        }
        let seed = arguments.count > 3 ? UInt64(arguments[3]) ?? 1 : UInt64.random(in: .min ... .max)
        do {
            let figures = try run(arguments[1], count, SeededGenerator(seed: seed))
            finish("malformed requests: \(figures)", status: 0)
        } catch {
            finish("malformed requests: BROKEN with seed \(seed): \(error)", status: 1)
        }
    }

    private static func finish(_ sentence: String, status: Int32) {
        print(sentence)
        exit(status)
    }

    private static func run(_ binary: String, _ count: Int, _ random: SeededGenerator) throws -> String {
        let signer = try SignerProcess(binary)
        defer { signer.stop() }
        guard try signer.signs(targetEpoch: 2) else {
            throw Broken("a well-formed request was not signed at the start")
        }

        let tally = Lock(Tally())
        let requests = Lock((maker: RequestMaker(random, key: signer.key), left: count))
        let clients = (0..<8).map { _ in
            Thread(name: "client") {
                while let request = requests.withLock({ $0.left > 0 ? ($0.left -= 1, $0.maker.next()).1 : nil }) {
                    let failure = Self.failure(request, signer.port, tally)
                    let sent = tally.withLock { $0.add(failure) }
                    if sent == count / 10 { tally.withLock { $0.memoryBefore = signer.residentBytes } }
                    if sent % 10_000 == 0 {
                        print("malformed requests: \(sent) sent, \(signer.residentBytes >> 20) MiB")
                    }
                }
            }
        }
        clients.forEach { $0.join() }
        return try judge(signer, tally.withLock { $0 }, count)
    }

    /// What has to hold at the end.
    private static func judge(_ signer: SignerProcess, _ tally: Tally, _ count: Int) throws -> String {
        if let failure = tally.failures.first { throw Broken("\(tally.failures.count) of \(count): \(failure)") }
        guard signer.isRunning else { throw Broken("the process ended") }
        let memory = signer.residentBytes
        guard memory - tally.memoryBefore < 32 << 20 else {
            throw Broken("memory grew from \(tally.memoryBefore >> 20) to \(memory >> 20) MiB")
        }
        guard try signer.signs(targetEpoch: 3) else { throw Broken("a well-formed request was not signed at the end") }
        let recorded = try signer.recordedAttestations()
        guard recorded == [2, 3] else {
            throw Broken("the record has attestations with targets \(recorded), not 2 and 3")
        }
        let statuses = tally.statuses.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        return "\(count) sent, nothing signed, no 5xx, \(tally.memoryBefore >> 20) then \(memory >> 20) MiB; answers "
            + statuses.joined(separator: ", ")
    }

    /// What is wrong with the answers to some bytes; nil when nothing is.
    private static func failure(_ request: [UInt8], _ port: UInt16, _ tally: borrowing Lock<Tally>) -> String? {
        let shown = String(decoding: request.prefix(2000), as: UTF8.self).debugDescription
        do {
            let answer = try RawSocket(port: port).exchange(request)
            let answers = answer.components(separatedBy: "HTTP/1.1 ").dropFirst()
            tally.withLock { for answer in answers { $0.statuses[String(answer.prefix(3)), default: 0] += 1 } }
            for answer in answers where answer.hasPrefix("5") {
                return "\(shown): \(answer)"
            }
            // A signature has 96 bytes, a public key 48.
            return answer.contains(#/0x[0-9a-f]{192}/#) ? "\(shown) was signed: \(answer)" : nil
        } catch {
            return "\(shown): \(error)"
        }
    }
}

struct Broken: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What has come back so far.
private struct Tally {
    private(set) var sent = 0
    private(set) var failures: [String] = []
    var statuses: [String: Int] = [:]
    /// After a tenth of the requests, when caches and pools are warm.
    var memoryBefore = 0

    mutating func add(_ failure: String?) -> Int {
        sent += 1
        if let failure { failures.append(failure) }
        return sent
    }
}
