// SPDX-License-Identifier: Apache-2.0
import AWS
import Testing

@Suite struct SettingsTests {
    private func reason(region: String = "eu-central-1", endpoint: String? = nil) -> String? {
        do {
            let settings = AWSSettings(region: region, endpoint: endpoint)
            _ = try AWSClient(service: "dynamodb", settings: settings, runtime: runtime.get())
            return nil
        } catch AWSError.settings(let reason) {
            return reason
        } catch { return "\(error)" }
    }

    @Test(arguments: [("eu-central-1", "dynamodb.eu-central-1.amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")])
    func `the region names the endpoint`(region: String, host: String) throws {
        let client = try AWSClient(service: "dynamodb", settings: AWSSettings(region: region), runtime: runtime.get())
        #expect(client.place.contains("https://") && client.place.contains(host))
    }

    @Test(arguments: ["", "Frankfurt", "eu_central_1", "eu-central-1.evil.example", "EU-CENTRAL-1"])
    func `what is no region`(region: String) {
        #expect(reason(region: region)?.contains("is not an AWS region") == true)
    }

    @Test(arguments: [
        "https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com", "https://host:8443/", "http://127.0.0.1:8000",
        "http://localhost", "http://[::1]:8000", "http://127.1.2.3:1",
    ])
    func `endpoints`(endpoint: String) { #expect(reason(endpoint: endpoint) == nil) }

    @Test(arguments: [
        "", "dynamodb", "ftp://host", "https://", "https://host/path", "https://user@host", "https://host:0",
        "https://host:x",
        "https://host:99999", "http://dynamodb.eu-central-1.amazonaws.com", "http://10.0.0.1:8000", "https://a b",
        "http://127.0.0.1.evil.example",
    ])
    func `what is no endpoint`(endpoint: String) {
        #expect(reason(endpoint: endpoint)?.contains("the endpoint '\(endpoint)' for dynamodb cannot be used") == true)
    }
}

@Suite struct RetryTests {
    private let error = AWSError.unreachable(reason: "x")

    @Test func `pauses are random up to a bound that doubles`() {
        let rules = RetryRules(attempts: 9, firstPause: .milliseconds(10), longestPause: .milliseconds(100))
        var longest = [Duration](repeating: .zero, count: 8)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<400 {
            var state = RetryState(rules: rules, isIdempotent: false)
            for place in 0..<8 {
                let decision = state.next(after: .notHappened(error), left: .seconds(60), using: &generator)
                guard case .retry(let pause) = decision else { return #expect(Bool(false), "gave up") }
                longest[place] = max(longest[place], pause)
            }
            #expect(state.next(after: .notHappened(error), left: .seconds(60), using: &generator) == .giveUp(error))
        }
        for (found, bound) in zip(longest, [10, 20, 40, 80, 100, 100, 100, 100]) {
            #expect(found <= .milliseconds(bound) && found > .milliseconds(bound) / 2)
        }
    }

    @Test func `what may have happened is tried again only where that is harmless`() {
        var generator = SystemRandomNumberGenerator()
        var careful = RetryState(rules: RetryRules(), isIdempotent: false)
        #expect(careful.next(after: .unknown(error), left: .seconds(9), using: &generator) == .giveUp(error))
        var harmless = RetryState(rules: RetryRules(), isIdempotent: true)
        #expect(harmless.next(after: .unknown(error), left: .seconds(9), using: &generator) != .giveUp(error))
        #expect(harmless.next(after: .final(error), left: .seconds(9), using: &generator) == .giveUp(error))
    }

    @Test func `after an attempt that may have happened nothing but a success is certain`() {
        var generator = SystemRandomNumberGenerator()
        var state = RetryState(rules: RetryRules(), isIdempotent: true)
        _ = state.next(after: .unknown(.unclear(reason: "no answer")), left: .seconds(9), using: &generator)
        let decision = state.next(after: .final(.settings(reason: "no table")), left: .seconds(9), using: &generator)
        #expect(decision == .giveUp(.unclear(reason: "no answer; after that: no table")))
    }

    @Test func `no pause is longer than what is left`() {
        var generator = SystemRandomNumberGenerator()
        var state = RetryState(rules: RetryRules(), isIdempotent: true)
        #expect(state.next(after: .notHappened(error), left: .zero, using: &generator) == .giveUp(error))
    }

    @Test func `what may be tried again leaves half of the time for that`() {
        let rules = RetryRules(attempts: 2, longestAttempt: .seconds(3))
        var generator = SystemRandomNumberGenerator()
        #expect(RetryState(rules: rules, isIdempotent: false).limit(left: .seconds(4)) == .seconds(4))
        var state = RetryState(rules: rules, isIdempotent: true)
        #expect(state.limit(left: .seconds(4)) == .seconds(2))
        #expect(state.limit(left: .seconds(40)) == .seconds(3))
        _ = state.next(after: .notHappened(error), left: .seconds(2), using: &generator)
        #expect(state.limit(left: .seconds(2)) == .seconds(2))
    }
}
