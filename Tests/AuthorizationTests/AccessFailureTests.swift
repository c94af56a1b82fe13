// SPDX-License-Identifier: Apache-2.0
// What is unwrapped here are literals of this file.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Authorization
import Encoding
import Testing

struct AccessFailureTests {
    @Test func `a few failures are free, then the address has to wait, and later it may try again`() {
        var failures = AccessFailures(burst: 3, rate: 0.5)
        let answers = (0..<5).map { _ in failures.fail(from: address("192.0.2.1"), at: 100).retryAfter }
        #expect(answers == [nil, nil, nil, 2, 2])
        #expect(failures.fail(from: address("192.0.2.1"), at: 101).retryAfter == 1)
        #expect(failures.fail(from: address("192.0.2.1"), at: 102).retryAfter == nil)
        #expect(failures.fail(from: address("192.0.2.1"), at: 102).retryAfter == 2)
        #expect(failures.fail(from: address("192.0.2.1"), at: 1_000).retryAfter == nil)
    }

    @Test func `one address does not pay for another, but a network of IPv6 counts as one`() {
        var failures = AccessFailures(burst: 1, rate: 1)
        #expect(failures.fail(from: address("192.0.2.1"), at: 0).retryAfter == nil)
        #expect(failures.fail(from: address("192.0.2.1"), at: 0).retryAfter == 1)
        #expect(failures.fail(from: address("192.0.2.2"), at: 0).retryAfter == nil)
        #expect(failures.fail(from: address("2001:db8::1"), at: 0).retryAfter == nil)
        #expect(failures.fail(from: address("2001:db8::2"), at: 0).retryAfter == 1)
        #expect(failures.fail(from: address("2001:db8:0:1::1"), at: 0).retryAfter == nil)
        #expect(failures.fail(from: nil, at: 0).retryAfter == nil)
    }

    @Test func `a million guesses are told in few lines, and none is lost`() {
        var failures = AccessFailures(burst: 20, rate: 1, tellingInterval: 10)
        var lines = 0
        var told = 0
        for guess in 0..<1_000_000 {
            let answer = failures.fail(from: address("192.0.2.1"), at: Int64(guess / 10_000))
            if answer.told > 0 { lines += 1 }
            told += answer.told
        }
        told += failures.fail(from: address("192.0.2.1"), at: 1_000).told
        #expect(told == 1_000_001)
        // Some at first, then one for each that became free again.
        #expect(lines < 150)
    }

    @Test func `what was kept back of an address that went quiet is told once it is due`() {
        var failures = AccessFailures(burst: 1, rate: 0.001, tellingInterval: 1)
        for _ in 0..<5 { _ = failures.fail(from: address("192.0.2.1"), at: 100) }
        _ = failures.fail(from: address("192.0.2.2"), at: 100)
        #expect(failures.due(at: 100).isEmpty)
        let due = failures.due(at: 101)
        #expect(due.map(\.count) == [4] && due[0].source?.description == "192.0.2.1")
        #expect(failures.due(at: 102).isEmpty)
        _ = failures.fail(from: address("192.0.2.1"), at: 102)
        _ = failures.fail(from: address("192.0.2.1"), at: 102)
        #expect(failures.due(at: 102).isEmpty)
        #expect(failures.due(at: 102, all: true).map(\.count) == [1])
    }

    @Test func `many addresses take no more room than there is`() {
        var failures = AccessFailures(burst: 2, rate: 1, most: 100)
        for number in UInt32(0)..<10_000 {
            _ = failures.fail(from: IPAddress(version4: number), at: 0)
        }
        // Those beyond share a place, which is spent.
        #expect(failures.fail(from: address("203.0.113.1"), at: 0).retryAfter != nil)
        // Later the quiet ones are forgotten.
        #expect(failures.fail(from: address("203.0.113.1"), at: 100).retryAfter == nil)
        #expect(failures.fail(from: address("203.0.113.2"), at: 100).retryAfter == nil)
    }
}

struct ClientAddressTests {
    static let proxied = ClientAddress(proxies: [try! AddressRange("10.0.0.0/8"), try! AddressRange("::1")])

    @Test(
        arguments: [
            // Nobody is a proxy of ours: what they say is worth nothing.
            (ClientAddress(), "10.0.0.1", ["192.0.2.7"], "10.0.0.1"),
            (proxied, "192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
            (proxied, "10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
            (proxied, "::1", [" 192.0.2.7 "], "192.0.2.7"),
            // The client wrote the first, the proxy the last.
            (proxied, "10.0.0.1", ["127.0.0.1, 192.0.2.7"], "192.0.2.7"),
            (proxied, "10.0.0.1", ["203.0.113.5, 192.0.2.7, 10.0.0.9"], "192.0.2.7"),
            (proxied, "10.0.0.1", ["203.0.113.5", "192.0.2.7"], "192.0.2.7"),
            (proxied, "10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
            (proxied, "10.0.0.1", [], "10.0.0.1"),
            // Some proxies write the port too.
            (proxied, "10.0.0.1", ["192.0.2.7:1234"], "192.0.2.7"),
            (proxied, "10.0.0.1", ["203.0.113.5, 192.0.2.7:1, 10.0.0.9:65535"], "192.0.2.7"),
            (proxied, "10.0.0.1", ["[2001:db8::7]:1234"], "2001:db8::7"),
            (proxied, "10.0.0.1", ["[::ffff:192.0.2.7]:1234"], "192.0.2.7"),
            // Not to be told.
            (proxied, "10.0.0.1", ["unknown"], nil), (proxied, "10.0.0.1", [""], nil),
            (proxied, "10.0.0.1", ["192.0.2.7:"], nil), (proxied, "10.0.0.1", ["192.0.2.7:65536"], nil),
            (proxied, "10.0.0.1", ["192.0.2.7:+1"], nil), (proxied, "10.0.0.1", ["192.0.2.7:1:2"], nil),
            (proxied, "10.0.0.1", ["[192.0.2.7:1"], nil), (proxied, "10.0.0.1", ["[]:1"], nil),
            (proxied, "10.0.0.1", ["\"192.0.2.7\""], nil), (proxied, "10.0.0.1", ["for=192.0.2.7"], nil),
            (proxied, "10.0.0.1", ["192.0.2.7,"], nil), (proxied, "10.0.0.1", ["10.0.0.2"], nil),
        ] as [(ClientAddress, String, [String], String?)]
    )
    func `the client is whom the first proxy of ours has seen`(
        rule: ClientAddress,
        socket: String,
        forwarded: [String],
        expected: String?
    ) {
        #expect(rule.resolve(socket: IPAddress(socket), forwarded: forwarded)?.description == expected)
    }
}
