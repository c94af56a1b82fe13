// SPDX-License-Identifier: Apache-2.0

/// How often and after which pauses a call is tried again: "full jitter", a random part of a pause that doubles, so that
/// many clients of a service in trouble do not come back all at once.
package struct RetryRules: Sendable {
    /// The first try counts.
    package var attempts: Int
    package var firstPause: Duration
    package var longestPause: Duration
    /// How long to wait for the answer to what may be asked again.
    package var longestAttempt: Duration

    package init(
        attempts: Int = 5,
        firstPause: Duration = .milliseconds(50),
        longestPause: Duration = .seconds(2),
        longestAttempt: Duration = .seconds(2)
    ) {
        self.attempts = attempts
        self.firstPause = firstPause
        self.longestPause = longestPause
        self.longestAttempt = longestAttempt
    }
}

/// Where one call stands: outcomes in, decisions out, no clock of its own.
package struct RetryState: Sendable {
    package enum Decision: Equatable, Sendable {
        case retry(after: Duration)
        case giveUp(AWSError)
    }

    private let rules: RetryRules
    private let isIdempotent: Bool
    private var failures = 0
    /// The first attempt that may have happened. After it nothing but a success is certain.
    private var unknown: AWSError?

    package init(rules: RetryRules, isIdempotent: Bool) {
        self.rules = rules
        self.isIdempotent = isIdempotent
    }

    /// How long one attempt may take. What may be tried again leaves at least half of the time for that.
    package func limit(left: Duration) -> Duration {
        let isLast = failures + 1 >= rules.attempts
        return isIdempotent && !isLast ? min(left / 2, rules.longestAttempt) : left
    }

    /// What to do after an attempt that was not a success, with `left` until the end of the call.
    package mutating func next(
        after answer: Answer,
        left: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> Decision {
        failures += 1
        let error: AWSError
        switch answer {
        case .success: preconditionFailure("a success is not tried again")
        case .final(let reason): return .giveUp(conclusion(reason))
        case .notHappened(let reason): error = reason
        case .unknown(let reason):
            if unknown == nil { unknown = reason }
            guard isIdempotent else { return .giveUp(conclusion(reason)) }
            error = reason
        }
        let longest = min(rules.longestPause, rules.firstPause * (1 << min(failures - 1, 16)))
        let pause = longest * Double.random(in: 0...1, using: &generator)
        guard failures < rules.attempts, pause < left else { return .giveUp(conclusion(error)) }
        return .retry(after: pause)
    }
    /// What a call that ends with `error` as a whole has to say.
    package func conclusion(_ error: AWSError) -> AWSError {
        guard let unknown, unknown != error else { return error }
        return .unclear(reason: "\(unknown); after that: \(error)")
    }
}
