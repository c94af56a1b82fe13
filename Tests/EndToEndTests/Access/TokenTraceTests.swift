// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import TestSupport
import Testing

/// Where tokens are in the memory of a signer that has seen them.
@Suite(.timeLimit(.minutes(5)), .enabled(if: geteuid() == 0, "only root reads the memory of a process that hides it"))
struct TokenTraceTests {
    @Test func `a token that was shown a thousand times is nowhere in the memory of the signer`() async throws {
        let key = try TestKey(1)
        let guarded = try await GuardedSigner.start(keys: [key])
        let client = try await guarded.token("vc-1", #"{"effect":"allow","scopes":["sign","public_keys"]}"#)
        await guarded.signer.stop()
        // The signer that made it has shown it once; the one that is looked at has only been shown it.
        let signer = try await RunningSigner.start(in: guarded.signer.workplace)
        let basic = Data("any:\(client.token)".utf8).base64EncodedString()
        let port = signer.port
        // Kept open: what a connection's buffers hold is there as long as it is.
        let connections = try await onThread {
            let connections = try (0..<8).map { _ in Shared(try HTTPConnection(port: port)) }
            for round in 0..<125 {
                for connection in connections {
                    let header = round % 2 == 0 ? "Bearer \(client.token)" : "Basic \(basic)"
                    let answer = try connection.value.exchange(
                        "GET",
                        "/api/v1/eth2/publicKeys",
                        ["Accept: application/json", "Authorization: \(header)"]
                    )
                    guard answer.status == 200 else { throw TimedOut(description: "\(answer)") }
                }
            }
            return connections
        }
        let process = signer.process.identifier
        let found = try await onThread {
            // Where the digits begin in the base64 depends on what stands before them; this part does not.
            let digits = client.token.dropFirst(9)
            return [
                try Memory.count(key.publicKey, of: process), try Memory.count(String(digits), of: process),
                try Memory.count(String(basic.dropFirst(20).prefix(60)), of: process),
            ]
        }
        // The scan finds what is there: the list that was answered.
        #expect(found[0] > 0)
        #expect(found[1] == 0, "in plain text")
        #expect(found[2] == 0, "in base64")
        withExtendedLifetime(connections) {}
        await signer.stop()
    }

    /// Used by one thread after another.
    private final class Shared: @unchecked Sendable {
        let value: HTTPConnection
        init(_ value: HTTPConnection) { self.value = value }
    }
}

/// The memory of another process, read by the kernel.
private enum Memory {
    /// How often a text stands there.
    static func count(_ text: String, of process: pid_t) throws -> Int {
        let needle = Array(text.utf8)
        let memory = unsafe open("/proc/\(process)/mem", O_RDONLY)
        guard memory >= 0 else { throw TimedOut(description: "the memory of \(process) cannot be read") }
        defer { close(memory) }
        var found = 0
        var window = [UInt8](repeating: 0, count: 1 << 20)
        for (start, end) in try mappings(of: process) {
            var position = start
            while position < end {
                let length = min(window.count, Int(end - position))
                let got = unsafe window.withUnsafeMutableBytes {
                    unsafe pread(memory, $0.baseAddress, length, Int(position))
                }
                guard got > 0 else {
                    position = (position & ~4095) + 4096
                    continue
                }
                found += occurrences(of: needle, in: window[..<got])
                let next = position + UInt(got)
                position = next < end && got > needle.count ? next - UInt(needle.count) + 1 : next
            }
        }
        return found
    }

    private static func occurrences(of needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe needle.withUnsafeBytes { needle in
                guard var start = bytes.baseAddress, let pattern = needle.baseAddress else { return 0 }
                var left = bytes.count
                var count = 0
                while left >= needle.count, let hit = unsafe memchr(start, Int32(needle[0]), left) {
                    left -= unsafe UnsafeRawPointer(hit) - start
                    if left >= needle.count, unsafe memcmp(hit, pattern, needle.count) == 0 { count += 1 }
                    left -= 1
                    unsafe start = UnsafeRawPointer(hit) + 1
                }
                return count
            }
        }
    }

    private static func mappings(of process: pid_t) throws -> [(start: UInt, end: UInt)] {
        let list = unsafe open("/proc/\(process)/maps", O_RDONLY)
        guard list >= 0 else { throw TimedOut(description: "the mappings of \(process) cannot be read") }
        defer { close(list) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let got = unsafe read(list, &piece, piece.count), got > 0 { text += piece[..<got] }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            let range = fields[0].split(separator: "-")
            guard fields[1].hasPrefix("r"), !line.hasSuffix("[vvar]"), !line.hasSuffix("[vsyscall]"),
                let start = UInt(range[0], radix: 16), let end = UInt(range[1], radix: 16)
            else { return nil }
            return (start, end)
        }
    }
}
