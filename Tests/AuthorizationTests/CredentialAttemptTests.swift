// SPDX-License-Identifier: Apache-2.0
import Authorization
import Encoding
import Testing

struct CredentialAttemptTests {
    private let subject = CredentialAttempts.Subject.credential("0011", of: "alice")
    private let place = IPAddress(version4: 1)

    @Test func `some attempts are taken, then the address waits, and waiting is not counted`() {
        var attempts = CredentialAttempts(burst: 3, seconds: 5)
        let waits = (0..<5).map { _ in attempts.begin(subject, from: place, at: 100) }
        #expect(waits == [nil, nil, nil, 5, 5])
        #expect(attempts.begin(subject, from: place, at: 104) == 1)
        #expect(attempts.begin(subject, from: place, at: 105) == nil)
        #expect(attempts.begin(subject, from: place, at: 105) == 5)
        let later = (0..<4).map { _ in attempts.begin(subject, from: place, at: 10_000) }
        #expect(later == [nil, nil, nil, 5])
    }

    @Test func `what was right is not counted, however often`() {
        var attempts = CredentialAttempts(burst: 1, seconds: 5)
        for _ in 0..<100 {
            #expect(attempts.begin(subject, from: place, at: 0) == nil)
            attempts.excuse(subject, from: place, at: 0)
        }
        #expect(attempts.begin(subject, from: place, at: 0) == nil)
        // Not twice, either.
        #expect(attempts.begin(subject, from: place, at: 0) == 5)
    }

    @Test func `many at once are counted before any of them ends`() {
        var attempts = CredentialAttempts(burst: 10, seconds: 5)
        let begun = (0..<2000).filter { _ in attempts.begin(subject, from: place, at: 0) == nil }
        #expect(begun.count == 10)
    }

    @Test func `other addresses, credentials and operators do not wait, a network of IPv6 does as one`() {
        var attempts = CredentialAttempts(burst: 1, seconds: 5)
        #expect(attempts.begin(subject, from: place, at: 0) == nil)
        #expect(attempts.begin(subject, from: place, at: 0) != nil)
        #expect(attempts.begin(subject, from: IPAddress(version4: 2), at: 0) == nil)
        #expect(attempts.begin(subject, from: nil, at: 0) == nil)
        #expect(attempts.begin(.credential("0022", of: "alice"), from: place, at: 0) == nil)
        #expect(attempts.begin(.credential("0011", of: "bob"), from: place, at: 0) == nil)
        #expect(attempts.begin(.registration, from: place, at: 0) == nil)
        let network = UInt128(0x2001_0db8) << 96
        #expect(attempts.begin(subject, from: IPAddress(version6: network | 1), at: 0) == nil)
        #expect(attempts.begin(subject, from: IPAddress(version6: network | 2), at: 0) != nil)
        #expect(attempts.begin(subject, from: IPAddress(version6: network | 1 << 64), at: 0) == nil)
    }

    @Test func `where there is no more room nobody new waits, and who waits longest still does`() {
        var attempts = CredentialAttempts(burst: 3, seconds: 5, most: 100)
        for _ in 0..<3 { _ = attempts.begin(subject, from: place, at: 0) }
        for number in UInt32(100)..<5_000 {
            #expect(attempts.begin(subject, from: IPAddress(version4: number), at: 0) == nil)
        }
        #expect(attempts.begin(subject, from: place, at: 0) != nil)
    }
}
